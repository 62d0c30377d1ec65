"""Reading and learning from files: what the command line calls."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa

from fraudrisk.complaints.reader import COLUMNS, ComplaintReader
from fraudrisk.complaints.training import load_corpus, prepare, save_classifier, train_classifier, train_parts
from fraudrisk.errors import InputError
from fraudrisk.records.readers import open_source
from fraudrisk.records.writers import RowWriter

__all__ = ["classify_file", "train_corpus", "train_file"]

_TEXT = ("text", "诉求内容", "投诉内容", "内容", "正文", "工单内容", "content")
_TITLE = ("title", "标题", "诉求标题", "主题")
_DEFAULT: dict[str, Any] = {"C": 4.0, "chars": (1, 2), "words": 0, "bits": 20, "min_df": 3}
"""Settings of the shipped model: short runs carry over between hands better; see docs/reading.md for what else was tried."""
_FRAUD = 0.4
"""Probability from which a text is called fraud, all fraud categories together (docs/reading.md says what else was tried)."""
_ID = ("id", "ticket_id", "工单编号", "登记编号", "编号")


def classify_file(
    source: Path,
    out: Path,
    *,
    model: Path | None = None,
    keep_text: bool = False,
    abstain: float = 0.0,
    tell: Callable[[str, int, int], None] = lambda *_: None,
) -> dict[str, Any]:
    """Read every text of a file; one row out per row in, in order. Below the confidence `abstain` the category stays empty.

    Returns
    -------
    dict
        ``rows`` and ``categories`` (counts).

    Raises
    ------
    InputError
        A file that cannot be read, or has no column of texts.
    """
    reader = ComplaintReader.load(model, abstain=abstain)
    opened = open_source(source)
    text, title, key = (_find(opened.headers, names) for names in (_TEXT, _TITLE, _ID))
    if text is None:
        raise InputError(
            "there is no column 'text'",
            where=f"{opened.name}, columns {', '.join(opened.headers[:12])}",
            mend="name the text column 'text'",
        )
    counts: Counter[str] = Counter()
    rows = 0
    columns = [*COLUMNS, "text"] if keep_text else list(COLUMNS)
    with RowWriter(out, columns) as writer:
        for batch in opened.batches:
            texts = [t or "" for t in batch.table.column(text).to_pylist()]
            titles = [t or "" for t in batch.table.column(title).to_pylist()] if title is not None else [""] * len(texts)
            ids = batch.table.column(key).to_pylist() if key is not None else [str(r) for r in batch.rows.to_pylist()]
            for position, row in zip(range(len(texts)), _blocks(reader, texts, titles), strict=True):
                counts[row["category"] or "undecided"] += 1
                writer.write({"id": ids[position], **row, "text": row["masked"]})
                rows += 1
                if rows % 1000 == 0:
                    tell("阅读", rows, 0)
        if opened.rejected:
            first = opened.rejected[0]
            raise InputError(f"{len(opened.rejected)} line(s) are no rows: {first.reason}", where=first.place(), mend=first.mend)
    return {"rows": rows, "categories": dict(sorted(counts.items()))}


def _blocks(reader: ComplaintReader, texts: list[str], titles: list[str]) -> Any:
    for start in range(0, len(texts), 4096):
        yield from reader.read_block(texts[start : start + 4096], titles[start : start + 4096])


def train_file(source: Path, text: str, label: str, out: Path) -> str:
    """Learn from a labelled file and save the model; says how good it is on texts it has not seen.

    Raises
    ------
    InputError
        A missing column, an unlabelled row (named), or fewer than two classes.
    """
    opened = open_source(source)
    for column in (text, label):
        if column not in opened.headers:
            raise InputError(f"there is no column '{column}'", where=f"{opened.name}, columns {', '.join(opened.headers[:12])}")
    table = pa.concat_tables([b.table for b in opened.batches])
    texts = [t or "" for t in table.column(opened.headers.index(text)).to_pylist()]
    labels = table.column(opened.headers.index(label)).to_pylist()
    for row, value in enumerate(labels, 2):
        if value is None or not value.strip():
            raise InputError("the label is missing", where=f"{opened.name}, row {row}, column {label}", mend="label the row or take it out")
    model, report = train_classifier(prepare(texts), labels)
    save_classifier(model, out, report, data=f"{opened.name}, {len(texts)} rows")
    return f"{len(texts)} texts, {len(model.classes_)} classes → {out}; {_figures(report)}"


def train_corpus(corpus: Path, out: Path) -> str:
    """Learn the shipped model from the project's own texts."""
    rows = [r for r in load_corpus(corpus) if not r["writer"].startswith("test_")]
    texts = prepare([r["text"] for r in rows], [r.get("title") or "" for r in rows])
    model, report = train_classifier(texts, [r["label"] for r in rows], groups=[r["writer"] for r in rows], **_DEFAULT)
    parts = train_parts(model, rows, threshold=_FRAUD)
    writers = len({r["writer"] for r in rows})
    save_classifier(
        model,
        out,
        report,
        parts=parts,
        data=f"{len(rows)} texts by {writers} hands, written for this project (data/samples/complaints)",
        licence="Apache-2.0.",
    )
    return f"{len(rows)} texts by {writers} hands → {out}; {_figures(report)}"


def _figures(report: dict[str, Any]) -> str:
    return (
        f"accuracy {report['accuracy']:.3f}, macro-F1 {report['macro_f1']:.3f} ({report['how']})"
        if "accuracy" in report
        else json.dumps(report)
    )


def _find(headers: list[str], names: tuple[str, ...]) -> int | None:
    return next((headers.index(n) for n in names if n in headers), None)
