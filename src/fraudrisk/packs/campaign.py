"""What a pack says for a campaign (``campaign.yaml``): loopholes, measures, tips, and the words of typical cases."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from fraudrisk.packs.schema import File, Strict

__all__ = ["CampaignFile", "CaseWords", "Conclusions", "Loophole", "Measure", "Tip", "Wording"]

Conclusion = Literal["属实", "部分属实", "不属实", "无法核实", "移送", "重复件"]
Line = Annotated[str, Field(min_length=1, max_length=40)]


class Conclusions(Strict):
    """How the campaign tables take a conclusion. What stands in neither of the first two decides nothing about a list."""

    confirmed: Annotated[list[Conclusion], Field(min_length=1)]
    refuted: list[Conclusion]
    with_money: list[Conclusion] = Field(description="Involved and recovered money is added up over these only.")


class Loophole(Strict):
    """A gap that a confirmed clue points to, when one of its indicators, features or tactics is there and its sector fits."""

    code: str
    label: str
    indicators: list[str] = Field(default=[], description="One of these gave points when the clue was first listed.")
    features: list[str] = Field(default=[], description="One of these was above 0 when the clue was first listed.")
    tactics: list[str] = Field(default=[], description="One of these stands among the clue's main tactics.")
    sectors: list[str] = Field(default=[], description="Only clues of these sectors; empty means all.")
    instrument: Literal["纪检监察建议书", "检察建议书", "司法建议书", "公安提示函"]
    addressee: str
    suggestion: str
    source: str


class Measure(Strict):
    """One measure against the problems of a sector, and who is responsible."""

    text: str
    owner: str


class Tip(Strict):
    """What old people are told about a tactic: short words, no business, no fear."""

    headline: Annotated[str, Field(min_length=1, max_length=16)]
    body: Annotated[list[Line], Field(min_length=2, max_length=3)]
    what_to_do: Line
    hotline: Line


class Wording(Strict):
    """What is said where a regular expression fits."""

    pattern: str
    label: str


class CaseWords(Strict):
    """How a closed case is told without saying whose it was.

    Of each group of ``sentences`` the first is taken whose blanks can all be filled: ``district, subject, tactic, sign, quote,
    conclusion, involved, recovered, measures``.
    """

    district: str
    subjects: dict[str, str] = Field(description="Sector to the trade as the public calls it.")
    kinds: list[Wording] = Field(description="By entity type: first that fits wins; the last should fit anything.")
    measures: list[Wording] = Field(description="What was done, looked for in the inspectors' own words, which are never printed.")
    amounts: list[tuple[Annotated[float, Field(gt=0)], str]] = Field(description="Yuan per unit and its word, largest unit first.")
    quote_people: Annotated[int, Field(ge=2)] = Field(
        description="Words are quoted only if so many persons used them, about two businesses or more: such words point to nobody."
    )
    blockers: list[str] = Field(description="A quote in which one of these regular expressions fits is not printed.")
    sentences: Annotated[list[list[str]], Field(min_length=2, max_length=4)]


class CampaignFile(File):
    """``campaign.yaml``: what the tables of a campaign say beside the numbers."""

    small_sample: Annotated[int, Field(gt=0)] = Field(description="With fewer concluded clues a rate is marked and not ranked.")
    conclusions: Conclusions
    loopholes: list[Loophole]
    measures: dict[str, Annotated[list[Measure], Field(min_length=2, max_length=4)]]
    tips: dict[str, Tip]
    cases: CaseWords
