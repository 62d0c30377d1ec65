"""Bearer tokens of an OpenID Connect issuer: signature, issuer, audience, times, role and divisions (RFC 7519, RFC 8725)."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from fraudrisk.errors import ConfigError
from fraudrisk.service.keys import ROLES

if TYPE_CHECKING:
    from fraudrisk.config import Settings

__all__ = ["OidcVerifier", "TokenError"]

_ASYMMETRIC = {"RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "PS256", "PS384", "PS512", "EdDSA"}
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}
_LIFESPAN = 300
_STALE = 3600
_REFETCH = 10.0
_LONGEST = 8192


class TokenError(Exception):
    """The token is not accepted; says why without showing it."""


class OidcVerifier:
    """Checks tokens against the issuer's keys, which are fetched once and again when an unknown one is named.

    Parameters
    ----------
    settings : Settings
        Its ``oidc_…`` part.
    key : bytes
        The workspace's, for hashes of subjects.

    Raises
    ------
    ConfigError
        Issuer, audience and key address do not stand together, the address is no https, or a signature is not asymmetric.
    """

    def __init__(self, settings: Settings, key: bytes = b"") -> None:
        import jwt

        if not (settings.oidc_issuer and settings.oidc_audience and settings.oidc_jwks):
            raise ConfigError(
                "bearer tokens need issuer, audience and keys", where="oidc_issuer, oidc_audience, oidc_jwks", mend="set all three or none"
            )
        parts = urlsplit(settings.oidc_jwks)
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
            raise ConfigError("the issuer's keys must come by https", where=f"oidc_jwks {settings.oidc_jwks}", mend="give an https address")
        if wrong := set(settings.oidc_algorithms) - _ASYMMETRIC:
            raise ConfigError(
                "only asymmetric signatures are accepted", where=f"oidc_algorithms {', '.join(sorted(wrong))}", mend="use RS256 or ES256"
            )
        if wrong := set(settings.oidc_roles.values()) - set(ROLES):
            raise ConfigError("a role is unknown", where=f"oidc_roles {', '.join(sorted(wrong))}", mend="use " + ", ".join(ROLES))
        self._settings, self._hash_key = settings, hashlib.sha256(b"subject" + key).digest()
        self._jwks = jwt.PyJWKClient(settings.oidc_jwks, cache_keys=False, cache_jwk_set=False, timeout=5)
        self._keys: dict[str, Any] = {}
        self._asked = self._tried = self._fetched = float("-inf")
        self._fetching: asyncio.Future[None] | None = None

    async def verify(self, token: str) -> tuple[str, str, tuple[str, ...], float]:
        """Subject, role, divisions and expiry (seconds since 1970).

        Raises
        ------
        TokenError
        """
        import jwt

        if len(token) > _LONGEST:
            raise TokenError("the token is too long")
        try:
            header = jwt.get_unverified_header(token)
            if header.get("alg") not in self._settings.oidc_algorithms:
                raise TokenError("the token's signature is of a kind that is not accepted")
            key = await self._key(str(header.get("kid") or ""))
            claims = jwt.decode(
                token, key, algorithms=self._settings.oidc_algorithms, audience=self._settings.oidc_audience, issuer=self._settings.oidc_issuer,
                leeway=self._settings.oidc_leeway, options={"require": ["exp", "iat", "iss", "aud", "sub"]},
            )  # fmt: skip
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError) as error:
            raise TokenError(f"the token is not accepted: {type(error).__name__}") from error
        return self._subject(claims), self._role(claims), self._divisions(claims), float(claims["exp"])

    async def _key(self, kid: str) -> Any:
        """The issuer's key. It is asked every five minutes, and when a key is unknown; neither twice in ten seconds, whatever it answered.

        While it does not answer, the keys it gave last go on for an hour.
        """
        now, found = time.monotonic(), self._keys.get(kid)
        due = now - self._fetched > _LIFESPAN and now - self._tried > _REFETCH
        unknown = found is None and self._fetched > self._tried and now - self._asked > _REFETCH
        if due or unknown:  # noted before waiting, so that all others go on without
            self._tried = now
            self._asked = self._asked if due else now
            self._fetching = asyncio.ensure_future(self._fetch())
        if (found is None or now - self._fetched > _STALE) and self._fetching is not None:
            await asyncio.shield(self._fetching)
            found = self._keys.get(kid)
        if found is None or time.monotonic() - self._fetched > _STALE:
            raise TokenError("the token is signed with a key the issuer does not have, or the issuer does not answer")
        return found

    async def _fetch(self) -> None:
        import jwt

        try:
            known = await asyncio.to_thread(self._jwks.get_signing_keys, True)
        except jwt.PyJWTError:
            return
        self._keys = {str(k.key_id): k.key for k in known if k.key_id}
        self._fetched = time.monotonic()

    def _subject(self, claims: dict[str, Any]) -> str:
        """Never the subject itself, which may be a name or a telephone number: its hash, with a key, so that nobody tries them all."""
        said = f"{claims['iss']}\n{claims['sub']}".encode("utf-8", "replace")
        return "oidc:" + hmac.digest(self._hash_key, said, "sha256").hex()[:24]

    def _role(self, claims: dict[str, Any]) -> str:
        said: Any = claims
        for part in self._settings.oidc_role_claim.split("."):
            said = said.get(part) if isinstance(said, dict) else None
        named = [said] if isinstance(said, str) else said if isinstance(said, list) else []
        found = {self._settings.oidc_roles[n] for n in named if isinstance(n, str) and n in self._settings.oidc_roles}
        if len(found) != 1:
            raise TokenError("the token names no role of ours" if not found else "the token names several of our roles; one person has one")
        return found.pop()

    def _divisions(self, claims: dict[str, Any]) -> tuple[str, ...]:
        said = claims.get(self._settings.oidc_division_claim)
        named = said.replace(",", " ").split() if isinstance(said, str) else said if isinstance(said, list) else []
        return tuple(d for d in named if isinstance(d, str) and d.isascii() and d.isdigit() and 2 <= len(d) <= 12)
