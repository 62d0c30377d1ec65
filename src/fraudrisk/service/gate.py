"""The gate every request passes: size, who, how often, audit, secure headers, figures. Plain ASGI, because it is on the hot path."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import logging
import os
import re
import time
from collections.abc import Awaitable, Callable, MutableMapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from fraudrisk.privacy import mask_text
from fraudrisk.service.audit import QueueFullError
from fraudrisk.service.auth import OPEN_PATHS, Principal
from fraudrisk.service.problems import ProblemError, problem
from fraudrisk.service.sessions import LOGIN, is_open, is_page
from fraudrisk.service.store import StoreAwayError
from fraudrisk.service.tables import now_text

if TYPE_CHECKING:
    from fraudrisk.service.sessions import Session
    from fraudrisk.service.state import Service

__all__ = ["Gate", "Visit"]

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

HEADERS = [
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
]
_HSTS = (b"strict-transport-security", b"max-age=31536000; includeSubDomains")
_PLAIN = re.compile(r"[0-9A-Za-z\-]{1,40}")
_SLOW_SECONDS = 2.0
_BODY_SECONDS = 20
_BODILESS = frozenset({"GET", "HEAD"})
_LOGIN_BYTES = 65_536
"""Most bytes of a body whose sender is not known yet: a key or a token (8 kB at most) in a form, with room to say what is wrong with it."""
_DIGITS = 18
_PURPOSE_BYTES = 1024
_PROCESS, _NUMBERS = os.urandom(4).hex(), itertools.count(1)
"""A request's id: drawn once by the process, then counted."""


class Visit:
    """One request, as the audit log will tell of it."""

    __slots__ = (
        "_service",
        "action",
        "asked",
        "counted",
        "headers",
        "input",
        "object",
        "output",
        "principal",
        "purpose",
        "request",
        "session",
    )

    def __init__(self, service: Service, purpose: str, headers: dict[bytes, bytes]) -> None:
        self._service, self.purpose, self.headers = service, purpose, headers
        self.principal: Principal | None = None
        self.session: Session | None = None
        self.action, self.object, self.input, self.output = "", "", "", ""
        self.asked = self.counted = False
        self.request = f"{_PROCESS}{next(_NUMBERS):08x}"

    def about(self, thing: str, *, known: bool) -> None:
        """What it is about: a known code or number as it is, anything else as a keyed hash."""
        self.object = thing if known and _PLAIN.fullmatch(thing) else "h:" + self._service.hashed(thing.encode("utf-8", "replace"))

    async def ask(self, clue: str) -> None:
        """Before a change: a line on the disk that says what is asked."""
        self.asked = True
        release = self._service.release
        self.about(clue, known=release is not None and release.clue(clue) is not None)
        await self._service.audit.record(self.line("asked", 0))

    def line(self, phase: str, status: int) -> dict[str, Any]:
        """The entry for the log."""
        who, release = self.principal, self._service.release
        return {
            "at": now_text(), "request": self.request, "who": who.who if who else "", "role": who.role if who else "", "purpose": self.purpose, "action": self.action,
            "object": self.object, "phase": phase, "status": status, "release": release.number if release else 0,
            "model": release.manifest["model"] if release else "", "rules": release.manifest["pack_digest"] if release else "", "input": self.input, "output": self.output,
        }  # fmt: skip


class Gate:
    """ASGI middleware.

    Parameters
    ----------
    app : ASGI application
    service : Service
    """

    def __init__(self, app: Callable[..., Awaitable[None]], service: Service) -> None:
        self._app, self._service = app, service
        self._headers = HEADERS + ([_HSTS] if service.settings.behind_tls else [])
        self._purpose = lru_cache(maxsize=4096)(self._clean_purpose)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return
        begin, service = time.perf_counter(), self._service
        headers = dict(scope["headers"])
        visit = scope["visit"] = Visit(service, self._purpose(headers.get(b"x-purpose", b"")), headers)
        answer = _Answer(self, visit, send, begin, open_path=scope["path"] in OPEN_PATHS or is_open(scope["path"]))
        try:
            receive = await self._admit(scope, headers, visit, receive)
            await self._app(scope, receive, answer)
        except ProblemError as error:
            await answer.refuse(error, scope, receive)
        except StoreAwayError:
            away = ProblemError(503, "the store does not answer", mend="try again in a moment", headers={"Retry-After": "2"})
            await answer.refuse(away, scope, receive)
        except QueueFullError:
            full = ProblemError(503, "the audit log cannot take this request", mend="try again in a moment", headers={"Retry-After": "1"})
            await answer.refuse(full, scope, receive)
        except Exception:  # nobody learns from outside what went wrong inside
            service.log.exception("a request failed", extra={"operation": visit.action, "request": visit.request})
            if answer.started:
                raise
            await answer.refuse(
                ProblemError(500, "the service met an error of its own", mend=f"tell the operator the request id {visit.request}"),
                scope,
                receive,
            )

    async def _admit(self, scope: Scope, headers: dict[bytes, bytes], visit: Visit, receive: Receive) -> Receive:
        """Recognise the caller and take the body; raises where the request goes no further."""
        service = self._service
        asked = scope["method"].encode() + b" " + scope["path"].encode("utf-8", "replace") + b"?" + scope["query_string"]
        visit.input = service.hashed(asked)
        if scope["path"] in OPEN_PATHS or is_open(scope["path"]):
            return receive
        if not service.audit.room():
            raise QueueFullError
        if page := is_page(scope["path"]):
            visit.session = await service.sessions.recognise(headers.get(b"cookie", b""))
            visit.principal, why = visit.session.principal if visit.session else None, "log in first"
        else:
            visit.principal, why = await service.auth.recognise(headers.get(b"authorization", b""))
        if visit.principal is None:
            if wait := service.strangers.take(""):
                raise self._too_many(visit, wait)
            if not (page and scope["path"] == LOGIN):
                raise ProblemError(401, why, mend="ask the operator for a key", headers={"WWW-Authenticate": "Bearer"})
        elif wait := service.buckets.take(visit.principal.who):
            raise self._too_many(visit, wait)
        if scope["method"] in _BODILESS and b"content-length" not in headers and b"transfer-encoding" not in headers:
            return receive  # nobody reads it; of other methods HTTP/2 bodies come without either header
        most = min(service.settings.body_limit, _LOGIN_BYTES) if visit.principal is None else service.settings.body_limit
        try:  # read only now: nobody who is unknown makes us wait for a body, but at the login
            async with asyncio.timeout(_BODY_SECONDS):
                body = await self._body(headers, receive, most)
        except TimeoutError as error:
            raise ProblemError(400, "the body did not arrive in time", mend="send it again") from error
        visit.input = service.hashed(asked + b"\n" + body)
        return _replay(body)

    def _too_many(self, visit: Visit, wait: float) -> ProblemError:
        who = visit.principal
        visit.counted = True
        self._service.refusals.count(who.who if who else "", who.role if who else "")
        return ProblemError(429, "too many requests", mend=f"wait {wait:.1f} seconds", headers={"Retry-After": str(int(wait) + 1)})

    async def _body(self, headers: dict[bytes, bytes], receive: Receive, limit: int) -> bytes:
        said = headers.get(b"content-length", b"0")
        if not said.isdigit() or len(said) > _DIGITS or int(said) > limit:
            raise _too_large(limit)
        parts, size = [], 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                break
            part = message.get("body", b"")
            size += len(part)
            if size > limit:
                raise _too_large(limit)
            parts.append(part)
            if not message.get("more_body"):
                break
        return b"".join(parts)

    def _clean_purpose(self, raw: bytes) -> str:
        """What somebody wrote about their purpose, short and without personal data."""
        said = raw[:_PURPOSE_BYTES].decode("utf-8", "replace")
        said = "".join(c if c.isprintable() else " " for c in said).strip()
        return mask_text(said)[:64] or self._service.settings.purpose  # masked while whole: half a number is not seen to be one


class _Answer:
    """Sends an answer: adds headers, writes the audit line, counts."""

    __slots__ = ("_begin", "_gate", "_hash", "_message", "_open", "_send", "_visit", "started")

    def __init__(self, gate: Gate, visit: Visit, send: Send, begin: float, *, open_path: bool) -> None:
        self._gate, self._visit, self._send, self._begin, self._open = gate, visit, send, begin, open_path
        self._message: Message | None = None
        self.started = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._message = message
            return
        if self._message is not None:
            start, self._message = self._message, None
            await self._start(start, message.get("body", b""))
        await self._send(message)

    async def _start(self, message: Message, body: bytes) -> None:
        gate, visit = self._gate, self._visit
        service, status, headers = gate._service, message["status"], list(message["headers"])
        have = {name for name, _ in headers}
        headers += [h for h in gate._headers if h[0] not in have]
        headers.append((b"x-request-id", visit.request.encode()))
        message["headers"] = headers
        if not self._open and not visit.counted:
            visit.output = visit.output or hashlib.sha256(body).hexdigest()[:16]
            line = visit.line("done", status)
            if visit.asked:
                await service.audit.record(line)
            else:
                service.audit.note(line)
        self.started = True
        seconds = time.perf_counter() - self._begin
        service.metrics.seen(visit.action or "none", status, seconds)
        if status >= 500 or seconds > _SLOW_SECONDS:
            extra = {"operation": visit.action, "status": status, "ms": round(seconds * 1000), "request": visit.request}
            service.log.log(logging.WARNING, "answered", extra=extra)
        await self._send(message)

    async def refuse(self, error: ProblemError, scope: Scope, receive: Receive) -> None:
        """Answer with a problem; where even its audit line has no room, say so and nothing else."""
        self._message = None
        notice = self._gate._service.notice
        shown = self._gate._service.refusal
        response = shown(scope, error) if shown else None
        response = response or problem(error.status, error.detail, notice=notice, mend=error.mend, headers=error.headers)
        try:
            await response(scope, receive, self)
        except QueueFullError:
            self._open = True
            await problem(
                503, "the audit log cannot take this request", notice=notice, mend="try again in a moment", headers={"Retry-After": "1"}
            )(scope, receive, self)


def _replay(body: bytes) -> Receive:
    sent = False

    async def receive() -> Message:
        nonlocal sent
        if sent:
            return {"type": "http.disconnect"}
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


def _too_large(limit: int) -> ProblemError:
    return ProblemError(413, f"a request may have at most {limit} bytes", mend="send less at a time")
