"""What the models see of a ticket: its text cleaned, masked, folded, without the template around it, the title in front."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fraudrisk.complaints.facts import FactFinder
from fraudrisk.complaints.grams import fold_texts
from fraudrisk.records.cleaning import mask_texts

__all__ = ["Views", "view_texts"]

_LONGEST = 20_000
"""Characters of one text that are read; nobody's complaint is longer, and time stays bounded."""
_TITLE = 200


@dataclass(frozen=True, slots=True)
class Views:
    """Some texts, each in the forms that are needed.

    ``masked`` may be shown; ``bodies`` are folded and without the ticket's template, ``starts`` says where they begin in the masked
    text; ``texts`` have the title in front.
    """

    masked: list[str]
    bodies: list[str]
    starts: list[int]
    texts: list[str]


def view_texts(texts: Sequence[str], titles: Sequence[str | None] | None, facts: FactFinder) -> Views:
    """Prepare a block of texts.

    Parameters
    ----------
    texts : sequence of str
    titles : sequence of str or None, optional
        One per text.
    facts : FactFinder
        Which knows the templates of tickets.
    """
    masked = mask_texts([t[:_LONGEST] for t in texts])
    folded = fold_texts(masked)
    cores = facts.cores(folded)
    bodies = [f[a:b] for f, (a, b) in zip(folded, cores, strict=True)]
    heads = mask_texts([(t or "")[:_TITLE] for t in titles]) if titles is not None else [""] * len(bodies)
    return Views(masked, bodies, [a for a, _ in cores], [_view(h, b) for h, b in zip(heads, bodies, strict=True)])


def _view(title: str, text: str) -> str:
    """The title, where it says more than the text, and the text."""
    title = "" if title in ("无", "") or title in text else title
    return f"{title}\n{text}" if title else text
