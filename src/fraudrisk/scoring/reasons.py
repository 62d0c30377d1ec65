"""Why a business got its points: one sentence per indicator, the same sentence for the same reason everywhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fraudrisk.packs.loader import Pack
from fraudrisk.records.tables import TABLES
from fraudrisk.scoring.boosted import BASE, RiskScorer
from fraudrisk.scoring.scorecard import BOUND, Scorecard

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Explained", "explain", "explain_margin"]


@dataclass(frozen=True, slots=True)
class Explained:
    """Contributions of some businesses, and the reasons in words.

    ``contributions`` is indexed by business and sums to the score; ``reasons`` has ``business_id, indicator, index, feature,
    sentence, points, position``, largest first, counter-evidence last; ``features`` are those that need evidence.
    """

    contributions: pd.DataFrame
    reasons: pd.DataFrame
    features: tuple[str, ...]


def explain(pack: Pack, features: pd.DataFrame, card: Scorecard | None = None) -> Explained:
    """Explain businesses.

    Parameters
    ----------
    pack : Pack
    features : DataFrame
        ``business_id`` and the features.
    card : Scorecard, optional
        With points of its own; the pack's where not given.
    """
    import pandas as pd

    indexed = features.set_index("business_id")
    contributions = (card or Scorecard(pack)).contributions(indexed[[c for c in indexed if indexed[c].dtype.kind in "fiub"]])
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


def explain_margin(pack: Pack, features: pd.DataFrame, model: RiskScorer, *, top: int = 8) -> Explained:
    """Explain what a learned model says of some businesses, in the same sentences as the scorecard's where it has one.

    Parameters
    ----------
    pack : Pack
    features : DataFrame
        ``business_id`` and the model's columns.
    model : RiskScorer
    top : int
        Reasons shown per business, for and against; the others are summed in one line, so that the lines sum to the margin.

    Returns
    -------
    Explained
        ``contributions`` to the margin with ``base``; ``reasons`` as from :func:`explain`, ``points`` being log-odds.
    """
    import pandas as pd

    indexed = features.set_index("business_id")
    contributions = model.contributions(indexed[model.columns_.names])
    contributions.index = indexed.index
    sentences = {i.feature: (i.id, i.index, i.reason) for i in reversed(pack.indicators.indicators)}
    docs = {f.name: f for f in pack.features}
    rows: list[tuple[Any, ...]] = []
    for (business, parts), values in zip(contributions.iterrows(), indexed.to_dict("records"), strict=True):
        plain = parts.drop(BASE)
        order = plain.abs().sort_values(ascending=False, kind="stable").index[:top]
        shown = [str(name) for name in order if plain[name] != 0]
        for name in shown:
            number, index, text = sentences.get(name, ("", TABLES[docs[name].table].zh if name in docs else "登记", ""))
            value: Any = values[name]
            if text and plain[name] > 0 and isinstance(value, float | int) and value > 0:
                sentence = text.format(value=value)
            else:
                sentence = f"{docs[name].doc if name in docs else _NAMES.get(name, name)}：{_shown(value, docs[name].unit if name in docs else '')}"
            rows.append((business, number, index, name, sentence, plain[name]))
        rows.append((business, BASE, "", "", "起点与其余因素合计", parts[BASE] + plain.drop(shown).sum()))
    reasons = pd.DataFrame(rows, columns=["business_id", "indicator", "index", "feature", "sentence", "points"])
    reasons["last"] = reasons["indicator"] == BASE
    reasons = reasons.sort_values(["business_id", "last", "points", "feature"], ascending=[True, True, False, True], kind="stable").drop(
        columns="last"
    )
    reasons["position"] = reasons.groupby("business_id").cumcount()
    return Explained(contributions, reasons.reset_index(drop=True), tuple(dict.fromkeys(f for f in reasons["feature"] if f in docs)))


def _shown(value: Any, unit: str) -> str:
    if value is None or value != value:
        return "无数据"
    return value if isinstance(value, str) else f"{value:g}{unit}"


_NAMES = {"sector": "行业", "district": "区划"}
