"""Search by name over a million names: how often the misspelt name's owner comes first, and how quickly.

``python -m benchmarks.service_search NAMES.csv [dev]``: the file has a column of registered names. The others of the million are made by
joining the beginning of one name with the end of another, which makes them harder to tell apart than real ones. Questions are names with one
mistake: a character of the same sound, another character, one left out, two changed round, one doubled; half of them without the legal form.
Weights were set on the half of the names called dev; the figures are of the other half. Goals: p95 under 50 ms, first right 95 %.
"""

from __future__ import annotations

import csv
import random
import re
import sys
import tempfile
import time
import zlib
from collections import Counter, defaultdict
from pathlib import Path

from fraudrisk.service.names import NameIndex, build_index

TOTAL, ASKED = 1_000_000, 2_000
LEGAL = re.compile(r"(?:有限责任公司|股份有限公司|有限公司|合伙企业.*|公司|个体工商户)$")
KINDS = ("same sound", "other character", "left out", "changed round", "doubled")


def names_of(path: str) -> list[str]:
    with Path(path).open(encoding="utf-8") as stream:
        return list(dict.fromkeys(n for row in csv.reader(stream) if row and 4 <= len(n := row[0].strip()) <= 40 and n != "business_name"))


def filled(names: list[str], draw: random.Random) -> list[str]:
    known, out = set(names), list(names)
    while len(out) < TOTAL:
        a, b = draw.choice(names), draw.choice(names)
        made = a[: max(2, len(a) // 2)] + b[len(b) // 2 :]
        if made not in known:
            known.add(made)
            out.append(made)
    return out


def sounds(names: list[str]) -> dict[str, list[str]]:
    from pypinyin import lazy_pinyin

    by = defaultdict(list)
    for c, n in Counter("".join(names)).items():
        if "\u4e00" <= c <= "\u9fff" and n > 20:
            by[lazy_pinyin(c)[0]].append(c)
    return {c: [o for o in some if o != c] for some in by.values() for c in some}


def misspelt(name: str, kind: str, same: dict[str, list[str]], letters: list[str], draw: random.Random) -> str:
    at = draw.randrange(len(name) - 1)
    if kind == "same sound":
        places = [i for i, c in enumerate(name) if same.get(c)]
        if places:
            at = draw.choice(places)
            return name[:at] + draw.choice(same[name[at]]) + name[at + 1 :]
        kind = "other character"
    if kind == "other character":
        return name[:at] + draw.choice(letters) + name[at + 1 :]
    if kind == "left out":
        return name[:at] + name[at + 1 :]
    if kind == "doubled":
        return name[:at] + name[at] + name[at:]
    return name[:at] + name[at + 1] + name[at] + name[at + 2 :]


def questions(names: list[str], draw: random.Random) -> list[tuple[str, str, str]]:
    same, letters = sounds(names), list("".join(names[:5000]))
    out = []
    for n in range(ASKED):
        name, kind = draw.choice(names), KINDS[n % len(KINDS)]
        short = LEGAL.sub("", name) if n % 2 else name
        out.append((name, kind, misspelt(short if len(short) >= 4 else name, kind, same, letters, draw)))
    return out


def main() -> None:
    names = names_of(sys.argv[1])
    half = [n for n in names if zlib.crc32(n.encode()) % 2 == (0 if "dev" in sys.argv else 1)]
    draw = random.Random(3)
    whole = filled(names, draw)
    with tempfile.TemporaryDirectory() as folder:
        begin = time.perf_counter()
        index: NameIndex = build_index(
            Path(folder) / "index", [str(i) for i in range(len(whole))], [[n] for n in whole], ["330299"] * len(whole)
        )
        built = time.perf_counter() - begin
        size = sum(p.stat().st_size for p in (Path(folder) / "index").iterdir()) / 1e6
        begin = time.perf_counter()
        index = NameIndex.open(Path(folder) / "index")
        opened = time.perf_counter() - begin
        place = {n: str(i) for i, n in enumerate(whole)}
        index.search("康寿健康咨询")
        seconds, right, wrong = [], Counter(), []
        for name, kind, question in questions(half, draw):
            begin = time.perf_counter()
            found = index.search(question, most=20)
            seconds.append(time.perf_counter() - begin)
            first = found[0][0] if found else ""
            right[kind] += first == place[name]
            if first != place[name]:
                wrong.append((name, question, whole[int(first)] if first else ""))
        seconds.sort()
        print(
            f"{len(whole):,} names ({len(names):,} registered ones): built in {built:.0f} s, {size:,.0f} MB on disk, opened in {opened * 1000:.0f} ms"
        )
        print(
            f"{ASKED:,} misspelt names: first right {100 * sum(right.values()) / ASKED:.1f} % (goal 95): "
            + ", ".join(f"{k} {100 * right[k] / (ASKED / len(KINDS)):.1f}" for k in KINDS)
        )
        print(
            f"p50 {1000 * seconds[len(seconds) // 2]:.1f} ms, p95 {1000 * seconds[int(0.95 * len(seconds))]:.1f} ms, longest {1000 * seconds[-1]:.1f} ms (goal p95 50)"
        )
        for initials in ("ksjkzx", "bjkjyxgs", "zzzzq"):
            begin = time.perf_counter()
            index.search(initials, most=20)
            print(f"initials {initials}: {1000 * (time.perf_counter() - begin):.1f} ms")
        if "dev" in sys.argv:
            for line in wrong[:25]:
                print(line)


if __name__ == "__main__":
    main()
