"""The last step of a run: choose, explain, and write what people receive; the manifest last of all."""

from __future__ import annotations

import datetime as dt
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from fraudrisk import __version__
from fraudrisk.clues import listing
from fraudrisk.clues.coverage import coverage
from fraudrisk.clues.numbers import assign_numbers
from fraudrisk.clues.prioritise import DIRECTED, prioritise
from fraudrisk.clues.standing import complaints_sql, detail_sql, standing_sql
from fraudrisk.clues.workbook import Sheets, csv_columns, field_notes, write_workbook
from fraudrisk.engines import Duck
from fraudrisk.features.evidence import EVIDENCE, evidence_sql
from fraudrisk.files import atomic_path, atomic_text, write_parquet
from fraudrisk.packs import Pack
from fraudrisk.scoring.reasons import explain

if TYPE_CHECKING:
    import pandas as pd

    from fraudrisk.workspace import Workspace

__all__ = ["open_views", "publish"]

Progress = Callable[[str, int, int], None]
LIST = "线索清单"


def publish(
    workspace: Workspace, work: Path, folder: Path, as_of: dt.date, capacity: int, manifest: dict[str, Any], tell: Progress
) -> dict[str, Any]:
    """Write list, evidence, workbook and manifest of a scored run into `folder`.

    Returns
    -------
    dict
        The manifest, with counts.
    """
    import pandas as pd

    pack, settings = workspace.pack, workspace.settings
    events = [t for t in workspace.loaded if t != "business"]
    tell("清单", 0, 3)
    with Duck(memory=settings.engine_memory) as duck:
        open_views(duck, workspace, work, events, manifest["model"])
        scored = duck.query(standing_sql(pack, as_of, events)).to_pandas()
        picked = prioritise(
            scored,
            capacity,
            district_share=settings.district_share,
            sector_share=settings.sector_share,
            minimum_grade=settings.minimum_grade,
            explore=settings.exploration_share,
            draw=as_of.isoformat(),
        )
        duck.view("listed", pa.Table.from_pandas(picked[["business_id"]], preserve_index=False))
        features = duck.query("SELECT f.* FROM features f SEMI JOIN listed USING (business_id) ORDER BY business_id").to_pandas()
        explained = explain(pack, features)
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
    quoted = _quoted(evidence, explained.reasons, pack, lines)
    table = coverage(scored, set(picked["business_id"]), pack)
    manifest = _manifest(manifest, workspace, scored, lines, as_of)
    tell("清单", 1, 3)
    for name in ("scores", "features"):
        with atomic_path(folder / f"{name}.parquet") as part:
            shutil.copyfile(work / f"{name}.parquet", part)
    write_parquet(pa.Table.from_pandas(explained.contributions.reset_index(), preserve_index=False), folder / "contributions.parquet")
    selection = picked[["business_id", "rank", "selection_reason", "propensity"]].assign(
        pool=len(scored) - int((picked["selection_reason"] == DIRECTED).sum())
    )
    write_parquet(pa.Table.from_pandas(selection, preserve_index=False), folder / "selection.parquet")
    write_parquet(pa.Table.from_pandas(evidence, preserve_index=False), folder / "evidence.parquet")
    _write_flat(lines, folder, pack)
    footer = f"{pack.version} fraudrisk {__version__} 模型{manifest['model']} 截至{as_of}"
    sheets = Sheets(
        _cover(manifest, workspace, as_of),
        lines[list(listing.COLUMNS + listing.LEDGER_COLUMNS)],
        quoted,
        table,
        pd.DataFrame(field_notes(pack), columns=["字段", "说明"]),
    )
    write_workbook(sheets, folder / f"{LIST}.xlsx", pack, footer=footer, sheet_rows=settings.sheet_rows)
    tell("清单", 2, 3)
    with atomic_text(folder / "manifest.json") as stream:
        json.dump(manifest, stream, ensure_ascii=False, indent=1)
    tell("清单", 3, 3)
    return manifest


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


def _write_flat(lines: pd.DataFrame, folder: Path, pack: Pack) -> None:
    """CSV with BOM and JSON Lines of the same list; the notice stands in both."""
    from fraudrisk.clues.workbook import safe_text

    flat = lines[list(csv_columns())].copy()
    safe = flat.map(lambda v: safe_text(v) if isinstance(v, str) else v)
    safe["声明"] = pack.notice
    with atomic_text(folder / f"{LIST}.csv", encoding="utf-8-sig", newline="") as stream:
        safe.to_csv(stream, index=False)
    with atomic_text(folder / f"{LIST}.jsonl") as stream:
        for record in flat.assign(声明=pack.notice).to_dict("records"):
            stream.write(
                json.dumps({k: None if v is None or v != v else v for k, v in record.items()}, ensure_ascii=False, default=str) + "\n"
            )


def _manifest(manifest: dict[str, Any], workspace: Workspace, scored: pd.DataFrame, lines: pd.DataFrame, as_of: dt.date) -> dict[str, Any]:
    tables = {}
    for table in workspace.loaded:
        imports = workspace.imports(table)
        tables[table] = {k: sum(m[k] for m in imports) for k in ("rows_in", "rows_kept", "rows_rejected")} | {
            "files": [m["source"] for m in imports]
        }
    grades = scored["grade"].value_counts()
    return {
        **manifest,
        "version": __version__,
        "pack": workspace.pack.version,
        "pack_digest": workspace.pack.digest,
        "tables": tables,
        "businesses_scored": len(scored),
        "grades": {g: int(grades.get(g, 0)) for g in "ABCD"},
        "clues": len(lines),
        "notice": workspace.pack.notice,
    }


def _cover(manifest: dict[str, Any], workspace: Workspace, as_of: dt.date) -> pd.DataFrame:
    import pandas as pd

    rows = [
        ("声明", workspace.pack.notice),
        ("截至日期(as-of)", f"{as_of}:当日及以后才知道的事实一律未用"),
        ("用途", manifest["purpose"]),
        ("行政区划", workspace.settings.division),
        ("版本", f"知识包 {manifest['pack']}(摘要 {manifest['pack_digest']});fraudrisk {manifest['version']};文本模型 {manifest['model']}"),
        (
            "评分主体数",
            f"{manifest['businesses_scored']:,}户;A {manifest['grades']['A']:,} B {manifest['grades']['B']:,} C {manifest['grades']['C']:,} D {manifest['grades']['D']:,}",
        ),
        ("清单条数", f"{manifest['clues']}条(可核查能力{manifest['capacity']})"),
    ]
    for table, counts in manifest["tables"].items():
        rows.append(
            (
                f"数据:{_TABLE_NAMES[table]}",
                f"读入{counts['rows_in']:,}行=采用{counts['rows_kept']:,}行+退回{counts['rows_rejected']:,}行；文件{len(counts['files'])}个",
            )
        )
    return pd.DataFrame(rows, columns=["项目", "内容"])
