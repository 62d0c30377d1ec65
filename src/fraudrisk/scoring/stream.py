"""The one function that scores: notebook, command line, API (a batch of one) and Spark all call it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol

import numpy as np
import pyarrow as pa

from fraudrisk.errors import InputError

__all__ = ["Scorer", "score_batches"]


class Scorer(Protocol):
    """What can be streamed: a scorecard or a model."""

    @property
    def columns(self) -> list[str]:
        """Names of the columns it gives."""
        ...

    def score_arrays(self, features: Mapping[str, Any], n: int) -> dict[str, Any]:
        """Arrays of the columns it gives."""
        ...


def score_batches(model: Scorer, batches: Iterable[pa.RecordBatch], *, key: str = "business_id") -> Iterator[pa.RecordBatch]:
    """Score a stream of feature batches; every batch answers with the same rows in the same order.

    Parameters
    ----------
    model : Scorer
    batches : iterable of pyarrow.RecordBatch
        `key`, and features: numbers, or text for categories.
    key : str
        Column carried through.

    Examples
    --------
    >>> from fraudrisk.scoring import Scorecard
    >>> batch = pa.record_batch({"business_id": ["a"], "lost_contact": [1.0]})
    >>> next(score_batches(Scorecard(), [batch])).column("score").to_pylist()
    [10.0]
    """
    for batch in batches:
        names = batch.schema.names
        if key not in names:
            raise InputError(f"the batch has no column '{key}'", where=f"columns {', '.join(names[:8])}")
        features = {n: _values(batch.column(n), n) for n in names if n != key}
        scored = model.score_arrays(features, batch.num_rows)
        arrays = [batch.column(key), *(pa.array(scored[c], pa.string() if c == "grade" else pa.float64()) for c in model.columns)]
        yield pa.record_batch(arrays, names=[key, *model.columns])


def _values(column: pa.Array, name: str) -> Any:
    kind = column.type
    if pa.types.is_dictionary(kind):
        column = column.dictionary_decode()
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        return column.to_numpy(zero_copy_only=False)
    if not (pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_boolean(kind) or pa.types.is_null(kind)):
        raise InputError("a feature is neither number nor category", where=f"column {name}, type {kind}")
    return column.cast(pa.float64()).to_numpy(zero_copy_only=False).astype(np.float64, copy=False)
