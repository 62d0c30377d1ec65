"""The SQL a pack may use: an allow-list, because sqlglot passes unknown functions through silently.

Expressions are written in DuckDB's dialect. What is allowed here means the same in Spark after translation; what is not on
the list is a mistake that is named, never a surprise at run time.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

__all__ = ["AS_OF", "check_expression", "date_literal", "text_literal"]

AS_OF = "as_of"
"""The word that stands for the date in a pack's expressions; the renderer writes the date itself."""


def date_literal(day: dt.date) -> str:
    """A date in SQL."""
    return f"DATE '{day.isoformat()}'"


def text_literal(value: str) -> str:
    """A string in SQL."""
    return "'" + value.replace("'", "''") + "'"


def check_expression(sql: str, columns: Iterable[str], *, boolean: bool = False) -> list[str]:
    """Mistakes in one SQL expression: syntax, unknown columns, anything off the allow-list.

    Parameters
    ----------
    sql : str
        An expression in DuckDB's dialect.
    columns : iterable of str
        Columns it may use; ``as_of`` is always allowed.
    boolean : bool
        Whether it stands in a WHERE.

    Examples
    --------
    >>> check_expression("fine_yuan > 0 AND decided_on < as_of", ["fine_yuan", "decided_on"], boolean=True)
    []
    >>> check_expression("hash(name)", ["name"])
    ["function 'HASH' is not on the allow-list"]
    >>> check_expression("nme IS NULL", ["name"])
    ["there is no column 'nme'"]
    """
    import sqlglot
    from sqlglot import exp

    try:
        tree = sqlglot.parse_one(f"SELECT 1 WHERE {sql}" if boolean else f"SELECT {sql}", dialect="duckdb")
    except sqlglot.ParseError as error:
        return [f"SQL cannot be parsed: {str(error).splitlines()[0]}"]
    if not isinstance(tree, exp.Select) or (
        set(tree.args) - {"expressions", "where", "kind"}
        and any(tree.args.get(k) for k in ("from_", "from", "joins", "group", "with_", "with", "order", "limit"))
    ):
        return ["only an expression is allowed, not a query"]
    known = {*columns, AS_OF}
    allowed = _allowed()
    mistakes: list[str] = []
    for node in tree.walk():
        if isinstance(node, exp.Column):
            if node.table or node.name not in known:
                mistakes.append(f"there is no column '{node.sql()}'")
        elif isinstance(node, exp.Anonymous):
            mistakes.append(f"function '{node.name.upper()}' is not on the allow-list")
        elif isinstance(node, exp.Subquery | exp.Select) and node is not tree:
            mistakes.append("a sub-query is not allowed")
        elif isinstance(node, exp.Func) and not isinstance(node, allowed):
            mistakes.append(f"function '{node.sql_name()}' is not on the allow-list")
    return list(dict.fromkeys(mistakes))


def _allowed() -> tuple[type, ...]:
    from sqlglot import exp

    return (
        exp.And,
        exp.Or,
        exp.Case,
        exp.If,
        exp.Cast,
        exp.Coalesce,
        exp.Concat,
        exp.DPipe,
        exp.RegexpLike,
        exp.RegexpExtract,
        exp.ArrayContains,
        exp.Length,
        exp.Lower,
        exp.Upper,
        exp.Substring,
        exp.StartsWith,
        exp.Abs,
        exp.Greatest,
        exp.Least,
        exp.Round,
        exp.Year,
        exp.Nullif,
    )
