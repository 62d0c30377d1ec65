"""What could not be taken, and where: every row or cell left out has table, file, row, column, value, reason and mend."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from fraudrisk.files import atomic_text
from fraudrisk.privacy import mask_text

__all__ = ["Fault", "RejectReport"]

Level = Literal["row", "cell", "repair"]


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing left out or mended.

    ``level`` says how much: the whole ``row`` was rejected, one ``cell`` was emptied, or a value was mended (``repair``).
    """

    file: str
    row: int
    column: str
    value: str
    reason: str
    mend: str = ""
    level: Level = "row"

    def place(self) -> str:
        """``file.csv, row 12, column 成立日期, value '2031-13-01'``."""
        parts = [self.file, f"row {self.row}"]
        if self.column:
            parts.append(f"column {self.column}")
        if self.value:
            parts.append(f"value '{self.value}'")
        return ", ".join(parts)


@dataclass(slots=True)
class RejectReport:
    """Counts and faults of one import; rows in = kept + rejected, always.

    Examples
    --------
    >>> report = RejectReport("penalty", "a.csv", rows_in=3, rows_kept=2)
    >>> report.add(Fault("a.csv", 3, "决定日期", "2031-01-01", "a date in the future"))
    >>> report.rows_rejected, report.balanced
    (1, True)
    """

    table: str
    file: str
    rows_in: int = 0
    rows_kept: int = 0
    faults: list[Fault] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)

    def add(self, fault: Fault) -> None:
        """Record one fault."""
        self.faults.append(fault)

    def extend(self, faults: Iterable[Fault]) -> None:
        """Record several faults."""
        self.faults.extend(faults)

    @property
    def rows_rejected(self) -> int:
        """Rows left out."""
        return sum(f.level == "row" for f in self.faults)

    @property
    def balanced(self) -> bool:
        """Whether every row is accounted for."""
        return self.rows_in == self.rows_kept + self.rows_rejected

    def reasons(self, level: Level) -> dict[str, int]:
        """How often each reason occurred at `level`, most frequent first."""
        return dict(Counter(f.reason for f in self.faults if f.level == level).most_common())

    def write(self, path: Path) -> None:
        """Write all faults as CSV (UTF-8 with BOM, for Excel); values are masked."""
        with atomic_text(path, encoding="utf-8-sig", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow(["level", "table", "file", "row", "column", "value", "reason", "mend"])
            for f in sorted(self.faults, key=lambda f: (f.row, f.column, f.level)):
                writer.writerow([f.level, self.table, f.file, f.row, f.column, mask_text(f.value), f.reason, f.mend])
