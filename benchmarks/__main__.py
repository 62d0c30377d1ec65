"""``python -m benchmarks [NAME…]``: run the benchmarks, each against a named baseline in the same run, and print the ratios."""

from __future__ import annotations

import sys

from benchmarks import cleaning, cold_start, demo_run, features, listing, reading, scoring, tokens

ALL = {m.__name__.rsplit(".", 1)[1]: m.main for m in (cleaning, features, tokens, reading, scoring, listing, cold_start, demo_run)}

if __name__ == "__main__":
    for name in sys.argv[1:] or ALL:
        print(f"== {name}")
        ALL[name]()
