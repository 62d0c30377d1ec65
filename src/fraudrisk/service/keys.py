"""API keys: ``fk_<id>_<secret>``. The store holds SHA-256 of the secret, which is 256 random bits, never the secret."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import re
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, select, update

from fraudrisk.errors import InputError, NotFoundError
from fraudrisk.service.audit import audit_folder, keep_anchor
from fraudrisk.service.chain import Chain
from fraudrisk.service.tables import api_key, now_text, open_store

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fraudrisk.workspace import Workspace

__all__ = ["ROLES", "KeyInfo", "add_key", "digest_of", "list_keys", "parse_key", "revoke_key"]

ROLES = ("inspector", "analyst", "auditor")
_KEY = re.compile(r"fk_([a-z2-7]{8})_([A-Za-z0-9_-]{43})")
_DIVISION = re.compile(r"\d{2,12}")
_LETTERS = "abcdefghijklmnopqrstuvwxyz234567"


@dataclass(frozen=True, slots=True)
class KeyInfo:
    """What is known of a key, but its secret."""

    key_id: str
    label: str
    role: str
    divisions: tuple[str, ...]
    created_at: str
    expires_at: str
    revoked_at: str | None


def digest_of(secret: str) -> str:
    """What the store keeps of a secret."""
    return hashlib.sha256(secret.encode()).hexdigest()


def parse_key(token: str) -> tuple[str, str] | None:
    """Id and secret of a well-formed key.

    Examples
    --------
    >>> parse_key("fk_abcdefgh_" + "x" * 43)[0], parse_key("Bearer nothing")
    ('abcdefgh', None)
    """
    match = _KEY.fullmatch(token)
    return (match[1], match[2]) if match else None


def add_key(workspace: Workspace, *, label: str, role: str, divisions: Sequence[str] = (), days: int | None = None) -> tuple[KeyInfo, str]:
    """Make a key; the second value is the key itself and is never shown again.

    Parameters
    ----------
    workspace : Workspace
    label : str
        Whose it is: a post or a system, not a person's name.
    role : {"inspector", "analyst", "auditor"}
    divisions : sequence of str
        Division codes, or their beginnings, an inspector sees; owed by inspectors, meaningless for others.
    days : int, optional
        How long it is good for; the settings' where not given.

    Raises
    ------
    InputError
        An unknown role, an inspector without divisions, a wrong code or no label.
    """
    _check(label, role, divisions, days)
    made = dt.datetime.now(dt.UTC)
    until = made + dt.timedelta(days=days or workspace.settings.key_days)
    key_id, secret = "".join(secrets.choice(_LETTERS) for _ in range(8)), secrets.token_urlsafe(32)
    info = KeyInfo(key_id, label.strip(), role, tuple(divisions), _text(made), _text(until), None)
    row = {"key_id": key_id, "digest": digest_of(secret), "label": info.label, "role": role, "divisions": json.dumps(list(divisions))}
    _change(workspace, insert(api_key).values(**row, created_at=info.created_at, expires_at=info.expires_at), "key_added", key_id)
    return info, f"fk_{key_id}_{secret}"


def list_keys(workspace: Workspace) -> list[KeyInfo]:
    """Every key, newest last."""
    engine = open_store(workspace)
    try:
        with engine.connect() as connection:
            rows = connection.execute(select(api_key).order_by(api_key.c.created_at, api_key.c.key_id)).mappings().all()
    finally:
        engine.dispose()
    return [
        KeyInfo(r["key_id"], r["label"], r["role"], tuple(json.loads(r["divisions"])), r["created_at"], r["expires_at"], r["revoked_at"])
        for r in rows
    ]


def revoke_key(workspace: Workspace, key_id: str) -> None:
    """Make a key worthless; running processes notice within ``key_cache_seconds``.

    Raises
    ------
    NotFoundError
        No such key, or revoked already.
    """
    statement = update(api_key).where((api_key.c.key_id == key_id) & api_key.c.revoked_at.is_(None)).values(revoked_at=now_text())
    if not _change(workspace, statement, "key_revoked", key_id):
        raise NotFoundError(f"there is no valid key '{key_id}'", mend="see fraudrisk keys WS list")


def _change(workspace: Workspace, statement: Any, action: str, key_id: str) -> int:
    """Do it, with a line in the audit log before."""
    engine = open_store(workspace)
    try:
        chain = Chain(audit_folder(workspace), segment_bytes=workspace.settings.audit_segment_bytes)
        head = chain.append(
            [{"at": now_text(), "who": "operator", "role": "operator", "purpose": "", "action": action, "object": key_id, "status": 0}]
        )
        keep_anchor(engine, chain, head)
        with engine.begin() as connection:
            return int(connection.execute(statement).rowcount)
    finally:
        engine.dispose()


def _check(label: str, role: str, divisions: Sequence[str], days: int | None) -> None:
    if not 0 < len(label.strip()) <= 64 or not label.isprintable():
        raise InputError("a key needs a label of at most 64 characters", where="label", mend="name the post or the system it is for")
    if role not in ROLES:
        raise InputError(f"there is no role '{role}'", where="role", mend="use one of " + ", ".join(ROLES))
    wrong = [d for d in divisions if not _DIVISION.fullmatch(d)]
    if wrong or (role == "inspector" and not divisions):
        raise InputError(
            "an inspector's divisions are codes of 2 to 12 digits",
            where=f"divisions {', '.join(wrong) or '(none)'}",
            mend="give codes such as 330299, or their beginnings",
        )
    if days is not None and not 0 < days <= 3660:
        raise InputError("a key is good for 1 to 3660 days", where=f"days {days}")


def _text(moment: dt.datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
