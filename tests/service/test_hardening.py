"""What a review found: each test failed before its mend."""

from __future__ import annotations

import asyncio
import datetime as dt
import gc
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, literal, select, text

from fraudrisk.errors import NotFoundError
from fraudrisk.service import releases
from fraudrisk.service.audit import AuditLog, keep_anchor
from fraudrisk.service.auth import Principal
from fraudrisk.service.chain import Chain, Head
from fraudrisk.service.keys import add_key, revoke_key
from fraudrisk.service.limits import Buckets
from fraudrisk.service.names import build_index
from fraudrisk.service.releases import _remove, publish_release
from fraudrisk.service.store import open_reader
from fraudrisk.service.tables import api_key, business
from tests.service.conftest import Served
from tests.service.test_access import Issuer


def raw(served: Served, method: str, path: str, headers: dict[str, str], parts: list[bytes]) -> tuple[int, int]:
    """A request as HTTP/2 hands it on: a body in parts, with no header that says so. Status, and how many parts were taken."""
    taken, answer = 0, []

    async def receive() -> dict[str, Any]:
        nonlocal taken
        taken += 1
        return {"type": "http.request", "body": parts[taken - 1], "more_body": taken < len(parts)}

    async def send(message: Any) -> None:
        answer.append(message)

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "2", "method": method, "scheme": "http", "path": path, "raw_path": path.encode(), "query_string": b"",
        "root_path": "", "headers": [(k.lower().encode(), v.encode()) for k, v in headers.items()], "client": ("127.0.0.1", 1), "server": ("test", 80), "state": {},
    }  # fmt: skip
    assert served.client.portal is not None
    served.client.portal.call(served.app, scope, receive, send)
    return answer[0]["status"], taken


def test_a_body_nobody_announced_is_bounded(served: Served) -> None:
    """HTTP/2 needs neither Content-Length nor Transfer-Encoding: the limit held for neither callers nor strangers."""
    parts = [b"x" * 100_000] * 50
    key = {"Authorization": f"Bearer {served.keys['analyst']}", "Content-Type": "application/json"}
    status, taken = raw(served, "POST", "/v1/complaints:read", key, parts)
    assert (status, taken <= 12) == (413, True)
    status, taken = raw(served, "POST", "/login", {}, parts)
    assert (status, taken <= 2) == (413, True)


def test_strangers_cannot_make_us_hold_megabytes(served: Served) -> None:
    assert served.client.post("/login", data={"key": "k" * 100_000}).status_code == 413


def test_a_length_of_thousands_of_digits_is_too_large(served: Served) -> None:
    assert served.ask("analyst", "POST", "/v1/complaints:read", content=b"{}", headers={"Content-Length": "9" * 5000}).status_code == 413


def lines(served: Served) -> list[dict[str, Any]]:
    """Every line of the audit log, when it has come to rest."""
    time.sleep(0.3)
    folder = served.workspace.path / "audit"
    return [json.loads(raw) for p in sorted(folder.glob("*.jsonl")) for raw in p.read_text().splitlines()]


def test_refusals_for_speed_do_not_fill_the_log(serve: Callable[..., Served]) -> None:
    """Strangers had a line for each 429, at the speed of the network; so had keys."""
    served = serve(anonymous_per_second=0.5, rate_per_second=0.5, rate_burst=2)
    assert [served.get(None, "/v1/model").status_code for _ in range(300)].count(429) == 290
    assert [served.get("analyst", "/v1/model").status_code for _ in range(100)].count(429) == 98
    said = [e for e in lines(served) if e["status"] == 429]
    assert len(said) < 30
    assert {(e["action"], e["role"]) for e in said} == {("refused", ""), ("refused", "analyst")}
    assert [sum(e["count"] for e in said if e["role"] == role) for role in ("", "analyst")] == [290, 98]
    assert served.verified().faults == ()


def test_the_caller_not_seen_longest_is_forgotten() -> None:
    buckets = Buckets(rate=1e-9, burst=1, most=2)
    for who in ("a", "b"):
        assert buckets.take(who) == 0.0
    assert buckets.take("a") > 0
    assert buckets.take("c") == 0.0
    assert buckets.take("a") > 0, "whoever keeps asking keeps his empty bucket"


# -- the audit log -----------------------------------------------------------------------------------------------------------


def shortened(folder: Path, lines: int) -> None:
    """What somebody does who may write the log and not the store: cut its end, and the head with it."""
    path = max(folder.glob("*.jsonl"))
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-lines]))
    (folder / "head.json").unlink()


def test_a_log_that_grew_again_after_it_was_cut_is_found(served: Served) -> None:
    """The anchor was replaced as soon as the log was as long as before: then nothing told of the lines that were gone."""
    move = {"json": {"to": "已转办"}, "headers": {"Idempotency-Key": "key-00001"}}
    assert served.ask("inspector", "POST", f"/v1/clues/{served.some_clue}/outcome", **move).status_code == 200
    lines(served)
    shortened(served.workspace.path / "audit", 4)
    for n in range(20):
        served.get("analyst", "/v1/model")
        served.ask("inspector", "POST", f"/v1/clues/YL-none-{n}/outcome", json=move["json"], headers={"Idempotency-Key": f"key-1000{n}"})
    lines(served)
    assert served.verified().faults, "the lines that were cut are missed"
    assert served.get(None, "/readyz").status_code == 503
    assert served.get("analyst", "/v1/model").status_code == 503


def test_a_kept_head_is_only_replaced_by_one_that_follows_it(tmp_path: Path, served: Served) -> None:
    chain = Chain(tmp_path)
    head = chain.append([{"n": n} for n in range(5000)])
    engine = served.app.state.service._engine
    keep_anchor(engine, chain, head)
    keep_anchor(engine, chain, replace(head, seq=3, hash="0" * 64))  # another process is a little behind
    assert chain.holds(head.chain, 2500, json.loads(max(tmp_path.glob("*.jsonl")).read_bytes().splitlines()[2499])["hash"])
    assert not chain.holds(head.chain, 2500, "0" * 64)
    assert not chain.holds(head.chain, 5001, "0" * 64)


def test_a_store_that_is_away_doubles_no_line(tmp_path: Path) -> None:
    """Lines were written again, every 0.2 seconds, for as long as the anchor could not be kept."""
    away = True

    def keep(_: Head) -> None:
        if away:
            raise OSError("no store")

    log = AuditLog(Chain(tmp_path), keep)
    log._kept = (time.monotonic() - 60, 0)
    for n in range(5):
        log.note({"n": n})
    time.sleep(1.0)
    assert log.broken
    with pytest.raises(Exception, match="cannot be"):
        log.note({"n": 5})
    away = False
    time.sleep(0.5)
    assert log.broken is None
    log.note({"n": 6})
    log.close()
    assert [json.loads(raw)["n"] for p in tmp_path.glob("*.jsonl") for raw in p.read_text().splitlines()] == [0, 1, 2, 3, 4, 6]


def test_the_first_page_of_an_empty_log(served: Served) -> None:
    """A second machine's log is empty when its auditor first looks."""
    lines(served)
    for path in (served.workspace.path / "audit").iterdir():
        path.unlink()
    answer = served.get("auditor", "/v1/audit")
    assert (answer.status_code, answer.json()["entries"]) == (200, [])


# -- keys, tokens, what is said back -------------------------------------------------------------------------------------------


def test_a_key_ends_at_its_second(serve: Callable[..., Served]) -> None:
    """It was trusted for up to five minutes more, because it had been looked up."""
    served = serve(key_cache_seconds=300)
    info, key = add_key(served.workspace, label="late", role="analyst", days=1)
    soon = (dt.datetime.now(dt.UTC) + dt.timedelta(seconds=1)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    with served.app.state.service._engine.begin() as connection:
        connection.execute(api_key.update().where(api_key.c.key_id == info.key_id).values(expires_at=soon))
    time.sleep(0.3)
    assert served.get(key, "/v1/model").status_code == 200
    time.sleep(1.0)
    assert served.get(key, "/v1/model").status_code == 401


def test_an_issuer_that_is_away_is_not_asked_for_every_token(serve: Callable[..., Served]) -> None:
    """Each token, forged ones too, made us wait five seconds for it, one after the other."""
    issuer, asked = Issuer(), []
    silent = socket.create_server(("127.0.0.1", 0))
    silent.settimeout(20)

    def take() -> None:
        while True:
            try:
                asked.append(silent.accept())
            except OSError:
                return

    threading.Thread(target=take, daemon=True).start()
    served = serve(
        oidc_issuer="https://issuer.test", oidc_audience="fraudrisk", oidc_jwks=f"http://127.0.0.1:{silent.getsockname()[1]}/jwks"
    )
    begin = time.monotonic()
    assert [served.get(issuer.token(sub=f"u{n}"), "/v1/model").status_code for n in range(4)] == [401] * 4
    assert time.monotonic() - begin < 8
    assert len(asked) == 1
    silent.close()
    issuer.server.shutdown()


def test_known_keys_of_the_issuer_go_on_while_it_is_away(serve: Callable[..., Served], monkeypatch: pytest.MonkeyPatch) -> None:
    issuer = Issuer()
    served = serve(oidc_issuer="https://issuer.test", oidc_audience="fraudrisk", oidc_jwks=issuer.url)
    assert served.get(issuer.token(), "/v1/model").status_code == 200
    issuer.server.shutdown()
    issuer.server.server_close()
    monkeypatch.setattr("fraudrisk.service.oidc._LIFESPAN", 0)
    monkeypatch.setattr("fraudrisk.service.oidc._REFETCH", 0.0)
    assert served.get(issuer.token(sub="u2"), "/v1/model").status_code == 200
    monkeypatch.setattr("fraudrisk.service.oidc._STALE", 0)
    assert served.get(issuer.token(sub="u3"), "/v1/model").status_code == 401


def test_a_subject_cannot_be_guessed_from_its_hash(serve: Callable[..., Served]) -> None:
    import hashlib

    issuer = Issuer()
    served = serve(oidc_issuer="https://issuer.test", oidc_audience="fraudrisk", oidc_jwks=issuer.url)
    assert served.get(issuer.token(sub="13812345678"), "/v1/model").status_code == 200
    who = next(e["who"] for e in reversed(lines(served)) if e["who"].startswith("oidc:"))
    assert who != "oidc:" + hashlib.sha256(b"https://issuer.test\n13812345678").hexdigest()[:24]
    issuer.server.shutdown()


def test_no_answer_leads_to_the_host_a_caller_names(served: Served) -> None:
    for path in ("/v1/clues/", "/healthz/", "/v1/model/"):
        answer = served.get("analyst", path, headers={"Host": "evil.test"}, follow_redirects=False)
        assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")


def test_faults_do_not_say_back_what_was_sent(served: Served) -> None:
    """A key of 40 kB came back twenty times, a telephone number in one as it was."""
    long = served.ask("analyst", "POST", "/v1/complaints:read", json={"complaints": {"A" * 40_000: {f"x{i}": 1 for i in range(30)}}})
    assert (long.status_code, len(long.content) < 10_000) == (422, True)
    phone = served.ask("analyst", "POST", "/v1/complaints:read", json={"complaints": {"王 13812345678": {"no": 1}}})
    assert (phone.status_code, "13812345678" in phone.text) == (422, False)


def test_a_purpose_is_masked_before_it_is_cut(served: Served) -> None:
    served.get("analyst", "/v1/model", headers={"X-Purpose": ("核" * 55 + "13812345678").encode()})
    assert "138123456" not in json.dumps(lines(served)[-1])


# -- the store -----------------------------------------------------------------------------------------------------------------


def test_a_release_that_was_removed_is_not_shown_as_an_empty_register(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that cannot open the new runs went on with one that was removed: every business was said not to exist."""
    code, service = served.some_code, served.app.state.service

    def cannot(*_: Any) -> None:
        raise FileNotFoundError("runs/…/leader")

    monkeypatch.setattr(type(service), "_leader", cannot)
    publish_release(served.workspace)
    time.sleep(0.3)
    assert served.get("analyst", f"/v1/businesses/{code}").json()["release"] == 1
    _remove(service._engine, served.workspace, 1)
    time.sleep(0.3)
    assert served.get("analyst", f"/v1/businesses/{code}").status_code == 503
    assert served.get(None, "/readyz").status_code == 503


def test_revoking_does_not_wait_for_a_release_to_open(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """While an index was made, for minutes, nothing that was written to the store was seen."""
    service, go, opening = served.app.state.service, threading.Event(), threading.Event()
    quick = type(service)._leader

    def slow(self: Any, as_of: str) -> Any:
        opening.set()
        go.wait(30)
        return quick(self, as_of)

    monkeypatch.setattr(type(service), "_leader", slow)
    info, key = add_key(served.workspace, label="desk", role="analyst")
    publisher = threading.Thread(target=publish_release, args=(served.workspace,))
    publisher.start()
    assert opening.wait(60)
    assert served.get(key, "/v1/model").status_code == 200
    begin = time.monotonic()
    revoke_key(served.workspace, info.key_id)  # the snapshot that was held also kept the store from being written
    time.sleep(0.3)
    status, took = served.get(key, "/v1/model").status_code, time.monotonic() - begin
    go.set()
    publisher.join()
    assert (status, took < 10) == (401, True)


def test_history_is_found_by_either_code(served: Served) -> None:
    """The path says: unified code, or the register's id. The card took both."""
    code = served.some_code
    with served.app.state.service._engine.begin() as connection:
        connection.execute(business.update().where(business.c.business_id == code).values(uscc="91330299MAOTHER001"))
    time.sleep(0.3)
    for path in ("/v1/businesses/91330299MAOTHER001", "/v1/businesses/91330299MAOTHER001/history"):
        assert served.get("inspector", path).status_code == 200
        assert served.get("stranger", path).status_code == 403


@pytest.mark.postgres
def test_a_store_that_was_restarted_is_read_again_at_once() -> None:
    """Each connection of the pool failed once more after its server had come back."""
    url = os.environ.get("FRAUDRISK_TEST_POSTGRES")
    if not url:
        pytest.skip("set FRAUDRISK_TEST_POSTGRES to a server's URL")
    one = select(literal(1))

    async def look() -> list[Any]:
        reader = open_reader(url)
        await asyncio.gather(*(reader.one(one, {}) for _ in range(20)))
        server = create_engine(plain, isolation_level="AUTOCOMMIT")
        with server.connect() as connection:  # what a restart does to clients
            ended = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'fraudrisk-test'"
            connection.execute(text(ended))
        server.dispose()
        try:
            return [await reader.one(one, {}) for _ in range(10)]
        finally:
            await reader.close()

    plain = url
    url += ("&" if "?" in url else "?") + "application_name=fraudrisk-test"
    assert asyncio.run(look()) == [(1,)] * 10


# -- divisions, outcomes, figures ------------------------------------------------------------------------------------------------


def test_a_name_of_my_division_is_found_among_thousands_of_others(tmp_path: Path) -> None:
    """The best twelve hundred were chosen before those of other divisions were left out."""
    names = [[f"甬城康寿健康{n}店"] for n in range(2000)] + [["甬城海东康寿健康信息咨询服务有限公司第一分店"]]
    codes = [f"c{n:05d}" for n in range(2001)]
    index = build_index(tmp_path / "i", codes, names, ["330281"] * 2000 + ["330299"])
    assert [code for code, _ in index.search("甬城康寿健康", divisions=["330299"])] == ["c02000"]


def test_the_same_key_on_another_day_is_another_content(served: Served) -> None:
    path, head = f"/v1/clues/{served.some_clue}/outcome", {"Idempotency-Key": "key-00001"}
    day = served.app.state.service.release.as_of
    assert served.ask("inspector", "POST", path, json={"to": "已转办", "on": day}, headers=head).status_code == 200
    assert served.ask("inspector", "POST", path, json={"to": "已转办", "on": day}, headers=head).status_code == 200
    other = (dt.date.fromisoformat(day) - dt.timedelta(days=3)).isoformat()
    assert served.ask("inspector", "POST", path, json={"to": "已转办", "on": other}, headers=head).status_code == 409


def test_no_grade_of_another_division_stands_on_a_card(served: Served) -> None:
    """Tied businesses stood on the card with their grade, whosever they were."""
    service = served.app.state.service
    with service._engine.connect() as connection:
        rows = connection.execute(select(business.c.business_id, business.c.division, business.c.card)).all()
    tied = [(code, division) for code, division, card in rows if json.loads(b"{" + card[:-1] + b"}")["related"]]
    keys = {d: add_key(served.workspace, label="desk", role="inspector", divisions=[d])[1] for d in {"33", *(d for _, d in tied[:20])}}
    time.sleep(0.3)
    hidden = 0
    for code, division in tied[:20]:
        path = f"/v1/businesses/{code}"
        whole, city, mine = served.get("analyst", path), served.get(keys["33"], path), served.get(keys[division], path)
        assert (city.content, city.headers["etag"]) == (whole.content, whole.headers["etag"])
        for r, said in zip(mine.json()["card"]["related"], whole.json()["card"]["related"], strict=True):
            own = Principal("key:x", "inspector", (division,)).sees(said["division"])
            hidden += not own
            assert r == (said if own else said | {"grade": "?"})
        again = {"If-None-Match": whole.headers["etag"]}
        assert served.get(keys[division], path, headers=again).status_code == (304 if mine.content == whole.content else 200)
    assert hidden


def test_a_process_that_died_shows_no_release(tmp_path: Path) -> None:
    """The release shown was the dead worker's until the server was started anew."""
    script = "from fraudrisk.service.metrics import Metrics; import sys; m = Metrics(); m.release(int(sys.argv[1])); m.waiting(3); m.seen('get_model', 200, 0.1); m.flush()"
    environment = os.environ | {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    subprocess.run([sys.executable, "-c", script, "1"], env=environment, check=True)
    shown = "; sys.stdout.write(m.text().decode())"
    said = subprocess.run([sys.executable, "-c", script + shown, "2"], env=environment, check=True, capture_output=True, text=True).stdout
    assert "fraudrisk_release 2.0" in said
    assert "fraudrisk_audit_waiting 3.0" in said
    assert 'fraudrisk_requests_total{operation="get_model",status="200"} 2.0' in said


def test_nobody_goes_back_to_a_release_that_was_just_removed(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was chosen before the lock was held: a publisher that ended in between left nothing of it, and no process could start."""
    publish_release(served.workspace)
    alone = releases._alone

    @contextmanager
    def late(workspace: Any, engine: Any) -> Iterator[None]:
        with alone(workspace, engine):
            _remove(engine, workspace, 1)
            yield

    monkeypatch.setattr(releases, "_alone", late)
    with pytest.raises(NotFoundError):
        releases.rollback(served.workspace)


def test_old_indexes_leave_memory(served: Served) -> None:
    """A release that is no longer shown is not mapped any more."""

    def mapped() -> set[str]:
        folder = str(served.workspace.path / "search")
        return {
            row.split()[-1].removeprefix(folder).split("/")[1] for row in Path("/proc/self/maps").read_text().splitlines() if folder in row
        }

    assert mapped() == {"r000001"}
    served.get("analyst", "/v1/businesses?q=康寿健康")
    made = publish_release(served.workspace)
    for _ in range(50):
        if served.get("analyst", "/v1/model").json()["release"] == made.number:
            break
        time.sleep(0.1)
    gc.collect()
    assert mapped() == {f"r{made.number:06d}"}
