"""A list of 500 from a million scored businesses: choosing, explaining, writing; against reading the same scores with pandas.

Goals: the list in under 20 s, its workbook in under 10 s. The million is a synthetic city of 20,000 fifty times over, with other ids.
"""

from __future__ import annotations

import datetime as dt
import shutil
import tempfile
import time
from pathlib import Path

from benchmarks.measuring import apart

_TIMES = 50
_AS_OF = dt.date(2026, 11, 1)


def _city(folder: Path) -> Path:
    """A finished city, and its last steps fifty times over."""
    import duckdb

    from fraudrisk.simulate import CitySpec, simulate_city
    from fraudrisk.workspace import Workspace

    workspace = Workspace.create(folder / "office", division="330299")
    for table, rows in simulate_city(CitySpec()).tables.items():
        workspace.import_table(table, rows)
    result = workspace.run(_AS_OF, 50)
    work = folder / "work"
    work.mkdir()
    names = ("register", "features", "scores", *(f"fact_{t}" for t in result.manifest["inputs"] if t != "business"))
    for name in names:
        source = result.folder / "work" / result.manifest["digest"] / f"{name}.parquet"
        duckdb.sql(f"""COPY (SELECT r.* REPLACE (business_id || lpad(CAST(k AS VARCHAR), 2, '0') AS business_id)
          FROM read_parquet('{source}') r, range({_TIMES}) t(k) ORDER BY 1) TO '{work / f"{name}.parquet"}' (FORMAT parquet)""")
    return folder


def _list(folder: Path) -> tuple[int, dict[str, float]]:
    import fraudrisk.publish as module
    from fraudrisk.run import RunResult
    from fraudrisk.scoring import Leader
    from fraudrisk.workspace import Workspace

    workspace = Workspace(folder / "office")
    model = RunResult.open(workspace.path / "runs" / _AS_OF.isoformat()).manifest["model"]
    manifest = {"as_of": _AS_OF.isoformat(), "capacity": 500, "inputs": {}, "model": model, "purpose": "benchmark"}
    spent: dict[str, float] = {}
    write = module.write_workbook

    def timed(*args: object, **kwargs: object) -> None:
        begin = time.perf_counter()
        write(*args, **kwargs)  # type: ignore[arg-type]
        spent["workbook"] = time.perf_counter() - begin

    module.write_workbook = timed
    target = folder / "big"
    target.mkdir(exist_ok=True)
    done = module.publish(workspace, folder / "work", target, _AS_OF, 500, manifest, Leader.of_pack(workspace.pack), lambda *_: None)
    return int(done["clues"]), spent | {f"chosen {k}": float(v) for k, v in done["chosen_by"].items()}


def _baseline(folder: Path) -> int:
    import pandas as pd

    scores = pd.read_parquet(folder / "work" / "scores.parquet")
    return len(scores.sort_values(["score", "business_id"], ascending=[False, True]).head(500))


def main() -> None:
    """Print seconds, memory, and the ratio to reading and sorting the scores alone."""
    folder = Path(tempfile.mkdtemp())
    try:
        apart(_city, folder)
        seconds, memory, (clues, spent) = apart(_list, folder)
        plain, _, _ = apart(_baseline, folder)
        print(
            f"{clues} clues from 1,000,000 businesses: {seconds:.1f} s with {spent.pop('workbook'):.1f} s for the workbook (goals 20 and 10), {memory:.1f} GB; "
            f"{seconds / plain:.1f}x of reading and sorting the scores with pandas ({plain:.1f} s); {spent}"
        )
    finally:
        shutil.rmtree(folder, ignore_errors=True)
