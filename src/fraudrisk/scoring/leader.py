"""What orders the list: the pack's points, points learned from outcomes, or a learned model; always score, grade, chance and reasons."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import special

from fraudrisk.errors import IntegrityError
from fraudrisk.files import digest_bytes, digest_file
from fraudrisk.packs.loader import Pack
from fraudrisk.scoring.boosted import RiskScorer
from fraudrisk.scoring.calibration import Calibration
from fraudrisk.scoring.reasons import Explained, explain, explain_margin
from fraudrisk.scoring.scorecard import Scorecard

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Leader", "prior_margin"]

_NAMES = {"scorecard": "评分卡", "scorecard_refitted": "评分卡（按核查结果重估）", "risk_scorer": "学习模型"}


@dataclass(frozen=True)
class Leader:
    """The champion of a workspace, ready to score.

    A scorecard's score becomes a chance by the pack's table (``indicators.yaml``, ``chances``), corrected by the office's own
    outcomes once it has retrained. A learned model's chance becomes a score by the same table read backwards, so that sixty
    points mean the same whoever leads.

    Parameters
    ----------
    pack : Pack
    kind : {"scorecard", "scorecard_refitted", "risk_scorer"}
    card : Scorecard
    model : RiskScorer, optional
        Leads where it is given.
    odds : Calibration
        From the pack's log-odds to the office's.
    digest : str
        Names points, model and odds.

    Examples
    --------
    >>> from fraudrisk.packs import load_pack
    >>> leader = Leader.of_pack(load_pack("elder_fraud"))
    >>> leader.score_arrays({"lost_contact": np.array([1.0, np.nan])}, 2)["probability"].round(3).tolist()
    [0.01, 0.003]
    """

    pack: Pack
    kind: str
    card: Scorecard
    model: RiskScorer | None = None
    odds: Calibration = field(default_factory=Calibration)
    digest: str = "scorecard"

    @classmethod
    def of_pack(cls, pack: Pack) -> Leader:
        """The pack's points, which need no outcomes."""
        return cls(pack, "scorecard", Scorecard(pack))

    @classmethod
    def of_folder(cls, folder: Path, pack: Pack) -> Leader:
        """What ``retrain`` left in a workspace's ``models``; the pack's points where there is nothing.

        Raises
        ------
        IntegrityError
            A file the champion needs is missing, damaged or changed.
        """
        mark = folder / "champion.json"
        if not mark.is_file():
            return cls.of_pack(pack)
        try:
            said = json.loads(mark.read_text(encoding="utf-8"))
            kind, odds = str(said["champion"]), Calibration.from_meta(said["odds"]) if "odds" in said else Calibration()
        except (json.JSONDecodeError, KeyError, TypeError, UnicodeDecodeError) as error:
            raise IntegrityError("the mark of who leads is damaged", where=str(mark), mend="run fraudrisk retrain again") from error
        points = folder / "points.json"
        if kind == "scorecard_refitted":
            _need(points)
            card = Scorecard(pack, points=points)
            card.score_arrays({}, 0)  # reads the points now, not in the middle of a run
            return cls(pack, kind, card, None, odds, digest_bytes(mark.read_bytes(), digest_file(points)))
        if kind == "risk_scorer":
            model = RiskScorer.load(folder / "risk")
            return cls(
                pack, kind, Scorecard(pack), model, odds, digest_bytes(mark.read_bytes(), digest_file(folder / "risk" / "model.json"))
            )
        return cls(pack, "scorecard", Scorecard(pack), None, odds, digest_bytes(mark.read_bytes()))

    @property
    def label(self) -> str:
        """Its name on what people receive."""
        return _NAMES[self.kind]

    @property
    def columns(self) -> list[str]:
        """Columns of :meth:`score_arrays`."""
        return [*self.card.columns, "probability"]

    @property
    def categories(self) -> list[str]:
        """Columns of the register the model reads beside the features."""
        return [] if self.model is None else [n for n in self.model.columns_.names if n not in {f.name for f in self.pack.features}]

    def score_arrays(self, features: Mapping[str, Any], n: int) -> dict[str, Any]:
        """Score (0-100), grade, points of each index, and the chance that a check confirms it."""
        numbers = {k: v for k, v in features.items() if v.dtype != object}
        out = self.card.score_arrays(numbers, n)
        if self.model is None:
            return {**out, "probability": special.expit(self.odds.margin(prior_margin(self.pack, out["score"])))}
        chance = self.model.score_arrays(features, n)["probability"]
        score = _score_of(self.pack, chance)
        grades = self.pack.indicators.grades
        place = np.searchsorted(np.array([grades[g] for g in "ABCD"]), score, side="right") - 1  # type: ignore
        return {**out, "score": score, "grade": np.array(list("ABCD"), object)[place], "probability": chance}

    def explain(self, features: pd.DataFrame) -> Explained:
        """Reasons of some businesses: points that sum to the score, or log-odds that sum to the model's margin."""
        if self.model is None:
            return explain(self.pack, features, self.card)
        return explain_margin(self.pack, features, self.model)


def prior_margin(pack: Pack, score: Any) -> Any:
    """Log-odds of a score by the pack's table, before an office has outcomes of its own."""
    scores, chances = (np.array(v, np.float64) for v in zip(*pack.indicators.chances, strict=True))
    return np.interp(score, scores, special.logit(chances))


def _score_of(pack: Pack, chance: Any) -> Any:
    """The score that has this chance, in whole tenths."""
    scores, chances = (np.array(v, np.float64) for v in zip(*pack.indicators.chances, strict=True))
    return np.rint(np.interp(special.logit(np.clip(chance, 1e-9, 1 - 1e-9)), special.logit(chances), scores) * 10) / 10


def _need(path: Path) -> None:
    if not path.is_file():
        raise IntegrityError("what the champion needs is missing", where=str(path), mend="run fraudrisk retrain again")
