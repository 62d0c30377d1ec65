"""Make clean tables as dirty as real exports, cell by cell: everything here a reader can mend, or reject with a reason.

The catalogue is DOMAIN §2.10. Input and output are tables of text; the share of touched cells is small, as in life, and
every draw comes from one seeded generator.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from stdnum.cn import uscc as stdnum_uscc

from fraudrisk.records import get_table
from fraudrisk.records.tables import Column

__all__ = ["as_text", "dirty", "older_rows", "planted_rejects", "spoil"]

_NULLS = ("\\N", "暂无", "/", "-", "——", "NULL", "无", "")
_FULL = {i: i - 0x20 + 0xFF00 for i in range(0x30, 0x3A)} | {i: i - 0x20 + 0xFF00 for i in range(0x41, 0x5B)}
_LOOKALIKE = str.maketrans("01", "OI")
_EPOCH = dt.date(1970, 1, 1)
Change = Callable[[str, np.random.Generator], str]


def as_text(frame: pd.DataFrame) -> pd.DataFrame:
    """Every cell as text, ``None`` where missing; days as 2026-11-01."""
    return pd.DataFrame({name: _column_text(frame[name]) for name in frame.columns}, columns=frame.columns, dtype=object)


def _column_text(column: pd.Series) -> list[str | None]:
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        moments = column.to_numpy().astype("datetime64[s]")
        whole = bool(((moments.astype(np.int64) % 86_400 == 0) | np.isnat(moments)).all())
        spelled = np.datetime_as_string(moments, unit="D" if whole else "s")
        return [None if s == "NaT" else s.replace("T", " ") for s in spelled.tolist()]
    values = column.astype(object).tolist()
    return [None if v is None or v != v else v if isinstance(v, str) else _number_text(v) for v in values]


def _number_text(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(float(value))


def spoil(frame: pd.DataFrame, column: str, share: float, change: Change, rng: np.random.Generator) -> None:
    """Apply `change` to a share of the filled cells of a column, in place."""
    chosen = frame[column].notna().to_numpy() & (rng.random(len(frame)) < share)
    cells = frame[column].tolist()
    for row in np.flatnonzero(chosen).tolist():
        cells[row] = change(str(cells[row]), rng)
    frame[column] = pd.Series(cells, index=frame.index, dtype=object)


def dirty(table: str, frame: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Spoil a table of text in the ways that suit the kinds of its columns.

    Parameters
    ----------
    table : str
        Canonical name.
    frame : pandas.DataFrame
        From :func:`as_text`, canonical columns.
    rng : numpy.random.Generator

    Examples
    --------
    >>> clean = pd.DataFrame({"uscc": ["91330299387420535J"] * 400, "removed_on": [None] * 400}, dtype=object)
    >>> made = dirty("abnormal_listing", clean, np.random.default_rng(1))
    >>> made["uscc"].nunique() > 1, bool(made["removed_on"].notna().any())
    (True, True)
    """
    frame = frame.copy()
    for column in get_table(table).columns:
        if column.name in frame:
            for share, change in _changes(column):
                spoil(frame, column.name, share, change, rng)
            _spell_missing(frame, column, rng)
    return frame


def _changes(column: Column) -> Sequence[tuple[float, Change]]:
    """List what happens to the cells of a column of this kind, and how often."""
    if column.kind == "uscc":
        return ((0.012, lambda s, _: s.lower()), (0.004, _lookalike), (0.004, _full_width))
    if column.kind == "date":
        return ((0.05, _respell_day),)
    if column.kind == "datetime":
        return ((0.08, _respell_moment),)
    if column.kind == "amount":
        return ((0.04, _spell_yuan),)
    if column.kind == "wan":
        return ((0.04, _spell_wan),)
    if column.personal in ("name", "phone", "hash"):
        return ((0.01, lambda _s, _r: "***********"), (0.006, _full_width))
    if column.name == "text":
        return ((0.012, _html), (0.01, _zero_width), (0.004, _formula))
    if column.name in ("name", "party_name", "advertiser", "respondent_name"):
        return ((0.006, _zero_width), (0.006, lambda s, r: f" {s}\u3000" if r.random() < 0.5 else f"{s} "))
    return ()


def _spell_missing(frame: pd.DataFrame, column: Column, rng: np.random.Generator) -> None:
    """Blank cells are often not blank: a word, a stroke, a date no one believes."""
    missing = frame[column.name].isna().to_numpy()
    draw = rng.random(len(frame))
    cells = frame[column.name].tolist()
    filler = "9999-9-9" if column.future else "1900-1-1"
    dates = column.kind in ("date", "datetime")
    for row in np.flatnonzero(missing & (draw < 0.3)).tolist():
        word = filler if dates and draw[row] < 0.1 else _NULLS[int(draw[row] * 1e6) % len(_NULLS)]
        cells[row] = word
    frame[column.name] = pd.Series(cells, index=frame.index, dtype=object)


def _full_width(cell: str, _rng: np.random.Generator) -> str:
    return cell.translate(_FULL)


def _lookalike(cell: str, _rng: np.random.Generator) -> str:
    """O for 0 and I for 1; only where the check digit can prove the mend."""
    return cell.translate(_LOOKALIKE) if stdnum_uscc.is_valid(cell) else cell


def _respell_day(cell: str, rng: np.random.Generator) -> str:
    try:
        day = dt.date.fromisoformat(cell)
    except ValueError:
        return cell
    days = (day - _EPOCH).days
    spellings = [
        f"{day.year}-{day.month}-{day.day}",
        f"{day.year}/{day.month}/{day.day} 0:00",
        f"{day.year}.{day.month:02d}.{day.day:02d}",
        f"{day:%Y%m%d}",
        f"{day.year}年{day.month}月{day.day}日",
        f"{cell} 00:00:00",
        f"{cell}T00:00:00",
    ]
    if 0 < days < 54_000:
        spellings.append(str(days + 25_569))  # Excel's serial day
    if 1_500 < days < 20_600:
        spellings += [str(days * 86_400 - 28_800), str((days * 86_400 - 28_800) * 1000)]  # midnight in China as an epoch
    return str(rng.choice(spellings))


def _respell_moment(cell: str, rng: np.random.Generator) -> str:
    moment = dt.datetime.fromisoformat(cell)
    epoch = int((moment - dt.datetime(1970, 1, 1)).total_seconds()) - 28_800  # China time, as the tables keep it
    short = f"{moment.year}/{moment.month}/{moment.day} {moment.hour}:{moment.minute:02d}"
    spoken = f"{moment.year}年{moment.month}月{moment.day}日 {moment.hour}时{moment.minute}分"
    return str(
        rng.choice(
            [
                short,
                f"{moment.year}-{moment.month}-{moment.day} {moment:%H:%M:%S}",
                spoken,
                str(epoch),
                str(epoch * 1000),
                f"{moment:%Y%m%d%H%M%S}",
            ]
        )
    )


def _spell_yuan(cell: str, rng: np.random.Generator) -> str:
    value = float(cell)
    spellings = [f"{value:,.2f}", f"{value:,.2f}元", f"{cell}元", f"人民币{cell}元", f"罚款{cell}元"]
    if value >= 10_000 and value % 1_000 == 0:
        spellings += [f"{value / 10_000:g}万元", f"{value / 10_000:g}万"]
    return str(rng.choice(spellings))


def _spell_wan(cell: str, rng: np.random.Generator) -> str:
    value = float(cell)
    return str(rng.choice([f"{value:.6f}", f"{value:,.2f}", f"{cell}万元", f"{cell}万元人民币", f"{value * 10_000:,.0f}元"]))


def _html(cell: str, rng: np.random.Generator) -> str:
    half = len(cell) // 2
    return str(
        rng.choice(
            [
                f"<p>{cell}</p>",
                f"{cell[:half]}<br/>{cell[half:]}",
                f"<span style='color:red'>{cell}</span>&nbsp;",
                f"{cell[:half]}\n{cell[half:]}",
            ]
        )
    )


def _zero_width(cell: str, rng: np.random.Generator) -> str:
    at = int(rng.integers(0, len(cell))) if cell else 0
    return cell[:at] + "\u200b" + cell[at:]


def _formula(cell: str, rng: np.random.Generator) -> str:
    return str(rng.choice(['=HYPERLINK("http://link.example","点开看") ', "@SUM(1+1) ", "+86来电 ", "-1+1 "])) + cell


def planted_rejects(table: str, frame: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Append two rows that no reader may keep: one without any key, one whose event lies in the year 2062."""
    declared = get_table(table)
    keyless, future = frame.iloc[rng.integers(0, len(frame), 2)].to_dict("records")
    keyless |= {key: None for key in declared.keys if key in frame}
    future[next(k for k in declared.known_from if k in frame)] = "2062-05-17"
    return pd.concat([frame, pd.DataFrame([keyless, future], dtype=object)], ignore_index=True)


def older_rows(frame: pd.DataFrame, last: dt.date, rng: np.random.Generator) -> pd.DataFrame:
    """Add a storage time, and for some businesses an older row with another phone and capital."""
    established = pd.to_datetime(frame["est_date"])
    span = (pd.Timestamp(last) - established).dt.days.to_numpy()
    first = established + pd.to_timedelta(np.minimum(rng.integers(0, 4, len(frame)), np.maximum(span - 1, 0)), unit="D")
    changed = (rng.random(len(frame)) < 0.02) & (span > 60)
    later = established + pd.to_timedelta(
        np.where(changed, 30 + rng.random(len(frame)) * np.maximum(span - 31, 0), 0).astype(np.int64), unit="D"
    )
    old = frame[changed].copy()
    old["phone"] = [f"1{rng.integers(3, 10)}{rng.integers(0, 10**9):09d}" for _ in range(len(old))]
    old["reg_capital_wan"] = "1"
    stored = _stamps(first.where(~changed, later), rng)
    old_stored = _stamps(first[changed], rng)
    return pd.concat([frame.assign(存储时间=stored), old.assign(存储时间=old_stored)], ignore_index=True)


def _stamps(days: pd.Series, rng: np.random.Generator) -> list[str]:
    hours = rng.integers(8, 18, len(days))
    return [f"{d.year}-{d.month}-{d.day} {h}:51:52" for d, h in zip(days, hours, strict=True)]
