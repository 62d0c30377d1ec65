"""Find elder-fraud leads in registers and complaints, with reasons, and hand out a list that fits the team.

The public names are loaded when first used; importing the package is cheap.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fraudrisk.clues import prioritise
    from fraudrisk.complaints import ComplaintClassifier, ComplaintReader
    from fraudrisk.errors import FraudRiskError
    from fraudrisk.linking import NameLinker
    from fraudrisk.packs import Pack, load_pack
    from fraudrisk.records import read_table
    from fraudrisk.scoring import RiskScorer, Scorecard, score_batches
    from fraudrisk.workspace import Workspace

__version__ = "0.1.0"

_HOME = {
    "ComplaintClassifier": "complaints",
    "ComplaintReader": "complaints",
    "FraudRiskError": "errors",
    "NameLinker": "linking",
    "Pack": "packs",
    "RiskScorer": "scoring",
    "Scorecard": "scoring",
    "Workspace": "workspace",
    "load_pack": "packs",
    "prioritise": "clues",
    "read_table": "records",
    "score_batches": "scoring",
}

__all__ = [
    "ComplaintClassifier",
    "ComplaintReader",
    "FraudRiskError",
    "NameLinker",
    "Pack",
    "RiskScorer",
    "Scorecard",
    "Workspace",
    "__version__",
    "load_pack",
    "prioritise",
    "read_table",
    "score_batches",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'fraudrisk' has no attribute '{name}'")
    value = getattr(importlib.import_module(f"fraudrisk.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
