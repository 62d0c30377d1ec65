"""What a model learns beside the category: tactics and stage, the elderly marker, the respondent's name, the payments; saved as plain arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from fraudrisk.complaints.clauses import ClauseHeads
from fraudrisk.complaints.heads import ElderlyHead, TextHeads
from fraudrisk.complaints.names import NameFinder
from fraudrisk.complaints.payments import PaymentModel
from fraudrisk.complaints.schemes import SchemeHeads

__all__ = ["ReaderParts"]


@dataclass(frozen=True, slots=True)
class ReaderParts:
    """The learned parts of a reader.

    ``threshold`` is the probability of fraud, all fraud categories together, from which a text is called one.
    """

    schemes: SchemeHeads
    elderly: ElderlyHead
    names: NameFinder
    payments: PaymentModel
    threshold: float

    def arrays(self) -> dict[str, Any]:
        """For a bundle."""
        return {
            "head_columns": self.schemes.whole.columns.astype(np.int32),
            "head_weights": self.schemes.whole.weights.astype(np.float16),
            "head_intercept": self.schemes.whole.intercept,
            "clause_columns": self.schemes.clauses.columns.astype(np.int32),
            "clause_weights": self.schemes.clauses.weights.astype(np.float16),
            "clause_intercept": self.schemes.clauses.intercept,
            "tactic_weights": self.schemes.tactic_weights,
            "stage_weights": self.schemes.stage_weights,
            "elderly_columns": self.elderly.columns.astype(np.int32),
            "elderly_weights": self.elderly.weights.astype(np.float16),
            "elderly_intercept": self.elderly.intercept,
            **self.payments.arrays(),
            **self.names.arrays(),
        }

    def meta(self) -> dict[str, Any]:
        """For a bundle's manifest."""
        return {
            "tactics": self.schemes.tactics,
            "stages": self.schemes.stages,
            "tactic_threshold": self.schemes.threshold,
            "elderly": self.elderly.labels,
            **self.payments.meta(),
            **self.names.meta(),
            "fraud_threshold": self.threshold,
        }

    @classmethod
    def from_arrays(cls, meta: dict[str, Any], arrays: dict[str, Any]) -> ReaderParts:
        """From a checked bundle."""
        m = meta["parts"]
        whole = TextHeads(arrays["head_columns"], arrays["head_weights"].astype(np.float32), arrays["head_intercept"])
        clauses = ClauseHeads(arrays["clause_columns"], arrays["clause_weights"].astype(np.float32), arrays["clause_intercept"])
        schemes = SchemeHeads(
            m["tactics"], m["stages"], whole, clauses, arrays["tactic_weights"], arrays["stage_weights"], m["tactic_threshold"]
        )
        elderly = ElderlyHead(
            m["elderly"], arrays["elderly_columns"], arrays["elderly_weights"].astype(np.float32), arrays["elderly_intercept"]
        )
        return cls(schemes, elderly, NameFinder.from_arrays(m, arrays), PaymentModel.from_arrays(m, arrays), m["fraud_threshold"])
