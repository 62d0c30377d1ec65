"""Which column of a file is which canonical column.

A header matches a canonical name, the Chinese header or a listed alias, without regard to case, width, spaces, brackets and
units. Whatever else a file holds is left at the door: loading is a whitelist (purpose and necessity, DOMAIN §5).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fraudrisk.errors import InputError
from fraudrisk.privacy import fold_width, looks_personal
from fraudrisk.records.tables import Table

__all__ = ["HeaderMap", "header_key", "match_headers"]


@dataclass(frozen=True, slots=True)
class HeaderMap:
    """What a file's headers mean for one table.

    Parameters
    ----------
    columns : dict of str to int
        Canonical name to position in the file.
    dropped : tuple of str
        Headers left out.
    personal : tuple of str
        Those of them that hold personal data.
    """

    columns: dict[str, int]
    dropped: tuple[str, ...]
    personal: tuple[str, ...]


def header_key(header: str) -> str:
    """Reduce a header to what matching looks at.

    Examples
    --------
    >>> header_key(" 注册资本(万元) ") == header_key("注册资本\uff08万元\uff09"), header_key("Ent_Name")
    (True, 'entname')
    """
    folded = fold_width(header.replace("\ufeff", "")).lower()
    return re.sub(r"[\s_\-()\uff08\uff09\[\]【】:\uff1a*·/.]", "", folded)


def match_headers(headers: Sequence[str], table: Table, *, where: str, rename: Mapping[str, str] | None = None) -> HeaderMap:
    """Match `headers` to the columns of `table`; the first of two columns with one meaning wins.

    Parameters
    ----------
    headers : sequence of str
    table : Table
    where : str
        The file, for messages.
    rename : mapping of str to str, optional
        The user's own header to canonical name, which wins over the declared aliases.

    Raises
    ------
    InputError
        Where `rename` names a column that is not there, or the file has no usable key.
    """
    known: dict[str, str] = {}
    for column in table.columns:
        for spelling in (column.name, column.zh, *column.aliases):
            known.setdefault(header_key(spelling), column.name)
    known |= {"knownat": "known_at", "入库时间": "known_at", "入库日期": "known_at", "存储时间": "known_at"}
    for theirs, ours in (rename or {}).items():
        if ours not in table.column_names:
            raise InputError(f"'{ours}' is no column of {table.name}", where=where, mend="use one of " + ", ".join(table.column_names))
        if theirs not in headers:
            raise InputError(f"there is no column '{theirs}' to rename", where=where, mend="its headers are " + ", ".join(headers[:30]))
        known[header_key(theirs)] = ours
    columns: dict[str, int] = {}
    dropped = []
    for position, header in enumerate(headers):
        name = known.get(header_key(re.sub(r"\.\d+$", "", header)))
        if name and name not in columns:
            columns[name] = position
        else:
            dropped.append(header)
    if not any(key in columns for key in table.keys):
        wanted = " or ".join(f"{table.by_name[k].zh} ({k})" for k in table.keys)
        seen = ", ".join(h for h in headers[:12] if h) or "none"
        raise InputError(f"no usable key for table {table.name}", where=f"{where}, row 1, headers: {seen}", mend=f"add a column {wanted}")
    return HeaderMap(columns, tuple(dropped), tuple(h for h in dropped if looks_personal(h)))
