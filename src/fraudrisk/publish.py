"""The last step of a run: choose, explain, and write what people receive; the manifest last of all."""

from __future__ import annotations

import datetime as dt
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from fraudrisk import __version__
from fraudrisk.casework import Casework, casework
from fraudrisk.clues import listing
from fraudrisk.clues.card import CardInputs, build_cards, history_sql, months_sql, related_sql
from fraudrisk.clues.cardfiles import card_rows, write_cards
from fraudrisk.clues.coverage import coverage
from fraudrisk.clues.harm import expected_harm
from fraudrisk.clues.held import held_list, hold_back
from fraudrisk.clues.lookback import look_back, old_tickets, old_tickets_sql, ties_sql
from fraudrisk.clues.numbers import assign_numbers, read_numbers
from fraudrisk.clues.prioritise import DIRECTED, prioritise
from fraudrisk.clues.routing import owners
from fraudrisk.clues.standing import complaints_sql, detail_sql, standing_sql
from fraudrisk.clues.workbook import Sheets, csv_columns, field_notes, safe_text, write_workbook
from fraudrisk.engines import Duck
from fraudrisk.features.evidence import EVIDENCE, evidence_sql
from fraudrisk.files import atomic_path, atomic_text, write_parquet
from fraudrisk.packs import Pack
from fraudrisk.scoring import Leader
from fraudrisk.scoring.reasons import Explained

if TYPE_CHECKING:
    import pandas as pd

    from fraudrisk.workspace import Workspace

__all__ = ["explained_features", "open_views", "publish"]

Progress = Callable[[str, int, int], None]
LIST = "线索清单"
CARDS = "重点线索卡"
HELD = "暂缓核查"
_STEPS = 4
_YEAR = 365


def publish(
    workspace: Workspace, work: Path, folder: Path, as_of: dt.date, capacity: int, manifest: dict[str, Any], leader: Leader, tell: Progress
) -> dict[str, Any]:
    """Write list, cards, evidence, workbook and manifest of a scored run into `folder`.

    Returns
    -------
    dict
        The manifest, with counts.
    """
    events = [t for t in workspace.loaded if t != "business"]
    tell("清单", 0, _STEPS)
    cases = casework(workspace, as_of)
    with Duck(memory=workspace.settings.engine_memory) as duck:
        open_views(duck, workspace, work, events, manifest["model"])
        chosen = _choose(duck, workspace, cases, as_of, capacity, events)
        tell("清单", 1, _STEPS)
        told = _tell(duck, workspace, chosen, cases, leader, as_of, events)
    tell("清单", 2, _STEPS)
    manifest = _manifest(manifest, workspace, chosen, told, leader)
    for name in ("scores", "features"):
        with atomic_path(folder / f"{name}.parquet") as part:
            shutil.copyfile(work / f"{name}.parquet", part)
    _keep_leader(workspace.path / "models", folder / "leader", leader)
    _write_frames(folder, chosen, told)
    _write_files(folder, workspace, chosen, told, cases, leader, manifest, as_of)
    tell("清单", 3, _STEPS)
    with atomic_text(folder / "manifest.json") as stream:
        json.dump(manifest, stream, ensure_ascii=False, indent=1)
    tell("清单", _STEPS, _STEPS)
    return manifest


@dataclass(frozen=True)
class _Chosen:
    """Everybody with what decides about a place, those on the list, and those who would be were they not held back."""

    scored: pd.DataFrame
    picked: pd.DataFrame
    held: pd.DataFrame


@dataclass(frozen=True)
class _Told:
    """What is said of the listed."""

    lines: pd.DataFrame
    explained: Explained
    evidence: pd.DataFrame
    cards: list[dict[str, Any]]
    lookback: pd.DataFrame


def _choose(duck: Duck, workspace: Workspace, cases: Casework, as_of: dt.date, capacity: int, events: list[str]) -> _Chosen:
    import pandas as pd

    pack, settings = workspace.pack, workspace.settings
    scored = duck.query(standing_sql(pack, as_of, events)).to_pandas()
    scored["expected_harm"] = expected_harm(scored, pack.indicators.harm)
    scored["owner"] = owners(scored, pack)
    holds = hold_back(scored, cases.in_hand, as_of=as_of, revisit_days=settings.revisit_days, visits_per_year=settings.visits_per_year)
    scored[["held", "proposal"]] = holds[["held", "proposal"]]
    scored["looked_at"] = (pd.Timestamp(as_of) - pd.to_datetime(scored["last_meant"])).dt.days <= _YEAR
    picked = prioritise(
        scored,
        capacity,
        district_share=settings.district_share,
        sector_share=settings.sector_share,
        minimum_grade=settings.minimum_grade,
        minimum_score=settings.minimum_score,
        department_capacity=settings.department_capacity,
        weeks=settings.weeks,
        silent=settings.silent_share,
        explore=settings.exploration_share,
        draw=as_of.isoformat(),
    )
    held = scored[scored["held"].notna() & (scored["grade"] >= settings.minimum_grade) & (scored["score"] >= settings.minimum_score)]
    held = held.sort_values(["expected_harm", "business_id"], ascending=[False, True], kind="stable")
    return _Chosen(scored, picked, held)


def _tell(duck: Duck, workspace: Workspace, chosen: _Chosen, cases: Casework, leader: Leader, as_of: dt.date, events: list[str]) -> _Told:
    import pandas as pd

    pack, settings, picked = workspace.pack, workspace.settings, chosen.picked
    _only(duck, picked["business_id"])
    features = explained_features(duck, leader)
    explained = leader.explain(features)
    sql = evidence_sql(pack, as_of, events, explained.features)
    evidence = duck.query(sql).to_pandas() if sql else pd.DataFrame(columns=list(EVIDENCE))
    detail = picked.merge(duck.query(detail_sql(as_of, events)).to_pandas(), on="business_id", how="left")
    complaints = duck.query(complaints_sql(pack, as_of)).to_pandas() if "complaint" in events else None
    numbers = assign_numbers(
        workspace.path / "clues" / "numbers.jsonl", picked["business_id"].tolist(), division=settings.division, as_of=as_of
    )
    lines = listing.build_list(
        listing.ListInputs(detail, complaints, explained.reasons, numbers), pack, as_of=as_of, reasons_shown=settings.reasons_shown
    )
    lookback = _look_back(duck, workspace, chosen, cases, leader, numbers, as_of, events)
    top = detail[detail["selection_reason"] == DIRECTED].head(settings.cards)
    _only(duck, top["business_id"])
    empty = pd.DataFrame(columns=["business_id"])
    history = history_sql(as_of, events)
    cards = build_cards(
        CardInputs(
            top, features[features["business_id"].isin(set(top["business_id"]))], explained.reasons, evidence,
            duck.query(history).to_pandas() if history else empty,
            duck.query(months_sql(pack, as_of)).to_pandas() if "complaint" in events else empty,
            duck.query(related_sql(pack.indicators.hub_limit)).to_pandas(), cases.before, numbers,
        ),
        pack, as_of=as_of, visits_per_year=settings.visits_per_year,
    )  # fmt: skip
    return _Told(lines, explained, evidence, cards, lookback)


def _look_back(
    duck: Duck,
    workspace: Workspace,
    chosen: _Chosen,
    cases: Casework,
    leader: Leader,
    numbers: dict[str, str],
    as_of: dt.date,
    events: list[str],
) -> pd.DataFrame:
    import pandas as pd

    pack = workspace.pack
    ties = duck.query(ties_sql(pack.indicators.hub_limit)).to_pandas()
    ties = ties.assign(clue_id=ties["other"].map(numbers))
    tables = []
    if len(cases.closed):
        _only(duck, cases.closed["business_id"])
        points = leader.explain(explained_features(duck, leader)).contributions
        tables.append(look_back(cases.closed, chosen.scored, cases.points_then, points, ties, pack))
    if "complaint" in events:
        old = duck.query(old_tickets_sql(pack, as_of, workspace.settings.old_ticket_days)).to_pandas()
        known = {*read_numbers(workspace.path / "clues" / "numbers.jsonl")}
        tables.append(old_tickets(old, chosen.scored, known, ties))
    kept = [t for t in tables if len(t)]
    return (
        pd.concat(kept, ignore_index=True)
        if kept
        else look_back(cases.closed.head(0), chosen.scored, cases.points_then, cases.points_then, ties, pack)
    )


def _only(duck: Duck, businesses: pd.Series) -> None:
    """Make `businesses` the view ``listed``."""
    duck.view("listed", pa.table({"business_id": pa.array(businesses.tolist(), pa.string())}))


def explained_features(duck: Duck, leader: Leader) -> pd.DataFrame:
    """Features of the businesses in the view ``listed``, with the categories the leader reads."""
    columns = "".join(f", r.{c}" for c in leader.categories)
    frame: pd.DataFrame = duck.query(
        f"SELECT f.*{columns} FROM features f SEMI JOIN listed USING (business_id) JOIN register r USING (business_id) ORDER BY f.business_id"
    ).to_pandas()
    return frame


def open_views(duck: Duck, workspace: Workspace, work: Path, events: list[str], model: str) -> None:
    """Make what a run computed readable by name."""
    for name in ("register", "features", "scores", *(f"fact_{t}" for t in events)):
        duck.view(name, [work / f"{name}.parquet"])
    for table in ("complaint", "ad_monitor"):
        if table in events:
            duck.view(f"{table}_rows", workspace.files(table))
    if "complaint" in events:
        duck.view("all_readings", [workspace.reading_path(model, f) for f in workspace.files("complaint")])
        duck.execute(
            "CREATE OR REPLACE VIEW readings AS SELECT * FROM all_readings QUALIFY row_number() OVER (PARTITION BY record_id ORDER BY text_key) = 1"
        )


def _keep_leader(models: Path, target: Path, leader: Leader) -> None:
    """Keep beside the run what scored it, so that it can be explained years later."""
    shutil.rmtree(target, ignore_errors=True)
    if leader.digest == Leader.of_pack(leader.pack).digest:
        return
    part = target.with_name(f".{target.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    for name in ("champion.json", "points.json"):
        if (models / name).is_file():
            shutil.copyfile(models / name, part / name)
    if leader.model is not None:
        shutil.copytree(models / "risk", part / "risk")
    part.rename(target)


def _write_frames(folder: Path, chosen: _Chosen, told: _Told) -> None:
    picked = chosen.picked
    selection = picked[
        ["business_id", "rank", "week", "chosen_by", "selection_reason", "propensity", "probability", "expected_harm"]
    ].assign(pool=len(chosen.scored) - int((picked["selection_reason"] == DIRECTED).sum()))
    frames = {
        "contributions": told.explained.contributions.reset_index(),
        "selection": selection,
        "evidence": told.evidence,
        "held": chosen.held[["business_id", "grade", "score", "expected_harm", "held", "proposal"]],
    }
    for name, frame in frames.items():
        write_parquet(pa.Table.from_pandas(frame, preserve_index=False), folder / f"{name}.parquet")


def _write_files(
    folder: Path,
    workspace: Workspace,
    chosen: _Chosen,
    told: _Told,
    cases: Casework,
    leader: Leader,
    manifest: dict[str, Any],
    as_of: dt.date,
) -> None:
    import pandas as pd

    pack, settings, lines = workspace.pack, workspace.settings, told.lines
    flat = lines[list(csv_columns())]
    _write_csv(flat, folder / f"{LIST}.csv", pack)
    _write_csv(held_list(chosen.held, pack.category_labels).drop(columns="business_id"), folder / f"{HELD}.csv", pack)
    with atomic_text(folder / f"{LIST}.jsonl") as stream:
        for record in flat.assign(声明=pack.notice).to_dict("records"):
            stream.write(
                json.dumps({k: None if v is None or v != v else v for k, v in record.items()}, ensure_ascii=False, default=str) + "\n"
            )
    with atomic_text(folder / "cards.jsonl") as stream:
        stream.writelines(json.dumps(card, ensure_ascii=False) + "\n" for card in told.cards)
    footer = f"{pack.version} fraudrisk {__version__} 模型{manifest['model']} 截至{as_of}"
    write_cards(told.cards, folder / f"{CARDS}.html", as_of=as_of.isoformat(), notice=pack.notice, footer=footer)
    sheets = Sheets(
        cover=_cover(manifest, workspace, leader.label, as_of),
        clues=lines[list(listing.COLUMNS + listing.LEDGER_COLUMNS)],
        cards=[card_rows(card) for card in told.cards],
        coverage=coverage(chosen.scored, set(chosen.picked["business_id"]), pack),
        overdue=cases.overdue,
        lookback=told.lookback.drop(columns="business_id"),
        evidence=_quoted(told.evidence, told.explained.reasons, pack, lines),
        fields=pd.DataFrame(field_notes(pack), columns=["字段", "说明"]),
        overdue_note=cases.note,
    )
    write_workbook(sheets, folder / f"{LIST}.xlsx", pack, footer=footer, sheet_rows=settings.sheet_rows)


_TABLE_NAMES = {"business": "登记", "complaint": "诉求", "penalty": "处罚", "abnormal_listing": "异常名录", "serious_violation": "严重违法", "license": "许可",
                "annual_report": "年报", "inspection": "检查", "ad_monitor": "广告监测", "opinion": "舆情", "registration_change": "变更", "outcome": "核查结果"}  # fmt: skip


def _quoted(evidence: pd.DataFrame, reasons: pd.DataFrame, pack: Pack, lines: pd.DataFrame) -> pd.DataFrame:
    """The evidence sheet: every reason of every clue, with the records behind it."""
    merged = reasons.merge(evidence, on=["business_id", "feature"], how="left").merge(
        lines[["business_id", "线索编号", "企业/项目名称", "序号"]], on="business_id"
    )
    merged = merged.sort_values(["序号", "position", "happened_on", "record_id"], ascending=[True, True, False, True], kind="stable")
    counters = {i.id: i.counter for i in pack.indicators.indicators}
    out = merged.assign(指标=merged["indicator"], 反证=merged["indicator"].map(counters), 来源=merged["table_name"].map(_TABLE_NAMES))
    out = out.rename(columns={"sentence": "理由", "points": "加分", "happened_on": "日期", "record_id": "记录编号", "quote": "摘录"})
    return out[["线索编号", "企业/项目名称", "指标", "理由", "加分", "来源", "记录编号", "日期", "摘录", "反证"]].reset_index(drop=True)


def _write_csv(frame: pd.DataFrame, path: Path, pack: Pack) -> None:
    """CSV with BOM; text that a spreadsheet would run is text, and the notice stands in it."""
    safe = frame.map(lambda v: safe_text(v) if isinstance(v, str) else v)
    safe["声明"] = pack.notice
    with atomic_text(path, encoding="utf-8-sig", newline="") as stream:
        safe.to_csv(stream, index=False)


def _manifest(manifest: dict[str, Any], workspace: Workspace, chosen: _Chosen, told: _Told, leader: Leader) -> dict[str, Any]:
    tables = {}
    for table in workspace.loaded:
        imports = workspace.imports(table)
        tables[table] = {k: sum(m[k] for m in imports) for k in ("rows_in", "rows_kept", "rows_rejected")} | {
            "files": [m["source"] for m in imports]
        }
    grades = chosen.scored["grade"].value_counts()
    return {
        **manifest,
        "version": __version__,
        "pack": workspace.pack.version,
        "pack_digest": workspace.pack.digest,
        "leader": leader.kind,
        "leader_digest": leader.digest,
        "tables": tables,
        "businesses_scored": len(chosen.scored),
        "grades": {g: int(grades.get(g, 0)) for g in "ABCD"},
        "clues": len(told.lines),
        "chosen_by": {str(k): int(v) for k, v in chosen.picked["chosen_by"].value_counts().sort_index().items()},
        "held_back": len(chosen.held),
        "cards": len(told.cards),
        "look_back": len(told.lookback),
        "notice": workspace.pack.notice,
    }


def _cover(manifest: dict[str, Any], workspace: Workspace, leader: str, as_of: dt.date) -> pd.DataFrame:
    import pandas as pd

    rows = [
        ("声明", workspace.pack.notice),
        ("截至日期(as-of)", f"{as_of}:当日及以后才知道的事实一律未用"),
        ("用途", manifest["purpose"]),
        ("行政区划", workspace.settings.division),
        ("版本", f"知识包 {manifest['pack']}(摘要 {manifest['pack_digest']});fraudrisk {manifest['version']};文本模型 {manifest['model']}"),
        ("排序依据", f"{leader};预期危害=查实概率×危害×紧急程度"),
        (
            "评分主体数",
            f"{manifest['businesses_scored']:,}户;A {manifest['grades']['A']:,} B {manifest['grades']['B']:,} C {manifest['grades']['C']:,} D {manifest['grades']['D']:,}",
        ),
        (
            "清单条数",
            f"{manifest['clues']}条(可核查能力{manifest['capacity']})；" + "、".join(f"{k}{v}条" for k, v in manifest["chosen_by"].items()),
        ),
        ("暂缓核查", f"{manifest['held_back']}户，原因见“{HELD}.csv”"),
    ]
    for table, counts in manifest["tables"].items():
        rows.append(
            (
                f"数据:{_TABLE_NAMES[table]}",
                f"读入{counts['rows_in']:,}行=采用{counts['rows_kept']:,}行+退回{counts['rows_rejected']:,}行；文件{len(counts['files'])}个",
            )
        )
    return pd.DataFrame(rows, columns=["项目", "内容"])
