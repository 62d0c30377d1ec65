"""催办: who is late gets one letter a day, the superior hears of it once, and the ledger says so."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from fraudrisk.errors import InputError
from fraudrisk.outcomes.ledger import Ledger
from fraudrisk.outcomes.reminders import remind


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    made = Ledger(tmp_path / "ledger.db")
    owners = {"YL-330299-202609-0001": "市场监管", "YL-330299-202609-0002": "地方金融(处非)", "YL-330299-202609-0003": "市场监管"}
    made.add(
        [{"clue_id": c, "business_id": c[-1], "name": f"某店{c[-1]}", "owner": o} for c, o in owners.items()],
        who="desk",
        on=dt.date(2026, 9, 1),
    )
    for clue, day in (("1", 2), ("3", 17)):
        made.move(f"YL-330299-202609-000{clue}", "已转办", who="desk", on=dt.date(2026, 9, day))
    return made


def test_letters_reminders_and_the_superior(ledger: Ledger, tmp_path: Path) -> None:
    day = dt.date(2026, 9, 21)
    done = remind(ledger, tmp_path / "催办", today=day, who="专项办", notice="仅为线索")
    assert sorted(p.name for p in done.letters) == [
        "催办_专项办.txt",
        "催办_市场监管.txt",
        "督办_报上级.txt",
    ]  # what waits to be handed on is the desk's own
    assert (done.reminded, done.raised) == (2, 1)
    text = (tmp_path / "催办" / "2026-09-21" / "催办_市场监管.txt").read_text(encoding="utf-8")
    assert "YL-330299-202609-0001" in text
    assert "YL-330299-202609-0003" not in text  # not late yet
    assert "仅为线索" in text
    again = remind(ledger, tmp_path / "催办", today=day, who="专项办", notice="仅为线索")
    assert (again.reminded, again.raised) == (0, 0)
    later = remind(ledger, tmp_path / "催办", today=dt.date(2026, 9, 22), who="专项办", notice="仅为线索")
    assert (later.reminded, later.raised) == (3, 0)
    pending = ledger.pending(dt.date(2026, 9, 22)).set_index("clue_id")
    assert pending["reminders"].to_dict() == {"YL-330299-202609-0001": 2, "YL-330299-202609-0002": 2, "YL-330299-202609-0003": 1}
    assert (ledger.history("YL-330299-202609-0001")["kind"] == "raised").sum() == 1


def test_a_year_whose_holidays_are_not_published_is_said(ledger: Ledger, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not published"):
        remind(ledger, tmp_path, today=dt.date(2039, 1, 5), who="专项办", notice="")
    assert not list(tmp_path.glob("*/*.txt"))
