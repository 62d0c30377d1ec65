"""The clue list: who is visited, by whom, why, and what to look at; a workbook a team can work through."""

from fraudrisk.clues.listing import build_list
from fraudrisk.clues.prioritise import prioritise
from fraudrisk.clues.routing import route

__all__ = ["build_list", "prioritise", "route"]
