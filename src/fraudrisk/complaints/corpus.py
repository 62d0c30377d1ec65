"""The corpus's own rules: what a labelled text must hold to be taken (``data/samples/complaints/GUIDELINE.md``)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from fraudrisk.packs import Pack
from fraudrisk.privacy import mask_numbers

__all__ = ["FAMILIES", "FIELDS", "faults"]

FIELDS = (
    "id",
    "channel",
    "ticket_type",
    "title",
    "text",
    "label",
    "secondary",
    "spans",
    "stage",
    "elderly",
    "family",
    "respondent",
    "amount_yuan",
)
FAMILIES = (
    "refund_delay", "service_quality", "fee_inquiry", "policy_inquiry", "legal_product", "thanks", "publicity", "professional_claim", "competitor",
    "prepaid_other", "bank_product", "insurance_misselling", "reverse_mortgage", "family_dispute", "negated", "hypothetical", "quoted_news",
    "direct_seller", "provider_victim", "refund_done", "plain",
)  # fmt: skip
"""Families of ordinary matters; all but the last are hard negatives (DOMAIN §1.4)."""
_RUN, _ALIKE = 6, 0.5


def faults(rows: Iterable[dict[str, Any]], pack: Pack) -> Iterator[str]:
    """Everything that is wrong with labelled texts, one sentence each, naming the text.

    Fields and values from the closed lists, spans that are exact parts of the text, no phone or identity numbers, no two texts
    that share half of their runs of six characters.
    """
    stages = {s.code for s in pack.taxonomy.stages}
    seen: dict[str, list[int]] = {}
    sizes: list[tuple[str, int]] = []
    for row in rows:
        name = str(row.get("id"))
        if missing := set(FIELDS) - set(row):
            yield f"{name}: fields are missing: {', '.join(sorted(missing))}"
            continue
        yield from (f"{name}: {fault}" for fault in _row_faults(row, pack, stages))
        runs = {row["text"][i : i + _RUN] for i in range(len(row["text"]) - _RUN + 1)}
        shared: dict[int, int] = {}
        for run in runs:
            for other in seen.get(run, ()):
                shared[other] = shared.get(other, 0) + 1
        for other, count in shared.items():
            if count > _ALIKE * min(len(runs), sizes[other][1]):
                yield f"{name}: too much like {sizes[other][0]}"
        for run in runs:
            seen.setdefault(run, []).append(len(sizes))
        sizes.append((name, max(len(runs), 1)))


def _row_faults(row: dict[str, Any], pack: Pack, stages: set[str]) -> Iterator[str]:
    text, plain = row["text"], row["label"] == pack.taxonomy.default_category
    if row["label"] not in pack.category_labels or (row["secondary"] and row["secondary"] not in pack.category_labels):
        yield f"label {row['label']} / {row['secondary']} does not exist"
    if (row["family"] is not None) != plain or (plain and row["family"] not in FAMILIES):
        yield f"family {row['family']} does not fit {row['label']}"
    if row["stage"] is not None and row["stage"] not in stages:
        yield f"stage {row['stage']} does not exist"
    if row["elderly"] not in ("明确", "推断", "未知"):
        yield f"elderly {row['elderly']} does not exist"
    for span in row["spans"]:
        if span["tactic"] is not None and span["tactic"] not in pack.tactic_labels:
            yield f"tactic {span['tactic']} does not exist"
        if span["quote"] not in text:
            yield f"'{span['quote']}' is no part of the text"
    if not plain and not any(s["tactic"] for s in row["spans"]):
        yield "a fraud text without a tactic"
    if row["respondent"] is not None and row["respondent"] not in text:
        yield f"respondent '{row['respondent']}' is no part of the text"
    if row["amount_yuan"] is not None and not row["amount_yuan"] > 0:
        yield f"amount {row['amount_yuan']} is none"
    if mask_numbers(text) != mask_numbers(mask_numbers(text)) or any(c.isdigit() for c in _long_numbers(text)):
        yield "a number that looks personal"


def _long_numbers(text: str) -> str:
    """Runs of eleven and more digits, however spaced."""
    runs, run = [], ""
    for char in text + "\n":
        if char.isdigit() and char.isascii():
            run += char
        elif char not in " -":
            runs.append(run if len(run) >= 11 else "")
            run = ""
    return "".join(runs)
