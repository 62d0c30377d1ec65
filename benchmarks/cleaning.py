"""Cleaning and masking 1 M registration rows against ``pandas.read_csv(dtype=str)`` on the same file. Goal: within 8x."""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks.measuring import apart, best

ROWS = 1_000_000


def make(path: str) -> None:
    from fraudrisk.simulate import CitySpec, simulate_city

    city = simulate_city(CitySpec(seed=1, businesses=ROWS))
    table = city.tables["business"]
    from fraudrisk.records import get_table

    names = {c.name: c.zh for c in get_table("business").columns}
    table.rename(columns=names).to_csv(path, index=False)


def read_plain(path: str) -> int:
    import pandas as pd

    return len(pd.read_csv(path, dtype=str))


def clean(path: str) -> int:
    from fraudrisk.privacy import KeyedHash
    from fraudrisk.records.importing import write_source
    from fraudrisk.records.tables import get_table

    return write_source(path, get_table("business"), Path(path + ".parquet"), hasher=KeyedHash(b"k" * 32)).rows_kept


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/register.csv"
        apart(make, path)
        size = Path(path).stat().st_size / 1e6
        base, _, _ = best(read_plain, path)
        ours, memory, kept = best(clean, path)
        print(
            f"cleaning {kept:,} rows ({size:.0f} MB): {ours:.1f} s, {memory:.2f} GB; pandas.read_csv(dtype=str) {base:.1f} s; ratio {ours / base:.2f} (goal 8)"
        )
