"""What checks have taught so far about each kind of evidence, long before there is enough to fit a model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fraudrisk.scoring.scorecard import BOUND

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["experience", "main_evidence"]


def experience(concluded: pd.DataFrame, *, prior: float = 1.0) -> dict[str, float]:
    """By how much the chance of a lead changes with what mainly speaks for it.

    Finds over what was expected, ``(found + k) / (expected + k)``: the posterior mean of a relative risk under a Gamma(k, k) prior
    (Clayton & Kaldor 1987, *Biometrics* 43), the same formula the pack's peers are compared by. Evidence nobody has checked changes nothing.

    Parameters
    ----------
    concluded : DataFrame
        One row per clue that was confirmed or refuted: ``evidence`` (what mainly spoke for it), ``probability`` (its chance when it was
        listed), ``found`` (0 or 1).
    prior : float
        Pseudo-finds `k`: how much it takes to move a chance.

    Returns
    -------
    dict
        Evidence to factor.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = pd.DataFrame({"evidence": ["H2"] * 50 + ["T4"] * 5, "probability": [0.02] * 50 + [0.1] * 5, "found": [0] * 50 + [1] * 4 + [0]})
    >>> {k: round(v, 2) for k, v in experience(rows).items()}
    {'H2': 0.5, 'T4': 3.33}
    """
    if concluded.empty:
        return {}
    sums = concluded.groupby("evidence")[["found", "probability"]].sum()
    factor = (sums["found"] + prior) / (sums["probability"] + prior)
    return {str(k): float(v) for k, v in factor.items()}


def main_evidence(contributions: pd.DataFrame) -> pd.Series:
    """The indicator that gave most points; empty where none gave any. Index as given.

    Examples
    --------
    >>> import pandas as pd
    >>> main_evidence(pd.DataFrame({"H1": [18.0, 0], "T4": [12.0, 0], "bound": [0.0, 0]}, index=["a", "b"])).to_dict()
    {'a': 'H1', 'b': ''}
    """
    points = contributions.drop(columns=BOUND, errors="ignore")
    return points.idxmax(axis=1).where(points.max(axis=1) > 0, "")
