"""Points refitted from outcomes stay readable, keep their sides, and beat points that know nothing."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from fraudrisk.errors import InputError
from fraudrisk.packs import Pack
from fraudrisk.scoring import Scorecard


@pytest.fixture(scope="module")
def past(pack: Pack) -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(5)
    n = 4000
    frame = pd.DataFrame({f.name: np.full(n, np.nan) for f in pack.features})
    frame["lost_contact"] = rng.integers(0, 2, n).astype(float)
    frame["cure_claims_365"] = (rng.random(n) < 0.2).astype(float)
    frame["clean_checks_180"] = (rng.random(n) < 0.3).astype(float)
    frame["victims_730"] = rng.poisson(0.5, n).astype(float)
    margin = 2.0 * frame["cure_claims_365"] + 0.6 * frame["victims_730"] - 1.0 * frame["clean_checks_180"] - 3.0
    return frame, (rng.random(n) < 1 / (1 + np.exp(-margin))).astype(int).to_numpy()


def test_refitted_points_follow_the_evidence(pack: Pack, past: tuple[pd.DataFrame, np.ndarray]) -> None:
    frame, y = past
    card = Scorecard(pack).fit(frame.iloc[:3000], y[:3000])
    points = {k: [p for _, p in v.steps] for k, v in card.points_.items()}
    assert points["W1"][0] > 10  # tells much
    assert points["H3"][0] < 3  # tells nothing here
    assert points["M1"][0] < -3  # counter-evidence stays counter-evidence
    assert all(p >= 0 for k, v in points.items() if not k.startswith("M") for p in v)
    test = frame.iloc[3000:]
    assert roc_auc_score(y[3000:], card.assess(test)["score"]) > roc_auc_score(y[3000:], Scorecard(pack).assess(test)["score"])
    assert (card.contributions(test).sum(axis=1) - card.assess(test)["score"]).abs().max() < 1e-9


def test_points_can_be_read_and_changed_by_a_person(pack: Pack, past: tuple[pd.DataFrame, np.ndarray], tmp_path: Path) -> None:
    frame, y = past
    card = Scorecard(pack).fit(frame, y)
    path = tmp_path / "points.json"
    card.to_json(path)
    assert (Scorecard(pack, points=path).assess(frame)["score"] == card.assess(frame)["score"]).all()
    rows = json.loads(path.read_text(encoding="utf-8"))
    rows["points"]["W1"]["steps"] = [[1, 99]]
    path.write_text(json.dumps(rows, ensure_ascii=False), encoding="utf-8")
    one = frame.iloc[:1].assign(cure_claims_365=1.0, victims_730=0.0, lost_contact=0.0, clean_checks_180=0.0)
    assert Scorecard(pack, points=path).assess(one)["score"].iloc[0] == 99
    with pytest.raises(InputError, match="Z9"):
        Scorecard(pack, points={"Z9": {"kind": "steps", "steps": [[1, 2]]}}).assess(one)
    with pytest.raises(InputError, match="indicator W1"):
        Scorecard(pack, points={"W1": {"kind": "curve"}}).assess(one)
    with pytest.raises(InputError, match="one class"):
        Scorecard(pack).fit(frame, np.zeros(len(frame)))
    assert (Scorecard(pack).fit().assess(frame)["score"] == Scorecard(pack).assess(frame)["score"]).all()
