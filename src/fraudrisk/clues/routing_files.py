"""Routing a file of complaints: each text is read, then decided cases and the pack's rules say who owns it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fraudrisk.clues.router import Router, describe
from fraudrisk.clues.routing import Route, route
from fraudrisk.complaints.grams import fold_text
from fraudrisk.complaints.reader import ComplaintReader
from fraudrisk.errors import InputError
from fraudrisk.files import atomic_text
from fraudrisk.packs import Pack, load_pack
from fraudrisk.privacy import mask_text

__all__ = ["read_lines", "route_file"]

_BLOCK = 1024
_NOBODY = "不转办"
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
    reader, router = ComplaintReader.load(pack=pack), Router.load()
    known = set(router.departments) <= set(pack.routing.departments)  # another field of fraud has its rules
    counts: Counter[str] = Counter()
    with atomic_text(out) as stream:
        for block in _blocks(read_lines(source), source, set(pack.category_labels)):
            for row, found in zip(block, _routed(block, pack, reader, router if known else None), strict=True):
                counts[found.owner] += 1
                line = {"id": row["id"], "owner": found.owner, "also": list(found.also), "reason": found.reason}
                stream.write(json.dumps(line, ensure_ascii=False) + "\n")
    return dict(counts)


def _routed(block: list[dict[str, Any]], pack: Pack, reader: ComplaintReader, router: Router | None) -> list[Route]:
    """Rules first; where decided cases point elsewhere, they win, and the rule's owner is named among the others."""
    texts = [fold_text(mask_text(row["text"])) for row in block]
    read = list(reader.read_block([row["text"] for row in block], [""] * len(block)))
    ruled, cases = [], []
    for row, text, reading in zip(block, texts, read, strict=True):
        firm = row.get("business") or {}
        about = " ".join([*(str(v) for k, v in firm.items() if k in ("name", "entity_type", "scope")), *(firm.get("licences") or ())])
        category = row.get("category") or reading["category"]
        code = str(firm.get("uscc") or firm.get("uscc_prefix") or "")
        ruled.append(route(pack, category, reading["tactics"], code, text=text, business=fold_text(about)))
        cases.append(describe(text, firm, category, reading["tactics"], pack))
    if router is None:
        return ruled
    out = []
    for rule, text, (owner, _, others) in zip(ruled, texts, router.owners(texts, cases), strict=True):
        if owner == rule.owner or not text.strip():
            out.append(rule)
        else:
            also = [d for d in dict.fromkeys([*others, rule.owner]) if d not in (owner, _NOBODY)]
            out.append(Route(owner, () if owner == _NOBODY else tuple(also), pack.routing.duties.get(owner, rule.reason)))
    return out


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
