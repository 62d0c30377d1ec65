"""What can go wrong, said so that the reader can mend it.

Every error the package raises on purpose is a :class:`FraudRiskError`. It carries *what* is wrong, *where* (file, row,
column, value) and *the mend*, and the HTTP status a service should answer with. The command line prints it on one line.
"""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["ConfigError", "ConflictError", "FraudRiskError", "InputError", "IntegrityError", "NotFoundError", "PackError"]


class FraudRiskError(Exception):
    """Base of the package's errors.

    Parameters
    ----------
    what : str
        What is wrong, in plain words.
    where : str, optional
        The place: ``file.csv, row 12, column 成立日期, value '2031-13-01'``.
    mend : str, optional
        What the user can do about it.

    Examples
    --------
    >>> print(FraudRiskError("the file is empty", where="a.csv", mend="export it again"))
    the file is empty (a.csv); export it again
    """

    http_status = 500
    exit_code = 1

    def __init__(self, what: str, *, where: str = "", mend: str = "") -> None:
        super().__init__(what)
        self.what, self.where, self.mend = what, where, mend

    def __str__(self) -> str:
        place = f" ({self.where})" if self.where else ""
        mend = f"; {self.mend}" if self.mend else ""
        return f"{self.what}{place}{mend}".replace("\n", " ")


class InputError(FraudRiskError, ValueError):
    """The user's file, table, option or value cannot be used as it is."""

    http_status = 400
    exit_code = 2


class NotFoundError(InputError):
    """A named business, clue, table, workspace or pack does not exist."""

    http_status = 404


class ConfigError(InputError):
    """A setting is wrong."""


class ConflictError(InputError):
    """What was asked for does not fit what happened in between."""

    http_status = 409


class PackError(InputError):
    """A pack has mistakes; all of them are listed at once.

    Parameters
    ----------
    mistakes : sequence of str
        One sentence each, with file and place.
    """

    def __init__(self, pack: str, mistakes: Sequence[str]) -> None:
        self.mistakes = tuple(mistakes)
        listed = "; ".join(f"[{i}] {m}" for i, m in enumerate(self.mistakes, 1))
        super().__init__(f"pack '{pack}' has {len(self.mistakes)} mistake(s): {listed}", mend="mend them and load it again")


class IntegrityError(FraudRiskError):
    """A stored file is not what its manifest says (tampered, truncated or half-written)."""

    http_status = 409
    exit_code = 2
