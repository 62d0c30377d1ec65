"""Real server processes on one store: a worker killed in the middle, a run published in the middle; on PostgreSQL too."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from sqlalchemy import create_engine, text

from fraudrisk.service.audit import verify_workspace
from fraudrisk.service.keys import add_key
from fraudrisk.service.releases import publish_release, rollback
from fraudrisk.service.store import CARD, CURRENT, open_reader
from fraudrisk.service.tables import store_url
from fraudrisk.taking_back import ledger_of
from fraudrisk.workspace import Workspace

CLIENT = httpx.Client(verify=False)
RUN = "import sys; from fraudrisk.service.serve import serve; from fraudrisk.workspace import Workspace; serve(Workspace(sys.argv[1]), port=int(sys.argv[2]), workers=int(sys.argv[3]))"


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


@contextmanager
def running(workspace: Workspace, workers: int = 2) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    port = free_port()
    environment = os.environ | {
        "FRAUDRISK_RATE_PER_SECOND": "1000000",
        "FRAUDRISK_RATE_BURST": "1000000",
        "FRAUDRISK_RELEASE_POLL_SECONDS": "0.1",
    }
    process = subprocess.Popen(
        [sys.executable, "-c", RUN, str(workspace.path), str(port), str(workers)], env=environment, stderr=subprocess.DEVNULL
    )
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(300):
            try:
                if CLIENT.get(f"{address}/readyz", timeout=2).status_code == 200:
                    break
            except httpx.HTTPError:
                pass
            assert process.poll() is None
            time.sleep(0.1)
        yield address, process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def office_copy(request: pytest.FixtureRequest, published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    folder = tmp_path / "office"
    if request.param == "sqlite":
        shutil.copytree(published, folder)
        yield Workspace(folder)
        return
    url = os.environ.get("FRAUDRISK_TEST_POSTGRES")
    if not url:
        pytest.skip("set FRAUDRISK_TEST_POSTGRES to a server's URL")
    shutil.copytree(published, folder, ignore=shutil.ignore_patterns("store.db*", "ledger.db*", "audit", "search"))
    name = f"store_{uuid.uuid4().hex[:12]}"
    server = create_engine(url, isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    mine = url.rsplit("/", 1)[0] + f"/{name}"
    monkeypatch.setenv("FRAUDRISK_STORE", mine)
    monkeypatch.setenv("FRAUDRISK_LEDGER", mine)  # one database for both
    workspace = Workspace(folder)
    publish_release(workspace)
    yield workspace
    with server.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    server.dispose()


def send(address: str, key: str, method: str, path: str, **more: Any) -> httpx.Response:
    """As a careful client does: try again until there is an answer."""
    headers = {"Authorization": f"Bearer {key}"} | more.pop("headers", {})
    for _ in range(200):
        try:
            answer = CLIENT.request(method, address + path, headers=headers, timeout=20, **more)
            if answer.status_code != 503:
                return answer
        except httpx.HTTPError:
            pass
        time.sleep(0.05)
    raise AssertionError("no answer")


def workers_of(process: subprocess.Popen[bytes]) -> list[int]:
    children = psutil.Process(process.pid).children(recursive=True)
    return [c.pid for c in children if "resource_tracker" not in " ".join(c.cmdline())]


def test_cards_asked_together_are_the_cards_asked_alone(office_copy: Workspace) -> None:
    codes = [*office_copy.table("business")["business_id"].head(60).tolist(), "NOBODY"] * 2

    async def ask() -> tuple[list[Any], list[Any]]:
        reader = open_reader(store_url(office_copy))
        try:
            number = (await reader.one(CURRENT, {}) or (0,))[0]
            together = await asyncio.gather(*(reader.one(CARD, {"release": number, "code": c}) for c in codes))
            return together, [await reader.one(CARD, {"release": number, "code": c}) for c in codes]
        finally:
            await reader.close()

    together, alone = asyncio.run(ask())
    assert [r and r[1] for r in together] == [r and r[1] for r in alone]
    assert together[60] is None
    assert len({r[1] for r in together if r}) > 50


def test_a_killed_worker_loses_no_outcome_and_doubles_none(office_copy: Workspace) -> None:
    _, key = add_key(office_copy, label="desk", role="inspector", divisions=["33"])
    with running(office_copy) as (address, process):
        clues = [c["clue_id"] for c in send(address, key, "GET", "/v1/clues?limit=50").json()["clues"]]
        answers: dict[str, int] = {}

        def file(some: list[str]) -> None:
            for clue in some:
                for to in ("已转办", "核查中"):
                    answer = send(
                        address,
                        key,
                        "POST",
                        f"/v1/clues/{clue}/outcome",
                        json={"to": to},
                        headers={"Idempotency-Key": f"{clue}-{STEP[to]}"},
                    )
                    answers[f"{clue} {to}"] = answer.status_code

        threads = [threading.Thread(target=file, args=(clues[i::4],)) for i in range(4)]
        for t in threads:
            t.start()
        killed = 0
        for victim in workers_of(process):  # each of the first ones; a new one that dies at once would be taken for a broken installation
            while len(answers) < (killed + 1) * len(clues) // 2 and any(t.is_alive() for t in threads):
                time.sleep(0.002)
            os.kill(victim, signal.SIGKILL)
            killed += 1
        for t in threads:
            t.join()
    assert killed == 2
    assert set(answers.values()) == {200}
    assert len(answers) == 2 * len(clues)
    ledger = ledger_of(office_copy)
    history = ledger.history()
    ledger.close()
    for clue in clues:
        assert history[history["clue_id"] == clue]["after"].tolist() == ["待分办", "已转办", "核查中"]
    said = verify_workspace(office_copy)
    assert said.faults == ()
    lines = [json.loads(raw) for p in sorted((office_copy.path / "audit").glob("*.jsonl")) for raw in p.read_text().splitlines()]
    asked = {e["object"] for e in lines if e["action"] == "post_outcome" and e["phase"] == "asked"}
    assert asked == set(clues)


STEP = {"已转办": "1", "核查中": "2"}


def test_a_release_in_the_middle_of_a_load(office_copy: Workspace) -> None:
    """Every card is whole and of one release, whichever process answers, while runs are published and taken back."""
    _, key = add_key(office_copy, label="desk", role="analyst")
    with running(office_copy) as (address, _):
        codes = [c["code"] for c in send(address, key, "GET", "/v1/clues?limit=50").json()["clues"]]
        faults, seen, stop = [], set(), threading.Event()

        def look(offset: int) -> None:
            with httpx.Client(headers={"Authorization": f"Bearer {key}"}, timeout=30) as client:
                n = offset
                while not stop.is_set():
                    answer = client.get(f"{address}/v1/businesses/{codes[n % len(codes)]}")
                    n += 1
                    try:
                        body = answer.json()
                        seen.add(body["release"])
                        if (
                            answer.headers["etag"].split("-")[0] != f'"r{body["release"]}'
                            or body["card"]["business_id"] != codes[(n - 1) % len(codes)]
                            or len(body["card"]) != 31
                        ):
                            faults.append(answer.text)
                    except (ValueError, KeyError):
                        faults.append(f"{answer.status_code} {answer.text[:200]}")

        threads = [threading.Thread(target=look, args=(i,)) for i in range(3)]
        for t in threads:
            t.start()
        first = publish_release(office_copy)
        time.sleep(0.6)
        rollback(office_copy)
        time.sleep(0.6)
        second = publish_release(office_copy)
        time.sleep(1.0)
        stop.set()
        for t in threads:
            t.join()
    assert faults == []
    assert {first.number, second.number} <= seen
    assert verify_workspace(office_copy).faults == ()


def test_an_interrupted_publisher_leaves_nothing_to_see(office_copy: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    from fraudrisk.service import filling
    from fraudrisk.service.releases import list_releases

    before = [(r.number, r.current) for r in list_releases(office_copy)]

    def fails(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(filling, "build_index", fails)
        with pytest.raises(KeyboardInterrupt):
            publish_release(office_copy)
    assert [(r.number, r.current) for r in list_releases(office_copy)] == before
    made = publish_release(office_copy)
    engine = create_engine(store_url(office_copy))
    with engine.connect() as connection:
        assert {r[0] for r in connection.execute(text("SELECT DISTINCT release_id FROM store_business"))} == {before[0][0], made.number}
    engine.dispose()


def test_only_so_many_releases_are_kept(office_copy: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    import datetime as dt

    from fraudrisk.service import releases

    monkeypatch.setattr(releases, "_GRACE", dt.timedelta(0))
    monkeypatch.setenv("FRAUDRISK_KEEP_RELEASES", "2")
    workspace = Workspace(office_copy.path)
    for _ in range(3):
        time.sleep(0.01)
        publish_release(workspace)
    kept = [r.number for r in releases.list_releases(workspace)]
    assert len(kept) == 2
    assert {int(p.name[1:]) for p in (workspace.path / "search").glob("r*")} == set(kept)


def test_it_stops_gracefully(office_copy: Workspace) -> None:
    """What was answered before the end stands in the log, and figures of all processes add up."""
    _, key = add_key(office_copy, label="desk", role="analyst")
    with running(office_copy) as (address, process):
        code = send(address, key, "GET", "/v1/clues?limit=1").json()["clues"][0]["code"]
        for _ in range(40):
            assert send(address, key, "GET", f"/v1/businesses/{code}").status_code == 200
        time.sleep(1.5)
        figures = send(address, key, "GET", "/metrics").text
        assert 'fraudrisk_requests_total{operation="get_business",status="200"} 40.0' in figures
        assert 'fraudrisk_request_seconds_count{operation="get_business"} 40.0' in figures
        for _ in range(10):
            send(address, key, "GET", f"/v1/businesses/{code}")
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) in (0, -signal.SIGTERM)
    said = verify_workspace(office_copy)
    assert said.faults == ()
    raw = "".join(p.read_text() for p in (office_copy.path / "audit").glob("*.jsonl"))
    assert raw.count('"action":"get_business"') == 50
