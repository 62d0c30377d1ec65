"""Page cursors: where the next page begins, signed, so that nobody pages deeper than they may."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from typing import Any

from fraudrisk.service.problems import ProblemError

__all__ = ["Cursors"]

_LONGEST = 500


class Cursors:
    """Makes and reads cursors.

    Examples
    --------
    >>> cursors = Cursors(b"key")
    >>> cursors.read(cursors.make("clues", 7, {"after": "x"}), "clues")
    (7, {'after': 'x'})
    """

    def __init__(self, key: bytes) -> None:
        self._key = hashlib.sha256(b"cursor" + key).digest()

    def make(self, kind: str, depth: int, place: dict[str, Any]) -> str:
        """A cursor that stands `depth` rows deep."""
        body = base64.urlsafe_b64encode(json.dumps([kind, depth, place], separators=(",", ":")).encode()).rstrip(b"=")
        return f"{body.decode()}.{self._sign(body)}"

    def read(self, cursor: str, kind: str) -> tuple[int, dict[str, Any]]:
        """Depth and place.

        Raises
        ------
        ProblemError
            422: not made here, or for another list.
        """
        body, _, sign = cursor.partition(".")
        if len(cursor) > _LONGEST or not cursor.isascii() or not hmac.compare_digest(sign, self._sign(body.encode())):
            raise ProblemError(422, "the cursor is not one of ours", mend="take it from 'next' of the page before")
        try:
            found, depth, place = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        except (binascii.Error, ValueError) as error:
            raise ProblemError(422, "the cursor is not one of ours", mend="take it from 'next' of the page before") from error
        if found != kind:
            raise ProblemError(
                422, "the cursor belongs to another list", mend="take it from 'next' of the page before, with the same question"
            )
        return int(depth), dict(place)

    def _sign(self, body: bytes) -> str:
        return hmac.digest(self._key, body, "sha256").hex()[:32]
