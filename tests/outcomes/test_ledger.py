"""The ledger: legal moves only, nothing lost, nothing twice, nothing changed afterwards, on SQLite and on PostgreSQL."""

from __future__ import annotations

import datetime as dt
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError

from fraudrisk.errors import ConflictError, InputError, NotFoundError
from fraudrisk.outcomes.ledger import Ledger
from fraudrisk.outcomes.states import CONCLUSIONS, MOVES, STATES
from fraudrisk.outcomes.workdays import add_working_days, is_working_day, working_days_left

DAY = dt.date(2026, 11, 2)
WRITER = """
import datetime as dt, sys
from fraudrisk.outcomes.ledger import Ledger
address, writer, first, last = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
ledger = Ledger(address)
path = ("已转办", "核查中", "延期", "已反馈", "已办结")
for n in range(first, last):
    for number, to in enumerate(path):
        ledger.move(f"C{n:05d}", to, who=f"w{writer}", conclusion="属实" if to == "已反馈" else None, key=f"{n}-{number}", on=dt.date(2026, 11, 2))
print("done", flush=True)
"""


@pytest.fixture(params=["sqlite", "postgres"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'ledger.db'}"
        return
    url = os.environ.get("FRAUDRISK_TEST_POSTGRES")
    if not url:
        pytest.skip("set FRAUDRISK_TEST_POSTGRES to a server's URL")
    name = f"ledger_{uuid.uuid4().hex[:12]}"
    server = create_engine(url, isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    yield url.rsplit("/", 1)[0] + f"/{name}"
    with server.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    server.dispose()


def rows(n: int) -> list[dict[str, str]]:
    return [{"clue_id": f"C{i:05d}", "business_id": f"b{i}", "name": "某健康馆", "owner": "市场监管"} for i in range(n)]


def test_a_clue_from_hand_to_hand(address: str) -> None:
    ledger = Ledger(address)
    assert ledger.add(rows(3), who="desk", on=DAY) == 3
    assert ledger.add(rows(4), who="desk", on=DAY) == 1
    ledger.move("C00000", "已转办", who="desk", on=DAY)
    with pytest.raises(InputError, match="cannot go from 已转办 to 已办结; from here it goes to 核查中 or 待分办"):
        ledger.move("C00000", "已办结", who="desk")
    ledger.move("C00000", "核查中", who="zhang", on=DAY)
    for conclusion, why, message in (
        (None, "", "no conclusion"),
        ("查实", "", "'查实' is no conclusion"),
        ("无法核实", " ", "why it cannot"),
        ("移送", "", "to whom"),
    ):
        with pytest.raises(InputError, match=message):
            ledger.move("C00000", "已反馈", who="zhang", conclusion=conclusion, why=why)
    now = ledger.move("C00000", "已反馈", who="zhang", conclusion="部分属实", details={"involved_yuan": 38000}, on=DAY)
    assert (now["conclusion"], now["status"], now["version"]) == ("部分属实", "已反馈", 3)
    history = ledger.history("C00000")
    assert history["after"].tolist() == ["待分办", "已转办", "核查中", "已反馈"]
    assert history["details"].iloc[-1] == {"involved_yuan": 38000, "conclusion": "部分属实"}
    with pytest.raises(NotFoundError, match="C99999"):
        ledger.move("C99999", "已转办", who="desk")
    with pytest.raises(InputError, match="nobody is named"):
        ledger.move("C00001", "已转办", who=" ")
    with pytest.raises(InputError, match="belongs to 已反馈"):
        ledger.move("C00001", "已转办", who="desk", conclusion="属实")
    ledger.close()


def test_the_same_key_counts_once(address: str) -> None:
    ledger = Ledger(address)
    ledger.add(rows(1), who="desk", on=DAY)
    first = ledger.move("C00000", "已转办", who="desk", key="k1", on=DAY)
    assert ledger.move("C00000", "已转办", who="desk", key="k1", on=DAY) == first
    assert len(ledger.history("C00000")) == 2
    with pytest.raises(ConflictError, match="used for something else"):
        ledger.move("C00000", "核查中", who="desk", key="k1")
    ledger.close()


def test_history_cannot_be_rewritten(address: str) -> None:
    ledger = Ledger(address)
    ledger.add(rows(1), who="desk", on=DAY)
    for statement in ("UPDATE move SET who = 'nobody'", "DELETE FROM move"):
        with pytest.raises(DBAPIError, match="append-only"), ledger.engine.begin() as connection:
            connection.execute(text(statement))
    assert ledger.history()["who"].tolist() == ["desk"]
    ledger.close()


def test_what_is_due(address: str) -> None:
    ledger = Ledger(address)
    ledger.add(rows(3), who="desk", on=DAY)
    ledger.move("C00001", "已转办", who="desk", on=DAY)
    ledger.move("C00001", "核查中", who="zhang", on=DAY)
    ledger.remind("C00000", who="chief", why="两日未分办")
    pending = ledger.pending(dt.date(2026, 11, 12)).set_index("clue_id")
    assert pending.loc["C00000", "days_left"] == -6
    assert pending.loc["C00000", ["overdue", "escalate", "reminders"]].tolist() == [True, True, 1]
    assert pending.loc["C00001", ["overdue", "days_left"]].tolist() == [False, 7]
    assert pending.index[0] == "C00000"
    assert (ledger.history("C00000")["kind"] == "reminded").sum() == 1
    ledger.close()


@pytest.mark.slow
def test_eight_writers_at_once_and_one_killed(address: str) -> None:
    """Each clue is moved by two writers with the same keys; one writer is killed in the middle and started again."""
    ledger = Ledger(address)
    n = 48
    ledger.add(rows(n), who="desk", on=DAY)

    def start(writer: int) -> subprocess.Popen[str]:
        half = (writer % 4) * n // 4
        return subprocess.Popen(
            [sys.executable, "-c", WRITER, address, str(writer), str(half), str(half + n // 4)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    writers = [start(w) for w in range(8)]
    deadline = time.time() + 60
    while len(ledger.history()) < n + 20 and time.time() < deadline:
        time.sleep(0.05)
    os.kill(writers[0].pid, signal.SIGKILL)
    writers[0].communicate()
    writers.append(start(0))
    for process in writers[1:]:
        while True:  # a writer that met the other one in between looks again: its keys make that safe
            _, error = process.communicate()
            if process.returncode == 0:
                break
            assert "ConflictError" in error or "cannot go from" in error, error[-800:]
            process = start(int(process.args[4]))  # type: ignore[index]
    history = ledger.history()
    moved = history[history["kind"] == "moved"]
    assert len(moved) == n * 5
    assert moved["key"].is_unique
    assert set(ledger.clues()["status"]) == {"已办结"}
    for _, one in moved.groupby("clue_id"):
        assert one["after"].tolist() == ["已转办", "核查中", "延期", "已反馈", "已办结"]
    ledger.close()


@settings(max_examples=25)
@given(steps=st.lists(st.tuples(st.sampled_from(STATES), st.sampled_from((None, *CONCLUSIONS))), max_size=8))
def test_only_legal_moves_ever_happen(tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, str | None]]) -> None:
    ledger = Ledger(tmp_path_factory.mktemp("l") / "ledger.db")
    ledger.add(rows(1), who="desk", on=DAY)
    for to, conclusion in steps:
        before = ledger.state("C00000")
        try:
            ledger.move("C00000", to, who="x", conclusion=conclusion, why="公安", on=DAY)
        except InputError:
            assert ledger.state("C00000") == before
        else:
            assert to in MOVES[before["status"]]
            assert (to == "已反馈") == (conclusion is not None)
    moves = ledger.history("C00000")
    assert all(b in MOVES[a] for a, b in zip(moves["before"].iloc[1:], moves["after"].iloc[1:], strict=True))
    ledger.close()


@given(st.dates(dt.date(2024, 1, 1), dt.date(2026, 10, 1)), st.integers(0, 30))
def test_working_days_count_there_and_back(day: dt.date, count: int) -> None:
    due = add_working_days(day, count)
    assert working_days_left(day, due) == count
    assert working_days_left(due, day) == -count
    assert count == 0 or is_working_day(due)


def test_holidays_are_never_guessed() -> None:
    assert not is_working_day(dt.date(2026, 10, 5))
    assert is_working_day(dt.date(2026, 2, 28))  # a make-up Saturday
    with pytest.raises(InputError, match="holidays of 2034 are not published"):
        add_working_days(dt.date(2034, 12, 30), 5)
    with pytest.raises(InputError, match="no number of working days"):
        add_working_days(DAY, -1)
