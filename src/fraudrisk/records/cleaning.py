"""Raw cells to typed, masked, canonical columns; what cannot be read is reported with its place.

Whole columns at a time: cheap Arrow kernels touch every cell, Python touches each *distinct* value or only the few cells
that need it. The order matters and is fixed: fold → missing → parse → mask, so that nothing personal is ever stored.
"""

from __future__ import annotations

import datetime as dt
import html
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fraudrisk.files import digest_bytes
from fraudrisk.privacy import HAS_PERSONAL, RULES, WIDE, KeyedHash, fold_width, mask_name, mask_numbers, mask_phone, mask_text
from fraudrisk.records.headers import HeaderMap
from fraudrisk.records.readers import RawBatch
from fraudrisk.records.rejects import Fault
from fraudrisk.records.screening import Screen, as_column
from fraudrisk.records.tables import Column, Table
from fraudrisk.records.uscc import CheckedUscc, check_uscc
from fraudrisk.records.values import NULLS, PARSERS

__all__ = ["Cleaner", "clean_text", "mask_texts", "stored_schema"]

_NULLS = pa.array(sorted(NULLS))
_WIDE = r"[\x{FF01}-\x{FF5E}\x{3000}]"
_NOISE = r"[\x{200B}-\x{200F}\x{2028}-\x{202E}\x{2060}-\x{2064}\x{FEFF}\x{AD}\x00-\x08\x0B\x0C\x0E-\x1F\x7F]|<[A-Za-z/!]|&[a-zA-Z#]|\s\s|[\x{FF10}-\x{FF5A}\x{3000}]"
_ZERO_WIDTH = re.compile("[\u200b-\u200f\u2028-\u202e\u2060-\u2064\ufeff\u00ad\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_TAG = re.compile(r"</?[A-Za-z!][^<>]{0,300}>")
_UNCLEAN = Screen(re.compile(rf"{_ZERO_WIDTH.pattern}|[<&]|\s\n|\n\s|[ \t][ \t]|{WIDE}"))
"""What :func:`clean_text` takes away or changes, but for blanks at the ends."""
_PERSONAL = Screen(re.compile("|".join(f"(?:{rule.pattern})" for rule in RULES)))
_TOTAL = r"^(?:合\s*计|总\s*计|小\s*计)"
_TOTAL_WITHIN = 3
"""Columns in which a totals row says what it is."""
_ARROW: dict[str, pa.DataType] = {
    "date": pa.date32(),
    "datetime": pa.timestamp("s"),
    "int": pa.int64(),
    "float": pa.float64(),
    "amount": pa.float64(),
    "wan": pa.float64(),
    "bool": pa.bool_(),
    "list": pa.list_(pa.string()),
}


def stored_schema(table: Table) -> pa.Schema:
    """Columns and types of a cleaned table as it is stored.

    Dropped personal columns are not there; a phone is there as hash and mask; ``record_id``, ``known_at`` and, for the
    business table, ``business_id`` and ``uscc_state`` are added.
    """
    fields = []
    for column in table.columns:
        if column.personal == "drop":
            continue
        if column.personal == "phone":
            fields += [pa.field(f"{column.name}_hash", pa.string()), pa.field(f"{column.name}_masked", pa.string())]
        else:
            fields.append(pa.field(column.name, _ARROW.get(column.kind, pa.string())))
    if table.name == "business":
        fields += [pa.field("business_id", pa.string()), pa.field("uscc_state", pa.string())]
    if "record_id" not in {f.name for f in fields}:
        fields.append(pa.field("record_id", pa.string()))
    fields += [pa.field("known_at", pa.date32()), pa.field("source_row", pa.int64())]
    return pa.schema(fields)


def clean_text(text: str) -> str:
    """Take out HTML, zero-width and control characters, fold full-width letters and digits, join runs of blanks.

    Examples
    --------
    >>> clean_text("<p>我妈\u200b交了&nbsp;\uff13万</p>")
    '我妈交了 3万'
    """
    text = _ZERO_WIDTH.sub("", text)
    if "<" in text:
        text = _TAG.sub(" ", text)
    if "&" in text:
        text = html.unescape(text).replace("\xa0", " ")
    return re.sub(r"[ \t\u3000]{2,}", " ", re.sub(r"\s*\n\s*", "\n", fold_width(text))).strip()


def mask_texts(texts: Sequence[str]) -> list[str]:
    """Every text cleaned and masked: ``mask_text(clean_text(t))``, where only those that need it are looked into.

    Examples
    --------
    >>> mask_texts(["<p>路灯不亮", " 来电人张三丰,电话13812345678"])
    ['路灯不亮', '来电人张**,电话138****5678']
    """
    clean = [clean_text(t) if may else t.strip() for t, may in zip(texts, _UNCLEAN.may_match(as_column(texts)), strict=True)]
    return [mask_text(t) if may else t for t, may in zip(clean, _PERSONAL.may_match(as_column(clean)), strict=True)]


def _map_where(array: pa.Array, pattern: str, function: Callable[[str], str]) -> pa.Array:
    """Apply `function` to the cells that match `pattern` (RE2), leave the others as they are."""
    mask = pc.fill_null(pc.match_substring_regex(array, pattern), False)
    if not pc.any(mask).as_py():
        return array
    changed = [function(v) for v in array.filter(mask).to_pylist()]
    return pc.replace_with_mask(array, mask, pa.array(changed, pa.string()))


@dataclass(slots=True)
class _Distinct:
    """A column reduced to its distinct values: parse each once, then spread the answers."""

    values: list[str]
    indices: np.ndarray

    @classmethod
    def of(cls, array: pa.Array) -> _Distinct:
        encoded = pc.dictionary_encode(array)
        return cls(encoded.dictionary.to_pylist(), encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False))

    def spread(self, answers: list[object], kind: pa.DataType) -> pa.Array:
        """One answer per distinct value to one cell per row."""
        dictionary = pa.array(answers, kind)
        return dictionary.take(pa.array(np.where(self.indices < 0, len(answers), self.indices), pa.int64(), mask=self.indices < 0))

    def rows_of(self, positions: dict[int, str]) -> list[tuple[int, str]]:
        """Rows whose distinct value is one of `positions`, with the message of each."""
        if not positions:
            return []
        hit = np.flatnonzero(np.isin(self.indices, list(positions)))
        return [(int(r), positions[int(self.indices[r])]) for r in hit]


@dataclass(slots=True)
class Cleaner:
    """Cleans batches of one file for one table.

    Parameters
    ----------
    table : Table
    headers : HeaderMap
    file : str
        For messages.
    today : datetime.date
        A fact dated later is rejected.
    hasher : KeyedHash
    known_at : datetime.date, optional
        For rows that carry no date of their own; `today` when not given.
    max_chars : int
        A longer cell is cut and reported.
    """

    table: Table
    headers: HeaderMap
    file: str
    today: dt.date
    hasher: KeyedHash
    known_at: dt.date | None = None
    max_chars: int = 200_000
    undated: int = field(default=0, init=False)
    _seen: set[int] = field(default_factory=set, init=False)
    _rows: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=np.int64), init=False)

    def clean(self, batch: RawBatch) -> tuple[pa.Table, list[Fault]]:
        """Return the kept rows as a typed table, and the faults of all rows; kept + rejected = rows in."""
        faults: list[Fault] = []
        self._rows = batch.rows.to_numpy(zero_copy_only=False)
        raw = {name: _folded(batch.table.column(position).combine_chunks()) for name, position in self.headers.columns.items()}
        columns: dict[str, pa.Array] = {}
        reject = np.zeros(len(self._rows), dtype=bool)
        for column in self.table.columns:
            if column.name in raw and column.personal != "drop":
                columns |= self._column(column, raw[column.name], faults, reject)
        self._totals_row(batch, faults, reject)
        self._need_key(columns, faults, reject)
        columns["known_at"] = self._known_at(raw, columns, faults)
        self._add_identity(columns, len(self._rows))
        self._drop_repeats(columns, faults, reject)
        schema = stored_schema(self.table)
        columns["source_row"] = batch.rows
        arrays = [columns[f.name] if f.name in columns else pa.nulls(len(self._rows), f.type) for f in schema]
        return pa.table(arrays, schema=schema).filter(pa.array(~reject)), faults

    # -- one column ----------------------------------------------------------------------------------------------------

    def _column(self, column: Column, cells: pa.Array, faults: list[Fault], reject: np.ndarray) -> dict[str, pa.Array]:
        if column.personal:
            return self._personal(column, cells)
        if column.kind == "uscc":
            return self._uscc(column, cells, faults)
        if column.kind == "id":
            return {column.name: self._id(column, cells, faults)}
        if column.kind in ("text", "enum"):
            return {column.name: self._text(column, cells, faults)}
        return {column.name: self._parsed(column, cells, faults, reject)}

    def _personal(self, column: Column, cells: pa.Array) -> dict[str, pa.Array]:
        distinct = _Distinct.of(cells)
        hashed = distinct.spread([self.hasher(v) or None for v in distinct.values], pa.string()) if column.personal != "name" else None
        if column.personal == "hash":
            return {column.name: hashed}
        if column.personal == "phone":
            masked = distinct.spread([mask_phone(v) for v in distinct.values], pa.string())
            return {f"{column.name}_hash": hashed, f"{column.name}_masked": masked}
        return {column.name: distinct.spread([mask_name(v) for v in distinct.values], pa.string())}

    def _uscc(self, column: Column, cells: pa.Array, faults: list[Fault]) -> dict[str, pa.Array]:
        distinct = _Distinct.of(cells)
        checked: list[CheckedUscc] = [check_uscc(v) for v in distinct.values]
        repaired = {i: f"code mended to {c.code}: the check digit proves it" for i, c in enumerate(checked) if c.repaired}
        wrong = {i: f"code is {c.state}" for i, c in enumerate(checked) if c.state in ("bad_check", "malformed")}
        for row, reason in distinct.rows_of(repaired):
            faults.append(self._fault(row, column, distinct.values[int(distinct.indices[row])], reason, "", "repair"))
        for row, reason in distinct.rows_of(wrong):
            value = distinct.values[int(distinct.indices[row])]
            faults.append(self._fault(row, column, value, reason, "kept as written; check it against the licence", "repair"))
        out = {column.name: distinct.spread([c.code for c in checked], pa.string())}
        if self.table.name == "business":
            out["uscc_state"] = distinct.spread([c.state for c in checked], pa.string())
        return out

    def _id(self, column: Column, cells: pa.Array, faults: list[Fault]) -> pa.Array:
        cells = pc.replace_substring_regex(cells, r"^(\d+)\.0+$", r"\1")
        damaged = pc.fill_null(pc.match_substring_regex(cells, r"^\d(?:\.\d+)?[eE]\+\d+$"), False).to_numpy(zero_copy_only=False)
        for row in np.flatnonzero(damaged):
            faults.append(
                self._fault(
                    int(row),
                    column,
                    cells[int(row)].as_py(),
                    "a number that Excel has rounded",
                    "format the column as text and export again",
                    "cell",
                )
            )
        return pc.if_else(pa.array(damaged), pa.scalar(None, pa.string()), cells) if damaged.any() else cells

    def _text(self, column: Column, cells: pa.Array, faults: list[Fault]) -> pa.Array:
        cells = _map_where(cells, _NOISE, clean_text)
        cells = _map_where(cells, HAS_PERSONAL, mask_text if column.free_text else mask_numbers)
        too_long = pc.fill_null(pc.greater(pc.utf8_length(cells), self.max_chars), False).to_numpy(zero_copy_only=False)
        for row in np.flatnonzero(too_long):
            faults.append(
                self._fault(int(row), column, "", f"longer than {self.max_chars} characters, cut", "raise max_cell_chars", "repair")
            )
        cells = pc.utf8_slice_codeunits(cells, 0, self.max_chars) if too_long.any() else cells
        return pc.if_else(pc.equal(cells, ""), pa.scalar(None, pa.string()), cells)

    def _parsed(self, column: Column, cells: pa.Array, faults: list[Fault], reject: np.ndarray) -> pa.Array:
        distinct = _Distinct.of(cells)
        parser = PARSERS[column.kind]
        answers: list[object] = []
        bad: dict[int, str] = {}
        ahead: dict[int, str] = {}
        for i, cell in enumerate(distinct.values):
            try:
                value = parser(cell)
            except (ValueError, OverflowError) as error:
                value, bad[i] = None, str(error)
            if isinstance(value, dt.date) and not column.future and _day(value) > self.today:
                ahead[i], value = "a date in the future", None
            answers.append(value)
        for row, reason in distinct.rows_of(bad):
            what, _, mend = reason.partition("; ")
            faults.append(self._fault(row, column, distinct.values[int(distinct.indices[row])], what, mend, "cell"))
        for row, reason in distinct.rows_of(ahead):
            value = distinct.values[int(distinct.indices[row])]
            event = column.name in self.table.known_from[:1]
            if event and not reject[row]:
                reject[row] = True
                faults.append(self._fault(row, column, value, reason, "correct the date", "row"))
            elif not event:
                faults.append(self._fault(row, column, value, reason, "correct the date", "cell"))
        return distinct.spread(answers, _ARROW[column.kind])

    # -- whole rows ----------------------------------------------------------------------------------------------------

    def _totals_row(self, batch: RawBatch, faults: list[Fault], reject: np.ndarray) -> None:
        total = np.zeros(len(reject), dtype=bool)
        for position in range(min(_TOTAL_WITHIN, batch.table.num_columns - 1)):
            total |= pc.fill_null(pc.match_substring_regex(batch.table.column(position), _TOTAL), False).to_numpy(zero_copy_only=False)
        for row in np.flatnonzero(total):
            if not reject[row]:
                reject[row] = True
                faults.append(Fault(self.file, int(self._rows[row]), "", "合计", "a totals row", "leave totals out of the export"))

    def _need_key(self, columns: dict[str, pa.Array], faults: list[Fault], reject: np.ndarray) -> None:
        keyed = np.zeros(len(reject), dtype=bool)
        for key in self.table.keys:
            if key in columns:
                keyed |= pc.is_valid(columns[key]).to_numpy(zero_copy_only=False)
        names = " / ".join(self.table.by_name[k].zh for k in self.table.keys)
        for row in np.flatnonzero(~keyed & ~reject):
            reject[row] = True
            faults.append(Fault(self.file, int(self._rows[row]), names, "", "the row has no key", "fill one of these columns"))

    def _known_at(self, raw: dict[str, pa.Array], columns: dict[str, pa.Array], faults: list[Fault]) -> pa.Array:
        known = pa.nulls(len(self._rows), pa.date32())
        if "known_at" in raw:
            own = Column("known_at", "入库时间", "date")
            known = self._parsed(own, raw["known_at"], faults, np.ones(len(self._rows), dtype=bool))
        for name in self.table.known_from:
            if name in columns:
                known = pc.coalesce(known, columns[name].cast(pa.date32()))
        self.undated += known.null_count
        return pc.fill_null(known, self.known_at or self.today)

    def _add_identity(self, columns: dict[str, pa.Array], n: int) -> None:
        own = columns.get(self.table.record_id)
        if self.table.name == "business":
            columns["business_id"] = own = self._business_ids(columns, n)
        if own is None:
            own = pa.nulls(n, pa.string())
        if own.null_count:
            made = [f"{self.table.name}:{h:016x}" for h in self._row_hashes(columns)]
            own = pc.coalesce(own, pa.array(made, pa.string()))
        columns["record_id"] = own

    def _business_ids(self, columns: dict[str, pa.Array], n: int) -> pa.Array:
        nothing = pa.nulls(n, pa.string())
        uscc = columns.get("uscc", nothing)
        sound = pc.fill_null(pc.not_equal(columns.get("uscc_state", nothing), "malformed"), False)
        ids = pc.coalesce(
            pc.if_else(sound, uscc, pa.scalar(None, pa.string())), columns.get("entity_id", nothing), columns.get("reg_no", nothing)
        )
        if not ids.null_count:
            return ids
        blank = pc.is_null(ids)
        names = columns.get("name", nothing).filter(blank).to_pylist()
        places = columns.get("address", nothing).filter(blank).to_pylist()
        made = ["N" + digest_bytes(name or "", place or "") for name, place in zip(names, places, strict=True)]
        return pc.replace_with_mask(ids, blank, pa.array(made, pa.string()))

    def _drop_repeats(self, columns: dict[str, pa.Array], faults: list[Fault], reject: np.ndarray) -> None:
        """The same row exported twice counts once (the same business at another storage time is another row)."""
        for row, value in enumerate(self._row_hashes(columns).tolist()):
            if value in self._seen:
                if not reject[row]:
                    reject[row] = True
                    faults.append(Fault(self.file, int(self._rows[row]), "", "", "the same row again", "nothing to do"))
            else:
                self._seen.add(value)

    def _row_hashes(self, columns: dict[str, pa.Array]) -> np.ndarray:
        import pandas as pd

        frame = pd.DataFrame({name: _hashable(array) for name, array in columns.items() if name not in ("record_id", "business_id")})
        hashes: np.ndarray = pd.util.hash_pandas_object(frame, index=False).to_numpy()
        return hashes

    def _fault(self, row: int, column: Column, value: str, reason: str, mend: str, level: str) -> Fault:
        shown = mask_text(value)[:60] if not column.personal else ""
        return Fault(self.file, int(self._rows[row]), column.zh, shown, reason, mend, level)  # type: ignore[arg-type]


def _hashable(array: pa.Array) -> np.ndarray:
    if pa.types.is_list(array.type):
        return np.array([";".join(v) if v else "" for v in array.to_pylist()], dtype=object)
    values: np.ndarray = array.to_numpy(zero_copy_only=False)
    return values


def _day(value: dt.date) -> dt.date:
    return value.date() if isinstance(value, dt.datetime) else value


def _folded(cells: pa.Array) -> pa.Array:
    """Trim, fold width in short cells, and turn every spelling of missing into null."""
    cells = pc.utf8_trim(cells, " \t\r\n\u3000\xa0\ufeff\u200b\"'`")
    short = pc.less(pc.utf8_length(cells), 64)
    if pc.any(pc.fill_null(pc.and_(short, pc.match_substring_regex(cells, _WIDE)), False)).as_py():
        cells = _map_where(cells, _WIDE, fold_width)
    missing = pc.or_(pc.is_in(pc.utf8_lower(cells), value_set=_NULLS), pc.match_substring_regex(cells, r"^\*+$"))
    return pc.if_else(pc.fill_null(missing, True), pa.scalar(None, pa.string()), cells)
