"""The whole job on a synthetic city, for people who want to see it work."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from fraudrisk.simulate import SIMULATOR_VERSION, CitySpec, simulate_city, write_city
from fraudrisk.workspace import Workspace

if TYPE_CHECKING:
    from fraudrisk.run import RunResult

__all__ = ["run_demo", "summary"]


def run_demo(folder: Path, *, businesses: int, seed: int, capacity: int, tell: Callable[[str, int, int], None]) -> str:
    """Simulate, import, run; returns what to print."""
    spec = CitySpec(seed=seed, businesses=businesses)
    files, office = folder / "files", folder / "office"
    catalogue = files / "目录.json"
    tell("模拟城市", 0, 1)
    if not (catalogue.is_file() and json.loads(catalogue.read_text(encoding="utf-8")).get("spec", {}).get("businesses") == businesses):
        write_city(simulate_city(spec), files)
    tell("模拟城市", 1, 1)
    listed: dict[str, list[str]] = json.loads(catalogue.read_text(encoding="utf-8"))["tables"]
    workspace = Workspace.create(office, division=spec.division)
    total = sum(map(len, listed.values()))
    done = 0
    for table, names in listed.items():
        for name in names:
            workspace.import_table(table, files / name)
            done += 1
            tell("读入文件", done, total)
    result = workspace.run(min(spec.end, dt.datetime.now().astimezone().date()), capacity, progress=tell)
    head = f"synthetic city, simulator {SIMULATOR_VERSION}, seed {seed}, {businesses:,} businesses: nobody real; figures measured on it are plumbing checks\n"
    return head + summary(result)


def summary(result: RunResult) -> str:
    """What a run read, rejected, scored and listed, and where the files are."""
    m = result.manifest
    lines = [
        f"as of {m['as_of']} · pack {m['pack']} · model {m['model']}",
        "",
        f"{'table':22}{'rows in':>12}{'kept':>12}{'rejected':>12}  files",
    ]
    for table, counts in m["tables"].items():
        lines.append(f"{table:22}{counts['rows_in']:>12,}{counts['rows_kept']:>12,}{counts['rows_rejected']:>12,}  {len(counts['files'])}")
    grades = "  ".join(f"{g} {n:,}" for g, n in m["grades"].items())
    lines += ["", f"scored {m['businesses_scored']:,} businesses: {grades}", f"listed {m['clues']} clues (capacity {m['capacity']})", ""]
    for clue in result.clues().head(5).to_dict("records"):
        reason = str(clue["主要理由"]).split("\n")[0]
        lines.append(f"  {clue['线索编号']}  {clue['风险等级']} {clue['评分']:>5}  {clue['企业/项目名称']}  {reason}")
    lines += [
        "",
        f"workbook  {result.folder / '线索清单.xlsx'}",
        f"also      {result.folder / '线索清单.csv'}, 线索清单.jsonl, evidence.parquet, scores.parquet",
    ]
    lines += [f"rejects   {result.folder.parents[1] / 'rejects'}", "", m["notice"]]
    return "\n".join(lines)
