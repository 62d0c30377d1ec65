"""Linking a file of texts to a register file: what the command line calls."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa

from fraudrisk.complaints.grams import fold_text
from fraudrisk.complaints.reader import ComplaintReader
from fraudrisk.errors import InputError
from fraudrisk.linking.linker import NameLinker
from fraudrisk.privacy import mask_text
from fraudrisk.records.cleaning import clean_text
from fraudrisk.records.importing import read_table
from fraudrisk.records.readers import open_source
from fraudrisk.records.writers import RowWriter

__all__ = ["link_file"]

_TEXT = ("text", "诉求内容", "投诉内容", "内容", "正文", "content")
_OTHER = {
    "title": ("title", "标题"),
    "id": ("id", "ticket_id", "工单编号", "登记编号"),
    "respondent": ("respondent", "respondent_name", "mention", "被投诉人"),
    "place": ("place", "place_text", "address", "事发地"),
}


def link_file(source: Path, register: Path, out: Path, *, tell: Callable[[str, int, int], None] = lambda *_: None) -> dict[str, int]:
    """Link each text of a file; one row out per row in.

    Returns
    -------
    dict
        ``rows``, ``linked``, ``ambiguous``, ``none``.

    Raises
    ------
    InputError
        A file that cannot be read, without texts, or a register without names.
    """
    linker = NameLinker().fit(read_table(register, "business"))
    reader = ComplaintReader.load()
    opened = open_source(source)
    text = next((opened.headers.index(n) for n in _TEXT if n in opened.headers), None)
    if text is None:
        raise InputError(
            "there is no column 'text'",
            where=f"{opened.name}, columns {', '.join(opened.headers[:12])}",
            mend="name the text column 'text'",
        )
    at = {key: next((opened.headers.index(n) for n in names if n in opened.headers), None) for key, names in _OTHER.items()}
    counts = {"rows": 0, "linked": 0, "ambiguous": 0, "none": 0}
    with RowWriter(out, ["id", "mention", "business", "score", "candidates"]) as writer:
        for batch in opened.batches:
            cells = {key: _cells(batch.table, position) for key, position in at.items()}
            texts = [
                mask_text(clean_text(f"{title}\n{body}" if title else body))
                for title, body in zip(cells["title"], _cells(batch.table, text), strict=True)
            ]
            found = reader.respondents([fold_text(t) for t in texts])
            said = [given or (name.quote if name else "") for given, name in zip(cells["respondent"], found, strict=True)]
            linked = linker.link(texts, mentions=said, places=cells["place"])
            ids = cells["id"] if at["id"] is not None else [str(r) for r in batch.rows.to_pylist()]
            for key, row in zip(ids, linked.to_dict("records"), strict=True):
                writer.write({"id": key, **{str(k): v for k, v in row.items()}})
                counts["rows"] += 1
                counts["linked" if row["business"] else "ambiguous" if row["candidates"] else "none"] += 1
            tell("关联", counts["rows"], 0)
    return counts


def _cells(table: pa.Table, position: int | None) -> list[str]:
    return [""] * table.num_rows if position is None else [c or "" for c in table.column(position).to_pylist()]
