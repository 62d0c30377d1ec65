"""What a review found: each test failed before its mend."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

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
