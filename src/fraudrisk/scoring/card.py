"""A page about a risk model for people: what it learned from, how it was judged, what it is for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["model_card"]


def model_card(meta: Mapping[str, Any], purpose: str = "") -> str:
    """Markdown from a model's manifest."""
    how = meta["how"]
    lines = [
        "# Risk model",
        "",
        purpose or "Ranks businesses for a check by people.",
        "",
        f"Learned from: {meta['data'] or 'not said'}; as of {meta['as_of'] or 'not said'}. "
        f"Rows {how['rows']}, positives {how['positives']}{'' if how['enough'] else ' (too few to expect it to beat the scorecard)'}.",
        "",
        f"Trees: {meta['rounds']}. Settings: `{meta['used']}`. Stopped and calibrated {how['calibrated']}.",
        "",
        "| measure | value |",
        "|---|---|",
        *(f"| {k} | {v} |" for k, v in meta["metrics"].items()),
        "",
        f"Columns: {', '.join(c['name'] for c in meta['columns'])}.",
        "",
        "It names leads, not findings: a score says where to look, never what was done. Every clue is checked by people.",
        "",
    ]
    return "\n".join(lines)
