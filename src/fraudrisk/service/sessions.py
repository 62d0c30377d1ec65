"""Who came in through the login page: a signed cookie that ends by itself, at logout, or with the key it was opened with.

The cookie holds neither key nor token. Whoever came with a key is looked up at every request, so that a revoked key ends its
sessions; the interface under ``/v1`` knows no cookies at all.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import re
import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import anyio
from sqlalchemy import bindparam, delete, insert, select
from sqlalchemy.exc import IntegrityError

from fraudrisk.service.auth import Principal
from fraudrisk.service.tables import api_key, ended_session, now_text

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from fraudrisk.config import Settings
    from fraudrisk.service.store import Reader

__all__ = ["LOGIN", "Session", "Sessions", "is_open", "is_page"]

LOGIN = "/login"
_OPEN = re.compile(r"/static/.*|/sw\.js|/offline|/manifest\.webmanifest")
_PAGE = re.compile(r"/|/b/.*|/clues(/.*)?|/login|/logout")
_KEY = select(api_key.c.role, api_key.c.divisions, api_key.c.expires_at, api_key.c.revoked_at).where(api_key.c.key_id == bindparam("key"))
_ENDED = select(ended_session.c.session_id).where(ended_session.c.session_id == bindparam("number"))


def is_open(path: str) -> bool:
    """What anybody may fetch: style, script and the empty shell; they say nothing about anybody.

    Examples
    --------
    >>> is_open("/static/page.0.css"), is_open("/b/91330299334701878K")
    (True, False)
    """
    return _OPEN.fullmatch(path) is not None


def is_page(path: str) -> bool:
    """Whether a path is a page for people, who come with a session.

    Examples
    --------
    >>> is_page("/b/91330299334701878K"), is_page("/v1/clues")
    (True, False)
    """
    return _PAGE.fullmatch(path) is not None


@dataclass(frozen=True, slots=True)
class Session:
    """One login. ``token`` goes into its forms; ``user`` names the person to the phone's cache and nobody else."""

    number: str
    until: float
    principal: Principal
    token: str
    user: str


class Sessions:
    """Opens, recognises and ends sessions; every process with the workspace's key knows those of the others.

    Parameters
    ----------
    key : bytes
        The workspace's.
    settings : Settings
    reader : Reader
    engine : Engine
        Where ended sessions are written.
    """

    def __init__(self, key: bytes, settings: Settings, reader: Reader, engine: Engine) -> None:
        self._key = hashlib.sha256(b"session" + key).digest()
        self._settings, self._reader, self._engine = settings, reader, engine
        self.cookie = "__Host-fraudrisk" if settings.behind_tls else "fraudrisk"
        """Browsers take the prefix only over TLS, and then let no other host set it."""

    def begin(self, principal: Principal, until: float) -> str:
        """The ``Set-Cookie`` of a new session; it lasts ``session_hours``, and never longer than `until` (seconds of the epoch)."""
        end = min(until, time.time() + 3600 * self._settings.session_hours)
        said = [secrets.token_hex(12), end, principal.who, principal.role, list(principal.divisions)]
        body = base64.urlsafe_b64encode(json.dumps(said, separators=(",", ":")).encode()).rstrip(b"=").decode()
        return self._set(f"{body}.{self._sign('cookie', body)}", max(0, int(end - time.time())))

    async def recognise(self, cookies: bytes) -> Session | None:
        """The session a ``Cookie`` header carries, if it is ours, not over, and its key is still good."""
        raw = self.raw(cookies)
        body, _, sign = raw.partition(".")
        if not raw.isascii() or not hmac.compare_digest(sign, self._sign("cookie", body)):
            return None
        try:
            number, until, who, role, divisions = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        except (binascii.Error, ValueError):
            return None
        if until <= time.time() or await self._reader.one(_ENDED, {"number": number}) is not None:
            return None
        principal = await self._still(Principal(who, role, tuple(divisions)))
        if principal is None:
            return None
        return Session(number, until, principal, self._sign("form", number), self._sign("user", who)[:16])

    def raw(self, cookies: bytes) -> str:
        """The cookie as it came, empty where there is none."""
        parts = (p.strip().partition("=") for p in cookies.decode("latin-1").split(";"))
        return next((value for name, _, value in parts if name == self.cookie), "")

    async def end(self, session: Session) -> str:
        """End a session for all processes (each sees it within ``release_poll_seconds``); the ``Set-Cookie`` that removes it."""
        await anyio.to_thread.run_sync(self._ended, session)
        return self.gone()

    def gone(self) -> str:
        """The ``Set-Cookie`` that removes the cookie."""
        return self._set("", 0)

    async def _still(self, principal: Principal) -> Principal | None:
        """Who came with a key is what the key is now."""
        kind, _, key_id = principal.who.partition(":")
        if kind != "key":
            return principal
        row = await self._reader.one(_KEY, {"key": key_id})
        if row is None or row[3] is not None or row[2] <= now_text():
            return None
        return Principal(principal.who, row[0], tuple(json.loads(row[1])))

    def _ended(self, session: Session) -> None:
        with self._engine.begin() as connection:
            connection.execute(delete(ended_session).where(ended_session.c.until < time.time()))
        try:
            with self._engine.begin() as connection:
                connection.execute(insert(ended_session).values(session_id=session.number, until=session.until))
        except IntegrityError:  # ended already
            pass

    def _set(self, value: str, seconds: int) -> str:
        secure = "; Secure" if self._settings.behind_tls else ""
        return f"{self.cookie}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}"

    def _sign(self, what: str, said: str) -> str:
        return hmac.digest(self._key, f"{what}\n{said}".encode("utf-8", "replace"), "sha256").hex()[:40]
