"""10,000 moves by eight writers at once, one killed (SIGKILL) half-way and started again; against one writer alone.

None may be lost and none may happen twice. SQLite always; PostgreSQL where FRAUDRISK_TEST_POSTGRES names a server.
"""

from __future__ import annotations

import datetime as dt
import os
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path

_CLUES, _WRITERS = 2_000, 8
_STATES = ("已转办", "核查中", "延期", "已反馈", "已办结")
_DAY = dt.date(2026, 9, 1)
_WRITER = f"""
import datetime as dt, sys
from fraudrisk.outcomes.ledger import Ledger
ledger = Ledger(sys.argv[1])
for n in range(int(sys.argv[2]), int(sys.argv[3])):
    for to in {_STATES!r}:
        ledger.move(f"C{{n:05d}}", to, who="w", conclusion="属实" if to == "已反馈" else None, key=f"{{n}}:{{to}}", on=dt.date(2026, 9, 1))
"""


def _addresses(folder: Path) -> dict[str, str]:
    found = {"SQLite": str(folder / "ledger.db")}
    server = os.environ.get("FRAUDRISK_TEST_POSTGRES")
    if server:
        from sqlalchemy import create_engine, text

        name = f"bench_{uuid.uuid4().hex[:8]}"
        engine = create_engine(server, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
        engine.dispose()
        found["PostgreSQL"] = server.rsplit("/", 1)[0] + f"/{name}"
    return found


def _start(address: str, first: int, last: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", _WRITER, address, str(first), str(last)], stderr=subprocess.PIPE)


def _write(address: str, writers: int, clues: int, *, kill: bool) -> float:
    from fraudrisk.outcomes.ledger import Ledger

    ledger = Ledger(address)
    ledger.add(
        [{"clue_id": f"C{n:05d}", "business_id": f"b{n}", "name": "某店", "owner": "市场监管"} for n in range(clues)], who="desk", on=_DAY
    )
    part = clues // writers
    begin = time.perf_counter()
    running = [_start(address, w * part, (w + 1) * part) for w in range(writers)]
    if kill:
        time.sleep(4)
        os.kill(running[0].pid, signal.SIGKILL)
        running[0].wait()
        running[0] = _start(address, 0, part)
    for process in running:
        _, error = process.communicate()
        assert process.returncode == 0, error.decode()[-500:]
    seconds = time.perf_counter() - begin
    history = ledger.history()
    moved = history[history["kind"] == "moved"]
    assert len(moved) == clues * len(_STATES), f"{len(moved)} moves of {clues * len(_STATES)}"
    assert moved["key"].is_unique
    assert set(ledger.clues()["status"]) == {"已办结"}
    ledger.close()
    return seconds


def main() -> None:
    """Print seconds and the ratio to one writer alone."""
    with tempfile.TemporaryDirectory() as folder:
        for name, address in _addresses(Path(folder)).items():
            seconds = _write(address, _WRITERS, _CLUES, kill=True)
            moves = _CLUES * len(_STATES)
            alone_at = f"{address}_alone" if name == "SQLite" else None
            said = f"{name}: {moves:,} moves by {_WRITERS} writers, one killed: {seconds:.0f} s, {moves / seconds:.0f}/s, none lost, none twice"
            if alone_at:
                alone = _write(alone_at, 1, 200, kill=False)
                said += f"; {(moves / seconds) / (1000 / alone):.2f}x of one writer alone"
            print(said)
