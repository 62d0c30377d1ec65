"""The promises of DESIGN that only a whole run can show."""

from __future__ import annotations

import datetime as dt
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from fraudrisk.packs import Pack
from fraudrisk.run import RunResult
from fraudrisk.scoring import Scorecard
from fraudrisk.scoring.scorecard import BOUND
from fraudrisk.workspace import Workspace
from tests.conftest import AS_OF

pytestmark = pytest.mark.slow


def cells(office: Workspace, table: str) -> dict[str, str]:
    """All text of every record, by record id, as it is stored (masked)."""
    out: dict[str, str] = {}
    for row in office.table(table).astype(object).to_dict("records"):
        out[row["record_id"]] = out.get(row["record_id"], "") + "\n".join(str(v) for v in row.values() if isinstance(v, str)) + "\n"
    return out


def test_rows_balance(office: Workspace) -> None:
    for table in office.loaded:
        for manifest in office.imports(table):
            assert manifest["rows_in"] == manifest["rows_kept"] + manifest["rows_rejected"]
            stored = pq.read_metadata(office.path / "tables" / table / f"{manifest['import_id']}.parquet").num_rows
            assert stored == manifest["rows_kept"]
            rejects = pd.read_csv(office.path / "rejects" / table / f"{manifest['import_id']}.csv", dtype=str, encoding="utf-8-sig").fillna(
                ""
            )
            rejected = rejects[rejects["level"] == "row"]
            assert len(rejected) == manifest["rows_rejected"]
            assert (rejected[["table", "file", "row", "reason"]] != "").all(axis=None)


def test_evidence_is_quoted(office: Workspace, finished: RunResult) -> None:
    evidence = finished.evidence()
    assert len(evidence) > 10
    stored = {table: cells(office, table) for table in set(evidence["table_name"])}
    for row in evidence[evidence["quote"].notna()].to_dict("records"):
        assert row["quote"] in stored[row["table_name"]][row["record_id"]], row


def test_readings_quote_the_masked_text(office: Workspace, finished: RunResult) -> None:
    texts = office.table("complaint").drop_duplicates("record_id", keep="last").set_index("record_id")["text"]
    files = list((office.path / "derived" / "readings" / finished.manifest["model"]).glob("*.parquet"))
    readings = pd.concat([pd.read_parquet(f) for f in files])
    quoted = 0
    for row in readings.itertuples():
        for span in row.evidence:
            text = texts[row.record_id]
            assert text[span["start"] : span["end"]] == span["quote"]
            quoted += 1
    assert quoted > 10


def test_scores_are_their_reasons(finished: RunResult) -> None:
    parts = finished.contributions().set_index("business_id")
    scores = finished.scores().set_index("business_id")["score"]
    assert ((parts.sum(axis=1) - scores[parts.index]).abs() < 1e-9).all()


def test_every_point_of_a_listed_business_has_its_record(office: Workspace, finished: RunResult, pack: Pack) -> None:
    parts = finished.contributions().set_index("business_id")
    evidence = finished.evidence()
    have = set(zip(evidence["business_id"], evidence["feature"], strict=True))
    quoteless = {f.name for f in pack.features if f.agg == "attribute" and not f.quote}
    for indicator in pack.indicators.indicators:
        for business in parts.index[parts[indicator.id] > 0]:
            assert indicator.feature in quoteless or (business, indicator.feature) in have, (business, indicator.id)


def scan(path: Path) -> str:
    raw = path.read_bytes()
    if path.suffix == ".xlsx":
        with zipfile.ZipFile(path) as book:
            return "\n".join(book.read(n).decode("utf-8", "replace") for n in book.namelist() if n.endswith(".xml"))
    if path.suffix == ".parquet":
        frame = pd.read_parquet(path)
        texts = [
            frame[c].astype(str).str.cat(sep="\n")
            for c in frame.columns
            if not pd.api.types.is_numeric_dtype(frame[c]) and c not in ("uscc", "business_id", "reg_no", "entity_id")
        ]
        return "\n".join(texts)
    return raw.decode("utf-8", "replace")


def test_no_personal_data_leaves(office: Workspace, finished: RunResult, city_files: Path) -> None:
    given = set()
    for path in city_files.rglob("*"):
        if path.is_file() and path.suffix in (".csv", ".jsonl") and "truth" not in path.parts:
            for encoding in ("utf-8", "gb18030"):
                try:
                    given |= set(re.findall(r"(?<!\d)1[3-9]\d{9}(?!\d)", path.read_text(encoding=encoding)))
                    break
                except UnicodeDecodeError:
                    continue
    assert len(given) > 100, "the city must hold phones for this test to mean anything"
    for path in office.path.rglob("*"):
        if path.is_file() and path.suffix != "" and "spill" not in path.parts:
            leaked = set(re.findall(r"(?<!\d)1[3-9]\d{9}(?!\d)", scan(path))) & given
            assert not leaked, (path, leaked)


def test_the_notice_stands_everywhere(finished: RunResult, pack: Pack, office: Workspace) -> None:
    notice = pack.notice
    with zipfile.ZipFile(finished.folder / "线索清单.xlsx") as book:
        strings = book.read("xl/sharedStrings.xml").decode()
        sheets = [n for n in book.namelist() if n.startswith("xl/worksheets/sheet")]
    assert notice in strings
    import openpyxl

    book = openpyxl.load_workbook(finished.folder / "线索清单.xlsx")
    assert len(sheets) == len(book.worksheets) == 8
    assert all(str(s["A1"].value).startswith(notice) for s in book.worksheets)
    for line in (finished.folder / "线索清单.jsonl").read_text(encoding="utf-8").splitlines():
        assert json.loads(line)["声明"] == notice
    assert (finished.folder / "线索清单.csv").read_bytes().startswith(b"\xef\xbb\xbf")
    assert finished.manifest["notice"] == notice
    assert notice in office.explain(finished.clues()["统一社会信用代码"].iloc[0])


def test_silence_is_shown_with_its_exposure(finished: RunResult) -> None:
    coverage = pd.read_excel(finished.folder / "线索清单.xlsx", sheet_name="分行业覆盖", header=1, engine="openpyxl")
    silent = coverage[(coverage["列入清单"] == 0) & (coverage["区划"] != "合计") & (coverage["主体数"] > 0)]
    assert len(silent) > 3
    assert silent["提示"].str.contains("未见线索不等于没有风险").all()
    totals = coverage[(coverage["区划"] == "合计") & (coverage["行业"] != "全部行业")]
    assert coverage.iloc[-1]["列入清单"] == finished.manifest["clues"]
    assert totals["列入清单"].sum() == finished.manifest["clues"]
    assert totals["主体数"].sum() == finished.manifest["businesses_scored"]


def outputs(folder: Path) -> dict[str, bytes]:
    return {
        str(p.relative_to(folder)): p.read_bytes()
        for p in sorted(folder.rglob("*"))
        if p.is_file() and "work" not in p.relative_to(folder).parts
    }


def fresh(office: Workspace, to: Path) -> Path:
    shutil.copytree(office.path, to, ignore=shutil.ignore_patterns("runs", "derived", "clues"))
    return to


def run_command(workspace: Path, *more: str) -> list[str]:
    return [sys.executable, "-m", "fraudrisk.cli", "run", str(workspace), "--as-of", AS_OF.isoformat(), "--capacity", "40", *more]


def test_killed_anywhere_ends_with_the_same_bytes(office: Workspace, finished: RunResult, tmp_path: Path) -> None:
    """Promise 8: kill -9 at twelve moments, once each, then run to the end."""
    expected = outputs(finished.folder)
    started = time.monotonic()
    subprocess.run(run_command(fresh(office, tmp_path / "timing")), check=True, capture_output=True)
    whole = time.monotonic() - started
    workspace = fresh(office, tmp_path / "killed")
    killed = 0
    for part in range(1, 13):
        process = subprocess.Popen(run_command(workspace), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            process.wait(whole * (0.3 + part * 0.06))
        except subprocess.TimeoutExpired:
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
            killed += 1
    assert killed >= 3
    subprocess.run(run_command(workspace), check=True, capture_output=True)
    assert outputs(workspace / "runs" / AS_OF.isoformat()) == expected
    assert not list(workspace.rglob("*.part"))


def test_the_same_run_twice_gives_the_same_bytes(office: Workspace, finished: RunResult, tmp_path: Path) -> None:
    again = Workspace(fresh(office, tmp_path / "again")).run(AS_OF, 40)
    assert outputs(again.folder) == outputs(finished.folder)


def test_clue_numbers_stay_when_more_is_listed(office: Workspace, finished: RunResult, tmp_path: Path) -> None:
    copy = tmp_path / "more"
    shutil.copytree(office.path, copy)
    before = finished.clues().set_index("统一社会信用代码")["线索编号"]
    after = Workspace(copy).run(AS_OF + dt.timedelta(days=7), 60).clues().set_index("统一社会信用代码")["线索编号"]
    both = before.index.intersection(after.index)
    assert len(both)
    assert (before[both] == after[both]).all()
    assert before.str.fullmatch(r"YL-330299-202611-\d{4}").all()
    assert after.is_unique


def test_removing_the_quoted_records_changes_the_score_by_the_stated_points(office: Workspace, finished: RunResult, tmp_path: Path) -> None:
    """The reason with most points of the first clue, when it stands on its own table: without its records exactly its points are gone."""
    features = finished.features().set_index("business_id")
    evidence = finished.evidence()
    pack = office.pack
    card = Scorecard(pack)
    tried = 0
    for business, parts in finished.contributions().set_index("business_id").iterrows():
        for indicator in pack.indicators.indicators:
            points = parts[indicator.id]
            records = evidence[(evidence["business_id"] == business) & (evidence["feature"] == indicator.feature)]
            if points == 0 or records.empty or set(records["table_name"]) != {"abnormal_listing"}:
                continue
            copy = tmp_path / f"without{tried}"
            shutil.copytree(office.path, copy, ignore=shutil.ignore_patterns("runs", "clues"))
            for path in (copy / "tables" / "abnormal_listing").glob("*.parquet"):
                table = pq.read_table(path)
                kept = table.filter(~pd.Series(table.column("record_id").to_pylist()).isin(records["record_id"]).to_numpy())
                pq.write_table(kept, path)
                manifest = path.with_suffix(".json")
                manifest.write_text(
                    json.dumps({**json.loads(manifest.read_text(encoding="utf-8")), "bytes": path.stat().st_size}), encoding="utf-8"
                )
            without = Workspace(copy).run(AS_OF, 40).features().set_index("business_id").loc[[business]]
            now, then = (card.contributions(f).drop(columns=BOUND).sum(axis=1).iloc[0] for f in (without, features.loc[[business]]))
            assert then - now == pytest.approx(points)
            tried += 1
            if tried == 2:
                return
    assert tried, "no listed business stands on an abnormal listing"
