"""Why one business has its score, in words, with the records behind every point."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import pyarrow as pa

from fraudrisk.clues.numbers import read_numbers
from fraudrisk.engines import Duck
from fraudrisk.engines.dialect import text_literal
from fraudrisk.errors import InputError, NotFoundError
from fraudrisk.features import evidence_sql
from fraudrisk.publish import explained_features, open_views
from fraudrisk.scoring import Leader

if TYPE_CHECKING:
    from fraudrisk.run import RunResult
    from fraudrisk.workspace import Workspace

__all__ = ["explain_business"]


def explain_business(workspace: Workspace, wanted: str, as_of: dt.date | None = None) -> str:
    """Score, grade, every reason with its quotes and record numbers, counter-evidence, and the notice.

    Parameters
    ----------
    workspace : Workspace
    wanted : str
        USCC, business id, clue number, or full name.
    as_of : datetime.date, optional
        Which run; the latest when not given.

    Raises
    ------
    NotFoundError
        No run, or no such business in it.
    InputError
        A name that several businesses have; lists their ids.
    """
    result = workspace.result(as_of)
    pack = workspace.pack
    day = dt.date.fromisoformat(result.manifest["as_of"])
    events = [t for t in result.manifest["inputs"] if t != "business"]
    with Duck(memory=workspace.settings.engine_memory) as duck:
        open_views(duck, workspace, result.folder / "work" / result.manifest["digest"], events, result.manifest["model"])
        business, name = _find(duck, workspace, wanted, result)
        duck.view("listed", pa.table({"business_id": [business]}))
        leader = Leader.of_folder(result.folder / "leader", pack)
        features = explained_features(duck, leader)
        explained = leader.explain(features)
        sql = evidence_sql(pack, day, events, explained.features)
        evidence = duck.query(sql).to_pandas() if sql else None
        assessed = duck.query("SELECT s.* FROM scores s SEMI JOIN listed USING (business_id)").to_pylist()[0]
    lines = [f"{name}  {business}", f"{pack.taxonomy.title} {assessed['grade']}级  {assessed['score']:g}分  截至{day}", ""]
    for reason in explained.reasons.to_dict("records"):
        lines.append(f"{reason['points']:+g}  {reason['sentence']}  [{reason['indicator']}]")
        quotes = evidence[evidence["feature"] == reason["feature"]].to_dict("records") if evidence is not None else []
        lines += [
            f"      {q['happened_on']:%Y-%m-%d} {q['record_id']}“{q['quote']}”"
            if q["happened_on"] == q["happened_on"]
            else f"      {q['record_id']}“{q['quote']}”"
            for q in quotes
        ]
        counter = next((i.counter for i in pack.indicators.indicators if i.id == reason["indicator"]), None)
        if counter:
            lines.append(f"      可能的反证:{counter}")
    if explained.reasons.empty:
        lines.append("没有加分或减分的理由；缺失的数据不加分，没有线索不等于没有风险")
    return "\n".join([*lines, "", pack.notice])


def _find(duck: Duck, workspace: Workspace, wanted: str, result: RunResult) -> tuple[str, str]:
    numbers = {clue: business for business, clue in read_numbers(workspace.path / "clues" / "numbers.jsonl").items()}
    key = text_literal(numbers.get(wanted, wanted).strip())
    found = duck.query(
        f"SELECT business_id, coalesce(name, '') AS name FROM register WHERE business_id = {key} OR uscc = upper({key}) OR name = {key} ORDER BY business_id"
    ).to_pylist()
    if not found:
        raise NotFoundError(
            f"no business '{wanted}' in the run of {result.manifest['as_of']}", mend="give its USCC, id, clue number or full name"
        )
    if len(found) > 1:
        raise InputError(
            f"{len(found)} businesses are called '{wanted}'", mend="give one of the ids: " + ", ".join(f["business_id"] for f in found[:8])
        )
    return found[0]["business_id"], found[0]["name"]
