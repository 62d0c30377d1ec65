"""Checking a file of reports: what the command line calls."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

from fraudrisk.clues.routing_files import read_lines
from fraudrisk.files import atomic_text
from fraudrisk.outcomes.reports import check_report

__all__ = ["check_file"]


def check_file(source: Path, out: Path) -> dict[str, int]:
    """Check every report of a JSON Lines file (``id, text``): ``id, conclusion, faults`` out, row by row in order.

    Returns
    -------
    dict
        ``reports``, ``faulty`` and how often each code was found.

    Raises
    ------
    InputError
        A line without text, or no JSON; names file and row.
    """
    counts: Counter[str] = Counter(reports=0, faulty=0)
    with atomic_text(out) as stream:
        for _, row in read_lines(source):
            done = check_report(row["text"])
            counts["reports"] += 1
            counts["faulty"] += bool(done.faults)
            counts.update(f.code for f in done.faults)
            faults = [{"code": f.code, "quote": f.quote, "mend": f.mend} for f in done.faults]
            stream.write(json.dumps({"id": row["id"], "conclusion": done.conclusion, "faults": faults}, ensure_ascii=False) + "\n")
    return dict(counts)
