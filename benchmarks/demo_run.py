"""The demo, from files to workbook, against reading the same files with pandas. Goal: under 90 s and 2 GB."""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks.measuring import apart


def demo(folder: str) -> int:
    from fraudrisk.demo import run_demo

    return len(run_demo(Path(folder), businesses=20_000, seed=7, capacity=50, tell=lambda *_: None))


def read_only(folder: str) -> int:
    import pandas as pd

    rows = 0
    for path in Path(folder, "files").iterdir():
        if path.suffix == ".csv":
            try:
                rows += len(pd.read_csv(path, dtype=str, encoding="gb18030", on_bad_lines="skip"))
            except UnicodeDecodeError:
                rows += len(pd.read_csv(path, dtype=str, on_bad_lines="skip"))
    return rows


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        seconds, memory, _ = apart(demo, folder)
        base, _, _ = apart(read_only, folder)
        print(
            f"demo: {seconds:.1f} s, {memory:.2f} GB; pandas reading its CSV files alone {base:.1f} s; ratio {seconds / base:.1f} (goal 90 s, 2 GB)"
        )
