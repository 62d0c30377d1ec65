"""Small vectorised helpers: random strings, dates and codes by the million, without a Python loop over rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

__all__ = [
    "NO_DAY",
    "Bools",
    "Floats",
    "Ints",
    "dates",
    "frame",
    "id_numbers",
    "join",
    "padded",
    "phones",
    "pick",
    "take",
    "usccs",
    "where",
]

Ints: TypeAlias = npt.NDArray[np.int64]
Floats: TypeAlias = npt.NDArray[np.float64]
Bools: TypeAlias = npt.NDArray[np.bool_]

NO_DAY = np.int64(-(2**40))
"""A day that never came (days are counted from 1970-01-01)."""

_USCC_ALPHABET = np.frombuffer(b"0123456789ABCDEFGHJKLMNPQRTUWXY", dtype=np.uint8)
_USCC_WEIGHTS = np.array([pow(3, i, 31) for i in range(17)], dtype=np.int64)
_ORG_WEIGHTS = np.array([3, 7, 9, 10, 5, 8, 4, 2], dtype=np.int64)
_ID_WEIGHTS = np.array([pow(2, 17 - i, 11) for i in range(17)], dtype=np.int64)
_ID_CHECKS = np.frombuffer(b"10X98765432", dtype=np.uint8)
_SCATTER = 38_742_053  # odd and no multiple of 5, so i → i * _SCATTER mod 10**8 never repeats


def pick(rng: np.random.Generator, choices: Sequence[Any], n: int, p: Sequence[float] | None = None) -> pa.Array:
    """`n` random choices as an Arrow array; `p` need not sum to one."""
    weights = None if p is None else np.asarray(p, dtype=float) / float(np.sum(p))
    return take(choices, rng.choice(len(choices), size=n, p=weights) if n else np.empty(0, dtype=np.int64))


def take(choices: Sequence[Any] | pa.Array, index: Ints) -> pa.Array:
    """Take the choices at `index`."""
    values = choices if isinstance(choices, pa.Array) else pa.array(list(choices))
    return values.take(pa.array(index, pa.int64()))


def join(*parts: pa.Array | str) -> pa.Array:
    """Concatenate strings row by row; null where a part is null."""
    length = next(len(p) for p in parts if not isinstance(p, str))
    arrays = [pa.repeat(pa.scalar(p), length) if isinstance(p, str) else p for p in parts]
    return pc.binary_join_element_wise(*arrays, pa.scalar(""))


def where(mask: Bools, yes: pa.Array | str | None, no: pa.Array | str | None) -> pa.Array:
    """Row-wise choice between two columns of strings."""
    left, right = (pa.scalar(v, pa.string()) if v is None or isinstance(v, str) else v for v in (yes, no))
    return pc.if_else(pa.array(mask), left, right)


def padded(numbers: Ints, width: int) -> pa.Array:
    """Whole numbers with leading zeros."""
    return pc.utf8_lpad(pa.array(numbers, pa.int64()).cast(pa.string()), width, "0")


def dates(days: Ints) -> pa.Array:
    """Days since 1970 as a column of dates, `NO_DAY` as missing."""
    missing = days <= NO_DAY
    return pa.array(np.where(missing, 0, days).astype("datetime64[D]").astype("datetime64[s]"), mask=missing)


def _text(codes: npt.NDArray[np.uint8]) -> pa.Array:
    width = codes.shape[1]
    return pa.array(np.ascontiguousarray(codes).view(f"S{width}").ravel()).cast(pa.string())


def _digits(numbers: Ints, width: int) -> npt.NDArray[np.int64]:
    powers = 10 ** np.arange(width - 1, -1, -1, dtype=np.int64)
    return numbers[:, None] // powers % 10


def usccs(prefixes: Ints, division: str, index: Ints) -> pa.Array:
    """Make valid unified social credit codes (GB 32100-2015), one per index, no two alike.

    Examples
    --------
    >>> usccs(np.array([91, 52]), "330299", np.array([1, 2])).to_pylist()
    ['91330299387420535J', '523302997748410654']
    """
    n = len(index)
    values = np.empty((n, 18), dtype=np.int64)
    values[:, :2] = _digits(prefixes, 2)
    values[:, 2:8] = [int(c) for c in division]
    values[:, 8:16] = _digits(index * _SCATTER % 10**8, 8)
    check = (11 - values[:, 8:16] @ _ORG_WEIGHTS % 11) % 11
    values[:, 16] = np.where(check == 10, int(np.flatnonzero(ord("X") == _USCC_ALPHABET)[0]), check)
    values[:, 17] = (31 - values[:, :17] @ _USCC_WEIGHTS % 31) % 31
    return _text(_USCC_ALPHABET[values])


def id_numbers(index: Ints, rng: np.random.Generator) -> pa.Array:
    """Identity numbers that look valid but belong to region 99, which does not exist; one per index."""
    n = len(index)
    birth = (rng.integers(-7300, 12_000, n).astype("datetime64[D]")).astype(object)
    stamp = np.array([d.year * 10_000 + d.month * 100 + d.day for d in birth], dtype=np.int64) if n else np.empty(0, dtype=np.int64)
    scattered = index * _SCATTER % 10**7
    values = np.concatenate([np.full((n, 2), 9), _digits(scattered // 1000, 4), _digits(stamp, 8), _digits(scattered % 1000, 3)], axis=1)
    check = _ID_CHECKS[values @ _ID_WEIGHTS % 11]
    return _text(np.concatenate([(values + ord("0")).astype(np.uint8), check[:, None]], axis=1))


def phones(rng: np.random.Generator, n: int) -> pa.Array:
    """Random mobile numbers."""
    return (pa.array(rng.integers(13_000_000_000, 20_000_000_000, n), pa.int64())).cast(pa.string())


def frame(columns: dict[str, Any]) -> pd.DataFrame:
    """Columns as a data frame: text as text, dates as ``datetime64``, few distinct values as categories."""
    made: pd.DataFrame = pa.table({name: _packed(column) for name, column in columns.items()}).to_pandas()
    return made


def _packed(column: Any) -> pa.Array:
    """Dictionary-encode text of few distinct values: a million rows of one scope text need one copy of it."""
    array = column if isinstance(column, pa.Array) else pa.array(column)
    if pa.types.is_string(array.type) and len(array) > 1000 and len(pc.unique(array.slice(0, 1000))) < 100:
        encoded = array.dictionary_encode()
        return encoded if len(encoded.dictionary) < 5000 else array
    return array
