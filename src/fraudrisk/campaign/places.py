"""Districts as tables and tips name them."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fraudrisk.config import Settings
    from fraudrisk.engines import Duck

__all__ = ["district_labels", "district_length"]

_STREET = 9


def district_length(duck: Duck, settings: Settings) -> int:
    """Leading digits of a division code that tell districts apart; reads the view ``register``."""
    lengths = range(settings.district_digits, max(_STREET, settings.district_digits) + 1)
    counts = ", ".join(f"count(DISTINCT substr(division_code, 1, {n})) AS n{n}" for n in lengths)
    row = duck.query(f"SELECT {counts} FROM register WHERE division_code <> ''").to_pylist()[0]  # noqa: S608
    return next((n for n in lengths if row[f"n{n}"] > 1), settings.district_digits)


def district_labels(duck: Duck, settings: Settings, digits: int) -> dict[str, str]:
    """Code to label: as set, else what most of its businesses' registration authority is called, else the code.

    A label that several districts would share has the code beside it.
    """
    rows = duck.query(
        f"""SELECT substr(division_code, 1, {digits}) AS code, reg_org, count(*) AS n FROM register
WHERE division_code <> '' GROUP BY ALL ORDER BY code, n DESC, reg_org"""  # noqa: S608
    ).to_pylist()
    labels: dict[str, str] = {}
    for row in rows:
        labels.setdefault(row["code"], re.sub(settings.authority_ending, "", row["reg_org"] or "") or row["code"])
    shared = {label for label, n in Counter(labels.values()).items() if n > 1}
    labels = {code: f"{label}({code})" if label in shared and label != code else label for code, label in labels.items()}
    return labels | {code: name for code, name in settings.district_names.items() if code in labels}
