"""Filling a release: a card for every scored business, written in batches, the shared part of cards once; clues; the name index."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from sqlalchemy import Engine, insert

from fraudrisk import __version__
from fraudrisk.casework import casework
from fraudrisk.clues.card import CardInputs, build_cards, history_sql, months_sql, related_sql
from fraudrisk.clues.numbers import read_numbers
from fraudrisk.clues.routing import owners
from fraudrisk.clues.standing import detail_sql, standing_sql
from fraudrisk.engines import Duck
from fraudrisk.engines.dialect import text_literal
from fraudrisk.errors import InputError
from fraudrisk.features.evidence import EVIDENCE, evidence_sql
from fraudrisk.publish import LIST, explained_features, open_views
from fraudrisk.scoring import Leader
from fraudrisk.service.names import build_index
from fraudrisk.service.schemas import SCHEMA_VERSION
from fraudrisk.service.tables import business, clue, fragment

if TYPE_CHECKING:
    import pandas as pd

    from fraudrisk.workspace import Workspace

__all__ = ["fill", "head_bytes", "index_folder", "versions_of"]

_BATCH = 50_000
_ROWS = 2_000
_TREND_RUNS = 60
_SHARED = ("as_of", "notice", "title", "category", "tactics", "checks", "gaps", "owner", "together", "conduct", "cap")
"""Keys of a card that many businesses have in common."""


def index_folder(workspace: Workspace, number: int) -> Path:
    """Where the name index of a release is."""
    return workspace.path / "search" / f"r{number:06d}"


def versions_of(manifest: dict[str, Any]) -> dict[str, str]:
    """What made a run: package, pack, text model, what ordered it, and the digest of all inputs.

    Raises
    ------
    InputError
        An older version made the run.
    """
    if missing := {"leader", "leader_digest"} - set(manifest):
        raise InputError(
            "this run was made by an older version of fraudrisk",
            where=f"run of {manifest.get('as_of')}: {', '.join(sorted(missing))} missing",
            mend="run again (fraudrisk run), then publish",
        )
    return {"fraudrisk": manifest["version"], "service": __version__, "pack": manifest["pack"], "pack_digest": manifest["pack_digest"], "model": manifest["model"],
            "leader": manifest["leader"], "leader_digest": manifest["leader_digest"], "run": manifest["digest"]}  # fmt: skip


def head_bytes(number: int, manifest: dict[str, Any], notice: str) -> bytes:
    """The first bytes of every card's answer; card and fragment complete it."""
    said = {
        "schema_version": SCHEMA_VERSION,
        "notice": notice,
        "release": number,
        "as_of": manifest["as_of"],
        "versions": versions_of(manifest),
    }
    return _dumps(said)[:-1] + b',"card":{'


def _dumps(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def fill(
    engine: Engine, workspace: Workspace, number: int, folder: Path, manifest: dict[str, Any], tell: Callable[[str, int, int], None]
) -> None:
    """Write all of a release but its row: 50,000 cards at a time.

    Parameters
    ----------
    engine : Engine
    workspace : Workspace
    number : int
        The release.
    folder : Path
        The finished run's.
    manifest : dict
        The run's.
    tell : callable
        Step, done, of how many.
    """
    day = dt.date.fromisoformat(manifest["as_of"])
    events = [t for t in manifest["inputs"] if t != "business"]
    leader = Leader.of_folder(folder / "leader", workspace.pack)
    numbers = read_numbers(workspace.path / "clues" / "numbers.jsonl")
    before = casework(workspace, day).before
    fragments: dict[bytes, int] = {}
    codes: list[str] = []
    names: list[list[str]] = []
    divisions: list[str] = []
    with Duck(memory=workspace.settings.engine_memory) as duck:
        open_views(duck, workspace, folder / "work" / manifest["digest"], events, manifest["model"])
        duck.execute(
            f"CREATE TEMP TABLE standing AS SELECT *, row_number() OVER (ORDER BY business_id) - 1 AS number FROM ({standing_sql(workspace.pack, day, events)})"
        )
        _trend(duck, workspace, day)
        total = manifest["businesses_scored"]
        for start in range(0, total, _BATCH):
            tell("写入服务库", start, total)
            duck.execute(
                f"CREATE OR REPLACE TEMP TABLE listed AS SELECT business_id FROM standing WHERE number >= {start} AND number < {start + _BATCH}"
            )
            frame, cards = _cards(duck, workspace, leader, day, events, before, numbers)
            rows = list(_rows(number, frame, cards, fragments, workspace.settings.division))
            codes += [r["business_id"] for r in rows]
            names += [[r["name"], *json.loads(r["former"] or "[]")] for r in rows]
            divisions += [r["division"] for r in rows]
            _insert(engine, business, rows)
        _insert(engine, fragment, [{"release_id": number, "fragment_id": n, "body": body} for body, n in fragments.items()])
        _insert(engine, clue, _clue_rows(duck, workspace, number, folder, numbers))
    build_index(index_folder(workspace, number), codes, names, divisions)
    tell("写入服务库", total, total)


def _trend(duck: Duck, workspace: Workspace, day: dt.date) -> None:
    """Scores on the days they changed, by business, from the runs up to this one."""
    runs = [d for d in workspace.runs() if d <= day][-_TREND_RUNS:]
    parts = " UNION ALL ".join(
        f"SELECT business_id, {text_literal(d.isoformat())} AS as_of, CAST(score AS DOUBLE) AS score, CAST(grade AS VARCHAR) AS grade "
        f"FROM read_parquet({text_literal(str(workspace.path / 'runs' / d.isoformat() / 'scores.parquet'))})"
        for d in runs
    )
    last = "OVER (PARTITION BY business_id ORDER BY as_of)"
    changed = f"SELECT *, lag(score) {last} AS last_score, lag(grade) {last} AS last_grade FROM ({parts})"
    duck.execute(
        f"CREATE TEMP TABLE trend AS SELECT business_id, CAST(to_json(list([as_of, CAST(score AS VARCHAR), grade] ORDER BY as_of)) AS VARCHAR) AS trend FROM ({changed}) "
        "WHERE last_score IS NULL OR last_score <> score OR last_grade <> grade GROUP BY business_id"
    )


def _cards(
    duck: Duck, workspace: Workspace, leader: Leader, day: dt.date, events: list[str], before: dict[str, float], numbers: dict[str, str]
) -> tuple[pd.DataFrame, list[dict[str, Any]]]:
    """Cards of the businesses in the table ``listed``, with the columns the store keeps beside them."""
    import pandas as pd

    pack, empty = workspace.pack, pd.DataFrame(columns=["business_id"])
    standing = duck.query("SELECT * FROM standing SEMI JOIN listed USING (business_id) ORDER BY business_id").to_pandas()
    detail = duck.query(detail_sql(day, events)).to_pandas()
    frame = standing.merge(detail, on="business_id", how="left")
    more = duck.query(
        "SELECT business_id, CAST(to_json(former_names) AS VARCHAR) AS former, trend FROM register SEMI JOIN listed USING (business_id) LEFT JOIN trend USING (business_id)"
    )
    frame = frame.merge(more.to_pandas(), on="business_id", how="left")
    features = explained_features(duck, leader)
    explained = leader.explain(features)
    history, months = history_sql(day, events), months_sql(pack, day) if "complaint" in events else None
    history_frame = duck.query(history).to_pandas() if history else empty
    months_frame = duck.query(months).to_pandas() if months else empty
    related = duck.query(related_sql(pack.indicators.hub_limit)).to_pandas()
    reasoned = explained.reasons["business_id"].unique()
    duck.view("reasoned", pa.table({"business_id": pa.array(reasoned.tolist(), pa.string())}))
    duck.execute("CREATE OR REPLACE TEMP TABLE listed AS SELECT business_id FROM reasoned")
    sql = evidence_sql(pack, day, events, explained.features)
    evidence = duck.query(sql).to_pandas() if sql else pd.DataFrame(columns=list(EVIDENCE))
    inputs = CardInputs(frame, features, explained.reasons, evidence, history_frame, months_frame, related, before, numbers)
    cards = build_cards(inputs, pack, as_of=day, visits_per_year=workspace.settings.visits_per_year)
    _place_related(duck, cards, related, workspace.settings.division)
    return frame, cards


def _place_related(duck: Duck, cards: list[dict[str, Any]], related: pd.DataFrame, division: str) -> None:
    """Say of tied businesses which division they are of, so that their grade is shown to nobody of another; in the card's own order."""
    duck.view("tied", pa.table({"other": pa.array(related["other"].unique().tolist(), pa.string())}))
    found = duck.query("SELECT t.other, r.division_code, r.district FROM tied t JOIN register r ON r.business_id = t.other").to_pandas()
    found = found.astype(object).where(found.notna(), None)
    places = {other: str(code or district or division)[:12] for other, code, district in found.itertuples(index=False)}
    others: dict[str, list[str]] = {}
    for business_id, other in zip(related["business_id"], related["other"], strict=True):
        others.setdefault(business_id, []).append(other)
    for card in cards:
        for tied, other in zip(card["related"], others.get(card["business_id"], ()), strict=False):
            tied["division"] = places[other]


def _rows(
    number: int, frame: pd.DataFrame, cards: list[dict[str, Any]], fragments: dict[bytes, int], division: str
) -> Iterator[dict[str, Any]]:
    """Rows of the store; the shared part of a card is kept once."""
    columns = (frame[c].astype(object).where(frame[c].notna(), None) for c in ("division_code", "district", "former", "trend"))
    for card, code, district, former, trend in zip(cards, *columns, strict=True):
        shared = _dumps({k: card[k] for k in _SHARED})[1:] + b"}"
        own = _dumps({k: v for k, v in card.items() if k not in _SHARED})[1:-1] + b","
        digest = hashlib.sha256(own + shared).hexdigest()[:16]
        yield {
            "release_id": number, "business_id": card["business_id"], "uscc": card["uscc"], "name": card["name"], "former": None if former in (None, "null") else former,
            "division": str(code or district or division)[:12], "state": card["status"], "grade": card["grade"], "score": card["score"], "trend": trend or "[]",
            "etag": f'"r{number}-{digest}"', "fragment_id": fragments.setdefault(shared, len(fragments)), "card": own,
        }  # fmt: skip


def _clue_rows(duck: Duck, workspace: Workspace, number: int, folder: Path, numbers: dict[str, str]) -> list[dict[str, Any]]:
    """Every clue number ever given whose business is in the run."""
    lines: dict[str, Any] = {}
    with (folder / f"{LIST}.jsonl").open(encoding="utf-8") as stream:
        for raw in stream:
            line = json.loads(raw)
            lines[line["线索编号"]] = line
    duck.view(
        "numbered",
        pa.table({"business_id": pa.array(list(numbers), pa.string()), "clue_id": pa.array(list(numbers.values()), pa.string())}),
    )
    found = duck.query(
        "SELECT s.*, n.clue_id, r.division_code FROM standing s JOIN numbered n USING (business_id) JOIN register r USING (business_id) ORDER BY clue_id"
    ).to_pandas()
    if found.empty:
        return []
    found["owner"] = owners(found, workspace.pack)
    labels = workspace.pack.category_labels
    rows = []
    for row in found.astype(object).where(found.notna(), None).to_dict("records"):
        line = lines.get(row["clue_id"])
        rows.append(
            {
                "release_id": number, "clue_id": row["clue_id"], "business_id": row["business_id"], "name": row["name"] or "(无名称)",
                "division": str(row["division_code"] or row["district"] or workspace.settings.division)[:12], "owner": line["建议责任单位"] if line else row["owner"],
                "grade": row["grade"], "score": float(row["score"]), "category": labels.get(row["category"]), "place": int(line["序号"]) if line else 0,
                "line": json.dumps(line, ensure_ascii=False) if line else None,
            }
        )  # fmt: skip
    return rows


def _insert(engine: Engine, table: Any, rows: list[dict[str, Any]]) -> None:
    """In small transactions, so that other writers of the store wait a moment at most."""
    for start in range(0, len(rows), _ROWS):
        with engine.begin() as connection:
            connection.execute(insert(table), rows[start : start + _ROWS])
