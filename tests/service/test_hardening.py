"""What a review found: each test failed before its mend."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from fraudrisk.service.limits import Buckets
from tests.service.conftest import Served


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
    assert served.client.post("/login", data={"key": "k" * 20_000}).status_code == 413


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
