"""What a model learns beside the category: tactics and stage, the elderly marker, the respondent's name, the payments; saved as plain arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from fraudrisk.complaints.heads import ElderlyHead, TextHeads
from fraudrisk.complaints.payments import PaymentModel
from fraudrisk.complaints.tagger import NameTagger

__all__ = ["ReaderParts"]


@dataclass(frozen=True, slots=True)
class ReaderParts:
    """The learned parts of a reader.

    ``threshold`` is the probability of fraud, all fraud categories together, from which a text is called one.
    """

    heads: TextHeads
    elderly: ElderlyHead
    tagger: NameTagger
    payments: PaymentModel
    threshold: float

    def arrays(self) -> dict[str, Any]:
        """For a bundle."""
        return {
            "head_columns": self.heads.columns.astype(np.int32),
            "head_weights": self.heads.weights.astype(np.float16),
            "head_intercept": self.heads.intercept,
            "elderly_columns": self.elderly.columns.astype(np.int32),
            "elderly_weights": self.elderly.weights.astype(np.float16),
            "elderly_intercept": self.elderly.intercept,
            **self.payments.arrays(),
            **self.tagger.arrays(),
        }

    def meta(self) -> dict[str, Any]:
        """For a bundle's manifest."""
        return {
            "tactics": self.heads.tactics,
            "stages": self.heads.stages,
            "tactic_threshold": self.heads.threshold,
            "elderly": self.elderly.labels,
            **self.payments.meta(),
            "fraud_threshold": self.threshold,
        }

    @classmethod
    def from_arrays(cls, meta: dict[str, Any], arrays: dict[str, Any]) -> ReaderParts:
        """From a checked bundle."""
        m = meta["parts"]
        heads = TextHeads(
            m["tactics"],
            m["stages"],
            arrays["head_columns"],
            arrays["head_weights"].astype(np.float32),
            arrays["head_intercept"],
            m["tactic_threshold"],
        )
        elderly = ElderlyHead(
            m["elderly"], arrays["elderly_columns"], arrays["elderly_weights"].astype(np.float32), arrays["elderly_intercept"]
        )
        return cls(heads, elderly, NameTagger.from_arrays(arrays), PaymentModel.from_arrays(m, arrays), m["fraud_threshold"])
