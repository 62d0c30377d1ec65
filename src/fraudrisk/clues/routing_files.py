"""Routing a file of complaints: each text is read, then the pack's rules decide."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fraudrisk.clues.routing import route
from fraudrisk.complaints.grams import fold_text
from fraudrisk.complaints.reader import ComplaintReader
from fraudrisk.errors import InputError
from fraudrisk.files import atomic_text
from fraudrisk.packs import Pack, load_pack
from fraudrisk.privacy import mask_text

__all__ = ["read_lines", "route_file"]

_BLOCK = 1024
_BUSINESS = ("name", "entity_type", "uscc", "uscc_prefix", "scope", "licences")


def route_file(source: Path, out: Path, *, pack: Pack | None = None) -> dict[str, int]:
    """Name the owner of every complaint of a JSON Lines file: ``id, text``, optional ``category`` and ``business``.

    Returns
    -------
    dict
        How many each department owns.

    Raises
    ------
    InputError
        A line that is no object, without text, or with an unknown category or key of the business; names file and row.
    """
    pack = pack or load_pack()
    reader = ComplaintReader.load(pack=pack)
    counts: Counter[str] = Counter()
    with atomic_text(out) as stream:
        for block in _blocks(read_lines(source), source, set(pack.category_labels)):
            read = reader.read_block([row["text"] for row in block], [""] * len(block))
            for row, reading in zip(block, read, strict=True):
                firm = row.get("business") or {}
                about = fold_text(
                    " ".join(str(v) for k, v in firm.items() if k in ("name", "entity_type", "scope"))
                    + " "
                    + " ".join(firm.get("licences") or ())
                )
                found = route(
                    pack,
                    row.get("category") or reading["category"],
                    reading["tactics"],
                    str(firm.get("uscc") or firm.get("uscc_prefix") or ""),
                    text=fold_text(mask_text(row["text"])),
                    business=about,
                )
                counts[found.owner] += 1
                stream.write(
                    json.dumps(
                        {"id": row["id"], "owner": found.owner, "also": list(found.also), "reason": found.reason}, ensure_ascii=False
                    )
                    + "\n"
                )
    return dict(counts)


def read_lines(source: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Row number and object of every line that is not blank; each has ``id`` and ``text``.

    Raises
    ------
    InputError
        Names file and row.
    """
    if not source.is_file():
        raise InputError("there is no such file", where=str(source), mend="check the path")
    try:
        lines = source.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise InputError("the file is not UTF-8", where=source.name, mend="save it as UTF-8 JSON Lines") from error
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise InputError(f"damaged JSON: {error.msg}", where=f"{source.name}, row {number}", mend="one JSON object a line") from error
        if not isinstance(row, dict) or not isinstance(row.get("text"), str):
            raise InputError(
                "the row has no text", where=f"{source.name}, row {number}, column text", mend='write {"id": "1", "text": "…"}'
            )
        yield number, {**row, "id": row.get("id", str(number))}


def _blocks(rows: Iterator[tuple[int, dict[str, Any]]], source: Path, categories: set[str]) -> Iterator[list[dict[str, Any]]]:
    block: list[dict[str, Any]] = []
    for number, row in rows:
        place = f"{source.name}, row {number}"
        if row.get("category") and row["category"] not in categories:
            raise InputError(
                "there is no such category", where=f"{place}, value {row['category']!r}", mend="use one of " + ", ".join(sorted(categories))
            )
        firm = row.get("business")
        if firm is not None and (not isinstance(firm, dict) or not set(firm) <= set(_BUSINESS)):
            raise InputError("business is described by other keys", where=place, mend="use " + ", ".join(_BUSINESS))
        block.append(row)
        if len(block) == _BLOCK:
            yield block
            block = []
    if block:
        yield block
