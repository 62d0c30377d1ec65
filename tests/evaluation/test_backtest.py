"""The past replayed: on a whole office, and on one table without a register."""

from __future__ import annotations

import datetime as dt
import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from fraudrisk.cli import app
from fraudrisk.errors import InputError
from fraudrisk.evaluation import backtest, monitor
from fraudrisk.evaluation.report import listed_groups
from fraudrisk.workspace import Workspace

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def inspections(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """6,000 inspections of 900 subjects; some fail again and again."""
    rng = np.random.default_rng(2)
    n = 6000
    who = rng.integers(0, 900, n)
    bad = rng.random(900) < 0.2
    frame = pd.DataFrame(
        {
            "名称": [f"望溪第{w}号小吃店" for w in who],
            "检查日期": (pd.Timestamp("2023-01-01") + pd.to_timedelta(rng.integers(0, 900, n), "D")).date,
            "检查结果": np.where(rng.random(n) < np.where(bad[who], 0.6, 0.08), "发现问题责令整改", "未发现问题"),
        }
    ).drop_duplicates()
    ws = Workspace.create(tmp_path_factory.mktemp("insp") / "ws", division="330299")
    ws.import_table("inspection", frame)
    return ws


def test_one_table_of_inspections_is_enough(inspections: Workspace, tmp_path: Path) -> None:
    told: list[str] = []
    result = backtest(
        inspections, outcome="inspection_failed", window=dt.timedelta(days=60), start=dt.date(2024, 9, 1), capacity=30,
        progress=lambda step, done, total: told.append(step),
    )  # fmt: skip
    models = result.summary["models"]
    assert {"random", "past_fails", "last_inspection", "scorecard", "risk_scorer"} <= set(models)
    assert models["risk_scorer"]["precision@k"] > 1.8 * models["random"]["precision@k"]
    assert models["risk_scorer"]["days_earlier"]["mean"] > 5
    assert models["risk_scorer"]["ECE"] < 0.1
    low, high = models["risk_scorer"]["precision_interval"]
    assert low < models["risk_scorer"]["precision@k"] < high
    assert result.champion in ("past_fails", "risk_scorer")
    assert "重放" in told
    result.save(tmp_path)
    stored = json.loads((tmp_path / "backtest.json").read_text(encoding="utf-8"))
    assert stored["champion"] == result.champion
    assert {"precision@k", "recall@k", "lift", "AP", "ECE", "days_earlier", "precision_interval"} <= set(stored["models"]["risk_scorer"])
    assert (tmp_path / "backtest.svg").read_text(encoding="utf-8").count("<svg") == 1
    assert len(pd.read_csv(tmp_path / "backtest.csv")) == len(models)


def test_a_replay_does_not_see_what_came_after(inspections: Workspace, tmp_path: Path) -> None:
    """Everything after the last test date's window is taken away: the rankings stay."""
    start, window = dt.date(2024, 6, 1), dt.timedelta(days=60)
    whole = backtest(inspections, outcome="inspection_failed", window=window, start=start, end=start, capacity=30)
    table = inspections.table("inspection")
    cut = table[table["known_at"] < start + window][["name", "inspected_on", "result"]]
    less = Workspace.create(tmp_path / "less", division="330299")
    less.import_table("inspection", cut)
    part = backtest(less, outcome="inspection_failed", window=window, start=start, end=start, capacity=30)
    pd.testing.assert_frame_equal(whole.ranked, part.ranked)


def test_an_office_replays_its_penalties(office: Workspace, tmp_path: Path) -> None:
    copy = tmp_path / "office"
    shutil.copytree(office.path, copy)
    done = CliRunner().invoke(
        app, ["backtest", str(copy), "--outcome", "inspection_failed", "--window", "60d", "--from", "2026-02-01", "--to", "2026-08-01", "--capacity", "20", "--out", str(tmp_path / "out")]
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    summary = json.loads((tmp_path / "out" / "backtest.json").read_text(encoding="utf-8"))
    assert summary["dates"][0] == "2026-02-01"
    assert set(summary["models"]) >= {
        "random",
        "complaint_count",
        "last_inspection",
        "five_index",
        "scorecard",
        "scorecard_refitted",
        "risk_scorer",
    }
    assert "leads: " in done.output
    assert summary["champion"] in done.output


def test_what_cannot_be_replayed_is_said(inspections: Workspace) -> None:
    for options, message in (
        ({"outcome": "arrest"}, "knows no outcome 'arrest'"),
        ({"outcome": "penalty"}, "needs the table 'penalty'"),
        ({"outcome": "inspection_failed", "models": ["oracle"]}, "no model 'oracle'"),
        ({"outcome": "inspection_failed", "start": dt.date(2030, 1, 1)}, "no date leaves a window"),
        ({"outcome": "inspection_failed", "start": dt.date(2020, 1, 1), "end": dt.date(2024, 1, 1)}, "nothing was known"),
        ({"outcome": "inspection_failed", "capacity": 0}, "at least 1"),
    ):
        with pytest.raises(InputError, match=message):
            backtest(inspections, **options)  # type: ignore[arg-type]


def test_the_population_is_watched(office: Workspace, tmp_path: Path) -> None:
    copy = tmp_path / "office"
    shutil.copytree(office.path, copy)
    ws = Workspace(copy)
    with pytest.raises(InputError, match="nothing to compare"):
        monitor(ws, runs=[dt.date(2026, 11, 1)])
    ws.run(dt.date(2026, 9, 1), 20)
    ws.run(dt.date(2026, 10, 1), 20)
    drift = monitor(ws, runs=[dt.date(2026, 9, 1), dt.date(2026, 10, 1)])
    assert set(drift.stability["run"]) == {"2026-10-01"}
    assert drift.verdict in ("steady", "watch", "act")
    assert np.allclose(drift.mix.sum(axis=1), 1)
    bad = pd.DataFrame({"month": np.repeat(["2026-06", "2026-07", "2026-08"], 60), "y": np.repeat([1.0, 1.0, 0.0], 60), "probability": 0.9})
    worse = monitor(ws, outcomes=bad, runs=[dt.date(2026, 9, 1), dt.date(2026, 10, 1)])
    assert worse.verdict == "act"
    assert any("precision of the last month" in r for r in worse.reasons)
    worse.save(tmp_path / "m")
    assert json.loads((tmp_path / "m" / "monitor.json").read_text(encoding="utf-8"))["verdict"] == "act"
    groups = listed_groups(ws, dt.date(2026, 10, 1))
    assert set(groups["attribute"]) == {"district", "entity_type", "size", "age"}
    assert groups.loc[groups["attribute"] == "entity_type", "rows"].sum() == len(ws.result(dt.date(2026, 10, 1)).scores())


def test_a_challenger_leads_only_where_it_wins(inspections: Workspace, tmp_path: Path) -> None:
    from fraudrisk.evaluation.retraining import retrain
    from fraudrisk.scoring import RiskScorer

    copy = tmp_path / "ws"
    shutil.copytree(inspections.path, copy)
    done = retrain(Workspace(copy), outcome="inspection_failed", window=dt.timedelta(days=60), capacity=30)
    entry = json.loads((done.folder / "retraining.json").read_text(encoding="utf-8"))
    assert entry["champion"] == done.champion == json.loads((done.folder / "champion.json").read_text(encoding="utf-8"))["champion"]
    assert done.before == "scorecard"
    assert done.promoted == (done.champion != "scorecard")
    assert (done.folder / "backtest" / "backtest.json").is_file()
    if done.champion == "risk_scorer":
        assert RiskScorer.load(done.folder / "risk").how_["positives"] > 30
    assert entry["why"]
    again = retrain(Workspace(copy), outcome="inspection_failed", window=dt.timedelta(days=60), capacity=30)
    assert (again.champion, again.before, again.promoted) == (done.champion, done.champion, False)
