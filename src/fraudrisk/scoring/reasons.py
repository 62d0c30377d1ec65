"""Why a business got its points: one sentence per indicator, the same sentence for the same reason everywhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fraudrisk.packs.loader import Pack
from fraudrisk.scoring.scorecard import BOUND, Scorecard

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Explained", "explain"]


@dataclass(frozen=True, slots=True)
class Explained:
    """Contributions of some businesses, and the reasons in words.

    ``contributions`` is indexed by business and sums to the score; ``reasons`` has ``business_id, indicator, index, feature,
    sentence, points, position``, largest first, counter-evidence last; ``features`` are those that need evidence.
    """

    contributions: pd.DataFrame
    reasons: pd.DataFrame
    features: tuple[str, ...]


def explain(pack: Pack, features: pd.DataFrame) -> Explained:
    """Explain businesses.

    Parameters
    ----------
    pack : Pack
    features : DataFrame
        ``business_id`` and the features.
    """
    import pandas as pd

    indexed = features.set_index("business_id")
    contributions = Scorecard(pack).contributions(indexed)
    rows = []
    for indicator in pack.indicators.indicators:
        points = contributions[indicator.id]
        known = indexed[indicator.feature].to_dict() if indicator.feature in indexed else {}
        for business, value in points[points != 0].items():
            sentence = indicator.reason.format(value=known[business])
            rows.append((business, indicator.id, indicator.index, indicator.feature, sentence, value))
    bound = contributions[BOUND]
    rows += [(b, BOUND, "", "", "分值限于0至100", v) for b, v in bound[bound != 0].items()]
    reasons = pd.DataFrame(rows, columns=["business_id", "indicator", "index", "feature", "sentence", "points"])
    reasons = reasons.sort_values(["business_id", "points", "indicator"], ascending=[True, False, True], kind="stable")
    reasons["position"] = reasons.groupby("business_id").cumcount()
    return Explained(contributions, reasons.reset_index(drop=True), tuple(dict.fromkeys(f for f in reasons["feature"] if f)))
