"""The table a model learned from: which columns, of what kind, which categories; and every later table held against it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fraudrisk.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Column", "Columns", "as_frame"]


@dataclass(frozen=True, slots=True)
class Column:
    """One column: numbers (and days since 1970 for dates) where `categories` is None, else codes of the categories."""

    name: str
    categories: tuple[str, ...] | None = None
    date: bool = False


@dataclass(frozen=True, slots=True)
class Columns:
    """Turns frames and arrays into one matrix of float64; missing and unseen categories are NaN.

    Examples
    --------
    >>> import pandas as pd
    >>> seen = Columns.of(pd.DataFrame({"age": [3, None], "kind": ["shop", "home"]}))
    >>> seen.matrix(pd.DataFrame({"age": [1.5], "kind": ["barge"]}))
    array([[1.5, nan]])
    """

    columns: tuple[Column, ...]

    @classmethod
    def of(cls, frame: pd.DataFrame) -> Columns:
        """Learn the columns of a frame.

        Raises
        ------
        InputError
            A column that is neither number, date, truth value nor category; names it.
        """
        from pandas.api import types

        found = []
        for name in frame.columns:
            values = frame[name]
            if types.is_datetime64_any_dtype(values.dtype):
                found.append(Column(str(name), date=True))
            elif _numeric(values):
                found.append(Column(str(name)))
            else:
                found.append(Column(str(name), tuple(sorted(_words(values, str(name)).dropna().unique().tolist()))))
        return cls(tuple(found))

    @property
    def names(self) -> list[str]:
        """In the order of the matrix."""
        return [c.name for c in self.columns]

    @property
    def categorical(self) -> list[int]:
        """Places of the columns that hold codes."""
        return [k for k, c in enumerate(self.columns) if c.categories is not None]

    def matrix(self, frame: pd.DataFrame) -> Any:
        """The frame as numbers, shape (n_rows, n_columns).

        Raises
        ------
        InputError
            A column is missing, of another type, or holds an infinite value; names column, row and value.
        """
        out = np.empty((len(frame), len(self.columns)), np.float64)
        own = {str(name): name for name in frame.columns}
        for k, column in enumerate(self.columns):
            if column.name not in own:
                raise InputError(
                    "a column the model learned from is missing", where=f"column {column.name}", mend="add it; empty where unknown"
                )
            out[:, k] = _encode(column, frame[own[column.name]])
        return out

    def stack(self, arrays: Mapping[str, Any], n: int) -> Any:
        """The same from plain arrays by name."""
        out = np.empty((n, len(self.columns)), np.float64)
        for k, column in enumerate(self.columns):
            if column.name not in arrays:
                raise InputError(
                    "a column the model learned from is missing", where=f"column {column.name}", mend="add it; empty where unknown"
                )
            values = arrays[column.name]
            if column.categories is None:
                if values.dtype == object:
                    raise InputError(
                        "a column is of another type than the model learned from", where=f"column {column.name}: text, not numbers"
                    )
                out[:, k] = values
            else:
                import pandas as pd

                out[:, k] = _encode(column, pd.Series(values, name=column.name))
        return out

    def unseen(self, frame: pd.DataFrame) -> dict[str, int]:
        """How many values of each categorical column the model has never seen; they count as missing."""
        counts = {}
        for column in self.columns:
            if column.categories is not None and column.name in frame.columns:
                words = _words(frame[column.name], column.name)
                counts[column.name] = int((words.notna() & ~words.isin(column.categories)).sum())
        return {k: v for k, v in counts.items() if v}

    def meta(self) -> list[dict[str, Any]]:
        """Plain JSON."""
        return [{"name": c.name, "categories": None if c.categories is None else list(c.categories), "date": c.date} for c in self.columns]

    @classmethod
    def from_meta(cls, meta: Sequence[Mapping[str, Any]]) -> Columns:
        """From :meth:`meta`."""
        return cls(tuple(Column(m["name"], None if m["categories"] is None else tuple(m["categories"]), m["date"]) for m in meta))


def as_frame(x: Any) -> Any:
    """A pandas frame of whatever speaks the Arrow interface (polars, Arrow, DuckDB); all else as it is."""
    if not isinstance(x, np.ndarray) and hasattr(x, "__arrow_c_stream__") and type(x).__module__.split(".")[0] != "pandas":
        import pyarrow as pa

        return pa.table(x).to_pandas()
    return x


def _numeric(values: pd.Series[Any]) -> bool:
    from pandas.api import types

    if types.is_bool_dtype(values.dtype) or types.is_numeric_dtype(values.dtype):
        return not isinstance(values.dtype, _categorical())
    return bool(values.isna().all())


def _categorical() -> Any:
    import pandas as pd

    return pd.CategoricalDtype


def _words(values: pd.Series[Any], name: str) -> pd.Series[Any]:
    """Categories as text."""
    plain = values.astype(object)
    known = plain.dropna()
    odd = known[[not isinstance(v, str | bool | int | float | np.generic) for v in known]]
    if len(odd):
        raise InputError(
            "a value is neither number, date nor category",
            where=f"column {name}, row {odd.index[0]}, value {str(odd.iloc[0])[:60]!r}",
            mend="give text, numbers or dates",
        )
    words: pd.Series[Any] = plain.where(plain.isna(), plain.astype(str))
    return words


def _encode(column: Column, values: pd.Series[Any]) -> Any:
    import pandas as pd
    from pandas.api import types

    if column.categories is not None:
        codes = pd.Index(column.categories).get_indexer(pd.Index(_words(values, column.name))).astype(np.float64)
        codes[codes < 0] = np.nan
        return codes
    if column.date != types.is_datetime64_any_dtype(values.dtype) and not values.isna().all():
        raise InputError(
            "a column is of another type than the model learned from",
            where=f"column {column.name}: {values.dtype}, learned as {'date' if column.date else 'number'}",
            mend="convert it",
        )
    if types.is_datetime64_any_dtype(values.dtype):
        days = (values - pd.Timestamp("1970-01-01", tz=getattr(values.dt, "tz", None))) / pd.Timedelta(days=1)
        return days.to_numpy(np.float64)
    try:
        numbers = values.to_numpy(np.float64, na_value=np.nan)
    except (TypeError, ValueError) as error:
        raise InputError(
            "a column is of another type than the model learned from",
            where=f"column {column.name}: {values.dtype}, learned as number",
            mend="convert it to numbers, missing as NaN",
        ) from error
    if np.isinf(numbers).any():
        row = int(np.flatnonzero(np.isinf(numbers))[0])
        raise InputError("Input X contains infinity", where=f"column {column.name}, row {values.index[row]}", mend="empty where unknown")
    return numbers
