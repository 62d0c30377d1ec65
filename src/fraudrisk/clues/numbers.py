"""Clue numbers ``YL-division-YYYYMM-NNNN``: a business keeps the number it was first listed under."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from pathlib import Path

from fraudrisk.errors import IntegrityError
from fraudrisk.files import atomic_text

__all__ = ["assign_numbers", "read_numbers"]


def read_numbers(path: Path) -> dict[str, str]:
    """Numbers given so far: business to number.

    Raises
    ------
    IntegrityError
        The register of numbers is damaged; names the line.
    """
    numbers: dict[str, str] = {}
    if path.is_file():
        for line, raw in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            try:
                entry = json.loads(raw)
                numbers[entry["business_id"]] = entry["clue"]
            except (json.JSONDecodeError, KeyError, TypeError) as error:
                raise IntegrityError(
                    "the register of clue numbers is damaged", where=f"{path}, row {line}", mend="restore it from a backup"
                ) from error
    return numbers


def assign_numbers(path: Path, businesses: Sequence[str], *, division: str, as_of: dt.date) -> dict[str, str]:
    """Numbers of `businesses`, new ones counted on within the month; the register is written before it is used.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "numbers.jsonl"
    >>> assign_numbers(path, ["b", "a"], division="330299", as_of=dt.date(2026, 11, 1))
    {'b': 'YL-330299-202611-0001', 'a': 'YL-330299-202611-0002'}
    >>> assign_numbers(path, ["c", "a"], division="330299", as_of=dt.date(2026, 11, 8))
    {'c': 'YL-330299-202611-0003', 'a': 'YL-330299-202611-0002'}
    """
    numbers = read_numbers(path)
    prefix = f"YL-{division}-{as_of:%Y%m}-"
    used = max((int(n.removeprefix(prefix)) for n in numbers.values() if n.startswith(prefix)), default=0)
    fresh = [b for b in businesses if b not in numbers]
    for offset, business in enumerate(fresh, 1):
        numbers[business] = f"{prefix}{used + offset:04d}"
    if fresh:
        with atomic_text(path) as stream:
            for business, clue in sorted(numbers.items(), key=lambda item: item[1]):
                stream.write(json.dumps({"clue": clue, "business_id": business}, ensure_ascii=False) + "\n")
    return {b: numbers[b] for b in businesses}
