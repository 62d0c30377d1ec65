"""``fraudrisk --help`` against a bare Python. Goal: under 300 ms."""

from __future__ import annotations

import subprocess
import sys
import time


def seconds(*words: str) -> float:
    times = []
    for _ in range(9):
        begin = time.perf_counter()
        subprocess.run([sys.executable, *words], capture_output=True, check=True)
        times.append(time.perf_counter() - begin)
    return sorted(times)[len(times) // 2]


def main() -> None:
    base, ours = seconds("-c", "pass"), seconds("-m", "fraudrisk.cli", "--help")
    print(f"--help {ours * 1000:.0f} ms; bare Python {base * 1000:.0f} ms; ratio {ours / base:.1f} (goal 300 ms)")
