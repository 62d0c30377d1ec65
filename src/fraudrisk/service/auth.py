"""Who calls, and what they may: no key or token, no answer; an operation that is not in :data:`ACCESS` cannot be built."""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import json
import math
import re
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fastapi.routing import APIRoute
from sqlalchemy import bindparam, select

from fraudrisk.service.keys import digest_of, parse_key
from fraudrisk.service.oidc import OidcVerifier, TokenError
from fraudrisk.service.problems import ProblemError
from fraudrisk.service.tables import api_key, now_text

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from fraudrisk.config import Settings
    from fraudrisk.service.store import Reader

__all__ = ["ACCESS", "CHANGES", "OPEN_PATHS", "Authenticator", "GuardedRoute", "Principal"]

_ALL = frozenset({"inspector", "analyst", "auditor"})
_CARDS = frozenset({"inspector", "analyst"})
ACCESS: dict[str, frozenset[str]] = {
    "get_business": _CARDS,
    "search_businesses": _CARDS,
    "get_business_history": _CARDS,
    "list_clues": _CARDS,
    "get_clue": _CARDS,
    "post_outcome": frozenset({"inspector"}),
    "read_complaints": frozenset({"analyst"}),
    "score_businesses": frozenset({"analyst"}),
    "get_model": _ALL,
    "list_audit": frozenset({"auditor"}),
    "metrics": frozenset({"analyst", "auditor"}),
    "openapi": _ALL,
}
"""Operation → roles that may use it."""
CHANGES = frozenset({"post_outcome"})
"""Operations that change something: audited before and after."""
DIRECT = frozenset({"get_business"})
"""Operations whose only parameter is a code, and which answer with bytes: a well-formed code goes straight to them."""
OPEN_PATHS = {"/healthz", "/readyz"}
"""Answered to anybody: they say nothing about anybody."""

_MOST = 10_000
_WHOLE = re.compile(r"[0-9A-Za-z\-]{1,64}")
_TOKEN_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Principal:
    """Somebody who was recognised."""

    who: str
    role: str
    divisions: tuple[str, ...] = ()

    def sees(self, division: str) -> bool:
        """Whether a business of a division is theirs to see.

        Examples
        --------
        >>> Principal("key:a", "inspector", ("330299",)).sees("330299210"), Principal("key:a", "inspector", ("3303",)).sees("330299210")
        (True, False)
        """
        return self.role == "analyst" or (self.role == "inspector" and division.startswith(self.divisions or ("-",)))


class GuardedRoute(APIRoute):
    """A route that answers only the roles :data:`ACCESS` gives its operation."""

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        if self.operation_id not in ACCESS:
            raise RuntimeError(f"operation {self.operation_id} has no entry in ACCESS")

    def get_route_handler(self) -> Callable[[Request], Awaitable[Response]]:  # type: ignore[override]
        """The handler behind the guard."""
        inner = super().get_route_handler()
        operation = str(self.operation_id)
        allowed = ACCESS.get(operation, frozenset())

        async def guarded(request: Request) -> Response:
            visit = request.scope["visit"]
            visit.action = operation
            if visit.principal is None or visit.principal.role not in allowed:
                raise ProblemError(
                    403, "your role does not allow this", mend="ask for a key or a role that does: " + ", ".join(sorted(allowed))
                )
            if operation in CHANGES:
                await visit.ask(str(next(iter(request.path_params.values()), "")))
            return await inner(request)

        async def direct(request: Request) -> Response:
            if operation in CHANGES or not _WHOLE.fullmatch(request.path_params["code"]):
                return await guarded(request)
            visit = request.scope["visit"]
            visit.action = operation
            if visit.principal is None or visit.principal.role not in allowed:
                return await guarded(request)
            answer: Response = await self.endpoint(request, request.path_params["code"])
            return answer

        return direct if operation in DIRECT else guarded


class Authenticator:
    """Recognises keys and tokens; what was checked is remembered for a short while.

    Parameters
    ----------
    settings : Settings
    reader : Reader
        Where keys are read.
    key : bytes
        The workspace's, for hashes of tokens' subjects.
    """

    def __init__(self, settings: Settings, reader: Reader, key: bytes = b"") -> None:
        self._settings, self._reader = settings, reader
        self._oidc = OidcVerifier(settings, key) if settings.oidc_issuer or settings.oidc_jwks else None
        self._known: OrderedDict[bytes, tuple[float, Principal | None, str]] = OrderedDict()
        columns = (api_key.c.digest, api_key.c.role, api_key.c.divisions, api_key.c.expires_at, api_key.c.revoked_at)
        self._statement = select(*columns).where(api_key.c.key_id == bindparam("key"))

    async def recognise(self, header: bytes) -> tuple[Principal | None, str]:
        """Who an ``Authorization`` header means, or None and why not."""
        name = hashlib.blake2b(header, digest_size=20).digest()
        found = self._known.get(name)
        if found is not None and found[0] > time.monotonic():
            return found[1], found[2]
        principal, why, seconds = await self._check(header)
        if seconds > 0:
            self._known[name] = (time.monotonic() + seconds, principal, why)
            self._known.move_to_end(name)
            if len(self._known) > _MOST:
                self._known.popitem(last=False)
        return principal, why

    async def ends(self, token: str) -> float:
        """Seconds of the epoch at which a token that was recognised ends; a key's end is looked up whenever it is used."""
        return math.inf if self._oidc is None or parse_key(token) else (await self._oidc.verify(token))[3]

    async def _check(self, header: bytes) -> tuple[Principal | None, str, float]:
        scheme, _, raw = header.partition(b" ")
        token = raw.strip().decode("latin-1")
        if scheme.lower() != b"bearer" or not token:
            return None, "send 'Authorization: Bearer KEY'", 0.0
        if parsed := parse_key(token):
            return await self._key(*parsed)
        if self._oidc is None:
            return None, "this is no key", 0.0
        try:
            who, role, divisions, until = await self._oidc.verify(token)
        except TokenError as error:
            return None, str(error), 0.0
        return Principal(who, role, divisions), "", min(until - time.time(), _TOKEN_SECONDS)

    async def _key(self, key_id: str, secret: str) -> tuple[Principal | None, str, float]:
        row = await self._reader.one(self._statement, {"key": key_id})
        if row is None or not hmac.compare_digest(str(row[0]), digest_of(secret)):
            return None, "this key is not known", min(1.0, self._settings.key_cache_seconds)
        _, role, divisions, expires_at, revoked_at = row
        if revoked_at is not None:
            return None, "this key was revoked", self._settings.key_cache_seconds
        if expires_at <= now_text():
            return None, "this key has expired", self._settings.key_cache_seconds
        left = dt.datetime.fromisoformat(expires_at).timestamp() - time.time()
        return Principal(f"key:{key_id}", role, tuple(json.loads(divisions))), "", min(self._settings.key_cache_seconds, left)
