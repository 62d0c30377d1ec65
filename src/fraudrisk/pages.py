"""Pages from templates: every value is escaped, an unknown name is an error."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinja2 import Environment

__all__ = ["templates"]


@lru_cache(maxsize=8)
def templates(*packages: str) -> Environment:
    """The templates in the folders ``templates`` of packages; of two of one name, the first package's.

    Examples
    --------
    >>> "card.html.j2" in templates("fraudrisk.clues").list_templates()
    True
    """
    from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=ChoiceLoader([PackageLoader(p, "templates") for p in packages]), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
        keep_trailing_newline=True,
    )  # fmt: skip
