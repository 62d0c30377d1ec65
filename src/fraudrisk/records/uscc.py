"""The unified social credit code (GB 32100-2015): four states, and repairs only where the check proves them.

The check digit comes from python-stdnum. A row is never dropped for its code: a bad check may be a typing slip, and codes
of the early Fujian pilot are legal although they fail (DOMAIN §2.2).
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

from stdnum.cn import uscc as _stdnum

from fraudrisk.privacy import fold_width

__all__ = ["CheckedUscc", "UsccState", "check_uscc"]

UsccState = Literal["ok", "bad_check", "pilot_exception", "malformed"]

_SHAPE = re.compile(r"[0-9A-Y]{2}\d{6}[0-9A-HJ-NPQRTUWXY]{10}")
_PILOT = re.compile(r"9135\d{4}M000[0-9A-HJ-NPQRTUWXY]{6}")
_LOOKALIKE = str.maketrans({"O": "0", "I": "1", "S": "5", "Z": "2"})  # the standard's alphabet leaves these letters out


class CheckedUscc(NamedTuple):
    """A code, its state, and whether a repair was made."""

    code: str
    state: UsccState
    repaired: bool


def check_uscc(cell: str) -> CheckedUscc:
    """Check one code; fold width and case, and mend O, I, S, Z typed for 0, 1, 5, 2 when the check then passes.

    Parameters
    ----------
    cell : str
        The code as written.

    Returns
    -------
    CheckedUscc
        The code (as written, in upper case, where nothing could be proved) and its state.

    Examples
    --------
    >>> check_uscc("91330299ma0501201h")
    CheckedUscc(code='91330299MA0501201H', state='ok', repaired=True)
    >>> check_uscc("9133O299MAO5O12O1H").state, check_uscc("91350299M000ABCD9B").state
    ('ok', 'pilot_exception')
    >>> check_uscc("91330299MA0501201A").state, check_uscc("330299000012345").state
    ('bad_check', 'malformed')
    """
    raw = cell.strip()
    code = re.sub(r"[\s\-]", "", fold_width(raw)).upper()
    if _passes(code):
        return CheckedUscc(code, "ok", code != raw)
    mended = code.translate(_LOOKALIKE)
    if mended != code and _passes(mended):
        return CheckedUscc(mended, "ok", True)
    if _PILOT.fullmatch(code):
        return CheckedUscc(code, "pilot_exception", False)
    return CheckedUscc(code, "bad_check" if _SHAPE.fullmatch(code) else "malformed", False)


def _passes(code: str) -> bool:
    return bool(_SHAPE.fullmatch(code)) and _stdnum.calc_check_digit(code) == code[-1]
