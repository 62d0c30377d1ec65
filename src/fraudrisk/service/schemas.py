"""What goes in and out, with examples. Every answer has ``schema_version`` and the notice that a lead is not a finding."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from fraudrisk.outcomes.states import CONCLUSIONS, STATES

__all__ = [
    "SCHEMA_VERSION", "AuditPage", "BusinessPage", "CardAnswer", "ClueAnswer", "CluePage", "HistoryAnswer", "ModelAnswer", "Outcome", "OutcomeAnswer", "Problem",
    "ReadAnswer", "ReadRequest", "ScoreAnswer", "ScoreRequest", "Status",
]  # fmt: skip

SCHEMA_VERSION = "1"
NOTICE = "本评分仅为线索研判参考，不构成违法事实认定，不得作为行政处罚、信用惩戒或公开曝光的依据；须经执法人员依法核查。"


def _printable(value: str) -> str:
    """Control characters have no place in words people write, and a database may not take them."""
    if any(ord(c) < 32 and c not in "\n\t\r" for c in value) or "\x7f" in value:
        raise ValueError("control characters are not allowed")
    return value


Words = Annotated[str, AfterValidator(_printable)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=64), AfterValidator(_printable)]


class _Answer(BaseModel):
    schema_version: str = SCHEMA_VERSION
    notice: str = Field(description="The fixed notice: a lead is not a finding.", examples=[NOTICE])


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Problem(BaseModel):
    """RFC 9457 problem details."""

    type: str = Field(examples=["urn:fraudrisk:problem:404"])
    title: str = Field(examples=["Not found"])
    status: int = Field(examples=[404])
    detail: str = Field(description="What is wrong.", examples=["no business has this code"])
    mend: str | None = Field(default=None, description="What the caller can do.", examples=["check the code"])
    errors: list[dict[str, str]] | None = Field(default=None, description="Each fault of the request: where, what.")
    schema_version: str = SCHEMA_VERSION
    notice: str


class Quote(BaseModel):
    """Words of a record, exactly as they stand in its masked text."""

    record: str
    day: str | None
    words: str | None


class Reason(BaseModel):
    """One reason, with what it adds."""

    sentence: str
    points: float
    quotes: list[Quote]
    counter: str | None


class Card(BaseModel):
    """The card an inspector needs at the door."""

    business_id: str
    clue: str | None
    name: str
    uscc: str | None
    status: str | None
    place: str | None
    grade: Literal["A", "B", "C", "D"]
    score: float = Field(ge=0, le=100)
    low: float
    high: float
    change: float | None
    probability: float
    why: list[Reason]
    against: list[Reason]
    related: list[dict[str, str]]
    history: list[dict[str, Any]]
    months: list[int]
    spark: str
    visits: int | None
    last_visit: str | None
    as_of: str
    notice: str
    title: str
    category: str | None
    tactics: list[str]
    checks: list[dict[str, Any]]
    gaps: list[str]
    owner: str
    together: list[dict[str, str]]
    conduct: list[str]
    cap: int


class CardAnswer(_Answer):
    """A card, and which run, model and rules made it."""

    release: int
    as_of: str
    versions: dict[str, str]
    card: Card


class BusinessHit(BaseModel):
    """One business found."""

    code: str
    name: str
    former_names: list[str]
    state: str | None
    grade: str
    score: float
    division: str = Field(description="Division code.", examples=["330299210"])
    match: float = Field(description="How well the question fits, 0 to 1.")


class BusinessPage(_Answer):
    """Businesses found, best first."""

    release: int
    as_of: str
    businesses: list[BusinessHit]
    next: str | None = Field(description="Cursor of the next page.")


class Assessment(BaseModel):
    """Score on a day; only days on which it changed."""

    as_of: str
    score: float
    grade: str


class Move(BaseModel):
    """A move of a clue; who made it stays in the ledger."""

    at: str = Field(description="When it was written down.")
    day: str = Field(description="The day it happened.")
    kind: str
    before: str | None
    after: str | None
    conclusion: str | None


class HistoryAnswer(_Answer):
    """What was said and found of a business so far."""

    release: int
    as_of: str
    code: str
    name: str
    assessments: list[Assessment]
    records: list[dict[str, Any]]
    clue: str | None
    moves: list[Move]


class ClueRow(BaseModel):
    """A clue as it stands."""

    clue_id: str
    code: str
    name: str
    grade: str
    score: float
    category: str | None
    division: str
    owner: str
    place: int = Field(description="Line on this run's list; 0 where it is not on it.")
    status: str
    since: str | None
    due_on: str | None
    conclusion: str | None


class CluePage(_Answer):
    """Clues, those on the list first, in its order."""

    release: int
    as_of: str
    clues: list[ClueRow]
    next: str | None


class ClueAnswer(_Answer):
    """A clue with its line on the list and its moves."""

    release: int
    as_of: str
    clue: ClueRow
    line: dict[str, Any] | None
    moves: list[Move]
    allowed: list[str] = Field(description="States it may go to from here.")


class Outcome(_In):
    """What was done with a clue, or found."""

    to: Literal[STATES] = Field(description="The state it goes to.", examples=["已反馈"])  # type: ignore[valid-type]
    conclusion: Literal[CONCLUSIONS] | None = Field(default=None, description="Owed with 已反馈.", examples=["属实"])  # type: ignore[valid-type]
    why: Words = Field(
        default="", max_length=2000, description="Grounds; personal data in it is masked.", examples=["现场核查，会议营销属实"]
    )
    on: dt.date | None = Field(
        default=None, description="The day it was done; today where not given, never a later one.", examples=["2026-11-20"]
    )
    measures: Words | None = Field(default=None, max_length=500, examples=["责令改正"])
    involved_yuan: float | None = Field(default=None, ge=0, le=1e12, allow_inf_nan=False, examples=[36000])
    recovered_yuan: float | None = Field(default=None, ge=0, le=1e12, allow_inf_nan=False, examples=[12000])


class OutcomeAnswer(_Answer):
    """The clue as it stands after the move."""

    clue_id: str
    status: str
    since: str
    due_on: str | None
    conclusion: str | None


class Complaint(_In):
    """One complaint."""

    text: Words = Field(max_length=20_000, examples=["老人听完讲座交了三万六，现在店关门联系不上"])
    title: Words = Field(default="", max_length=200)


class ReadRequest(_In):
    """Complaints by a key of the caller's."""

    complaints: dict[Name, Complaint] = Field(min_length=1, examples=[{"a": {"text": "老人听完讲座交了三万六，现在店关门联系不上"}}])


class Evidence(BaseModel):
    """Words that show a tactic, with their place in the masked text."""

    tactic: str
    quote: str
    start: int
    end: int


class Reading(BaseModel):
    """What the reader gives for one complaint: the same as ``fraudrisk.complaints.ComplaintReader.read``."""

    category: str | None
    confidence: float
    secondary: str | None
    tactics: list[str]
    stage: str | None
    elderly: str | None
    amount_yuan: float | None
    respondent: str | None
    evidence: list[Evidence]
    masked: str = Field(description="The text as it was read, without personal data; evidence quotes from it.")


class ReadAnswer(_Answer):
    """Readings by the same keys."""

    model: str
    readings: dict[str, Reading]


Value = Annotated[float, Field(allow_inf_nan=False, ge=-1e15, le=1e15)] | Annotated[Words, Field(max_length=64)] | None


class ScoreRequest(_In):
    """Features of businesses by a key of the caller's; a missing feature is missing, and adds nothing."""

    businesses: dict[Name, dict[Name, Value]] = Field(min_length=1, examples=[{"a": {"lost_contact": 1, "victims_365": 3}}])


class ScoreReason(BaseModel):
    """One reason of a score."""

    indicator: str
    sentence: str
    points: float


class Score(BaseModel):
    """Score, grade, chance that a check confirms it, and the reasons that sum to the score."""

    score: float
    grade: str
    probability: float
    reasons: list[ScoreReason]


class ScoreAnswer(_Answer):
    """Scores by the same keys."""

    leader: str
    scores: dict[str, Score]


class ModelAnswer(_Answer):
    """What answers here: release, versions, grades, features."""

    release: int
    as_of: str
    published_at: str
    versions: dict[str, str]
    leader: str
    grades: dict[str, float]
    counts: dict[str, int]
    indicators: list[dict[str, str]]
    features: list[str]
    limits: dict[str, int]


class AuditPage(_Answer):
    """Lines of the audit log, latest first."""

    chain: str
    entries: list[dict[str, Any]]
    next: str | None


class Status(_Answer):
    """Whether the service is alive or ready."""

    status: str
    release: int | None = None
