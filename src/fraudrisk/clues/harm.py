"""Expected harm: how likely a lead is true, times how bad it would be, times how much time there is left to act."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from fraudrisk.packs.schema import Harm

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["expected_harm"]


def expected_harm(scored: pd.DataFrame, rule: Harm) -> Any:
    """Expected harm of every row, in units of one true lead that nobody has complained about and that is fully urgent.

    ``probability x (1 + a log10(1 + persons) + b log10(1 + yuan / unit)) x (least + (1 - least) urgency)``: risk as likelihood times
    impact (ISO 31000), with the logarithm because harm spans five orders of magnitude; the numbers are the pack's.

    Parameters
    ----------
    scored : DataFrame
        ``probability`` (0-1), ``victims`` (persons), ``amount`` (yuan), ``urgency`` (0-1, missing where nobody named a stage).
    rule : Harm

    Returns
    -------
    ndarray of float

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"probability": [0.1, 0.1], "victims": [0, 9], "amount": [0.0, 90_000.0], "urgency": [None, 1.0]})
    >>> expected_harm(frame, Harm()).round(3).tolist()
    [0.07, 0.2]
    """
    victims, amount = (scored[c].fillna(0).to_numpy(np.float64) for c in ("victims", "amount"))
    impact = (
        1
        + rule.per_tenfold_persons * np.log10(1 + victims)
        + rule.per_tenfold_money * np.log10(1 + np.maximum(amount, 0) / rule.money_unit)
    )
    urgency = scored["urgency"].astype("float64").fillna(rule.unknown_urgency).to_numpy()
    return scored["probability"].to_numpy(np.float64) * impact * (rule.least_urgency + (1 - rule.least_urgency) * urgency)
