"""What a pack may say, as types. A pack is a folder of YAML files; one model per file.

Everything an office may want to change about a field of fraud is in these files: no code knows a category, a tactic, a
word or a point value.
"""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = [
    "Category",
    "Checklist",
    "Conduct",
    "Feature",
    "GradeRule",
    "Harm",
    "Indicator",
    "IndicatorFile",
    "Joint",
    "Lexicon",
    "LicenceNeed",
    "Points",
    "Routing",
    "Sector",
    "Stage",
    "Tactic",
    "Taxonomy",
]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class File(Strict):
    """Head of every file: what it is based on, and since when it holds."""

    version: str
    effective_from: dt.date
    source: str = Field(description="Where the content comes from: a standard, a law, a proposal of this project.")


# ---- taxonomy.yaml ---------------------------------------------------------------------------------------------------


class Category(Strict):
    """A category of complaint. ``fraud`` says whether it counts as a lead."""

    code: str
    label: str
    short: str
    fraud: bool
    description: str


class Tactic(Strict):
    """A tactic (手法), with its plain sign and the categories it mostly serves."""

    code: str
    label: str
    short: str
    sign: str
    categories: list[str]


class Stage(Strict):
    """How far along a scheme is. ``urgency`` 0–1 orders leads; ``collecting`` marks money still moving."""

    code: str
    urgency: Annotated[float, Field(ge=0, le=1)]
    collecting: bool


class Sector(Strict):
    """A sector of the coverage table: a business belongs to the first whose industry prefix or name word matches."""

    code: str
    label: str
    industries: list[str] = []
    name_words: list[str] = []
    watch: bool = Field(default=True, description="On the watch-list: exposed to this field of fraud.")


class Taxonomy(File):
    """``taxonomy.yaml``."""

    name: str
    label: str
    title: str = Field(description="What grades are called on everything people receive.")
    notice: str = Field(description="The fixed notice: a lead, not a finding.")
    categories: list[Category]
    default_category: str
    unclear_category: str
    tactics: list[Tactic]
    stages: list[Stage]
    sectors: list[Sector]


# ---- lexicon.yaml ----------------------------------------------------------------------------------------------------


class Lexicon(File):
    """``lexicon.yaml``: regular expressions (Python ``re``) over masked, folded text. Quoted evidence is their match.

    An ellipsis (\u2026) in a pattern stands for up to twelve characters within the sentence.
    """

    tactics: dict[str, list[str]]
    tactic_blockers: dict[str, list[str]] = Field(default={}, description="A tactic is dropped where its clause also matches one.")
    stages: dict[str, list[str]] = Field(description="In the order in which they are tried: the first that matches is the stage.")
    elderly_explicit: list[str]
    elderly_inferred: list[str]
    negation: list[str] = Field(description="Cues that deny what follows in the clause: 没有, 从未, 不是…")
    hypothesis: list[str] = Field(description="Cues that make the clause unreal: 万一, 听说, 如果, 会不会…")
    quotation: list[str] = Field(description="Cues that someone else's news is told: 新闻里, 视频说, 外地…")
    settled: list[str] = Field(description="Money is back, complaint withdrawn.")
    template_head: list[str]
    template_tail: list[str]
    professional_claim: list[str]
    promised_return: list[str] = Field(description="Clauses in which a rate of return is promised; the number is read by code.")
    respondent_suffix: list[str] = Field(description="Endings of shop and company names as people write them.")
    respondent_stop: list[str] = Field(description="Words that look like names and are none: 该公司, 养老院…")


# ---- indicators.yaml -------------------------------------------------------------------------------------------------


class Feature(Strict):
    """One number about a business as of a date. Rendered to SQL by :mod:`fraudrisk.features`.

    ``count``, ``distinct``, ``sum``, ``max``, ``min`` aggregate the rows of `table` that satisfy `where` within `window` days
    before the date. ``burst`` is the count in the window over one plus what the year before it would predict. ``attribute``
    is an expression over the register. ``unlicensed`` counts acts that needed a licence and had none on that day.
    ``peer_rate`` is a complaint rate against peers, shrunk. ``linked`` follows shared persons, phones and premises to the
    businesses that `table` and `where` name. ``ratio`` divides two features.
    """

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    doc: str
    table: str
    agg: Literal[
        "count",
        "distinct",
        "sum",
        "max",
        "min",
        "days_since_last",
        "days_since_first",
        "burst",
        "attribute",
        "unlicensed",
        "peer_rate",
        "linked",
        "ratio",
    ]
    column: str = ""
    where: str = ""
    window: Annotated[int, Field(gt=0)] | None = None
    categories: list[str] = Field(default=[], description="Only complaints of these categories ('fraud' = all fraud ones).")
    tactics: list[str] = Field(default=[], description="Only complaints with one of these tactics.")
    stages: list[str] = []
    quote: str = Field(default="", description="SQL expression of the words quoted as evidence; a default per table.")
    of: list[str] = Field(default=[], description="The features it is made from: two for 'ratio' (first over second), one for 'peer_rate'.")
    direction: Literal[-1, 0, 1] = 0
    unit: str = ""


class Points(Strict):
    """How a feature's value becomes points. A missing value always adds nothing.

    ``steps``: points of the highest threshold not above the value. ``linear``: ``per`` × value, at most ``max``.
    ``log10``: ``per`` × log10(1 + value), at most ``max``.
    """

    kind: Literal["steps", "linear", "log10"]
    steps: list[tuple[float, float]] = []
    per: float = 0.0
    max: float = 0.0


class Indicator(Strict):
    """One reason for points, or against them."""

    id: str
    index: str
    label: str
    feature: str
    points: Points
    reason: str = Field(description="The sentence inspectors read; {value} is the feature's value.")
    counter: str = Field(description="Evidence that would weaken it.")
    expires: str = Field(description="When it stops counting, in words.")
    unless: list[str] = Field(default=[], description="Adds nothing while one of these features is above 0.")
    requires: list[str] = Field(default=[], description="Adds nothing unless all of these features are above 0.")
    never_alone: bool = False


class Condition(Strict):
    """A feature within bounds; missing satisfies neither."""

    feature: str
    min: float | None = None
    max: float | None = None


class GradeRule(Strict):
    """A rule override: the grade is at least or at most this where all conditions hold."""

    name: str
    at_least: Literal["A", "B", "C", "D"] | None = None
    at_most: Literal["A", "B", "C", "D"] | None = None
    all: list[Condition]


class LicenceNeed(Strict):
    """A conduct that needs a licence: which words show the conduct, which licence names satisfy it."""

    key: str
    label: str
    conduct: str = Field(description="Regular expression over complaint or advertisement text (RE2).")
    licence: str = Field(description="Regular expression over licence name and item (RE2).")


class OutcomeRule(Strict):
    """What a backtest or a model takes for a find: rows of a table, by SQL expressions over its columns.

    Where `observed` is empty everybody is observed: no such row means no such outcome. Else only those are with a row that
    satisfies it, and nothing is said of the others: unchecked is not innocent.
    """

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    label: str
    table: str
    positive: str
    observed: str = ""


class Harm(Strict):
    """How bad a true lead would be: what the list multiplies its chance with. A lead nobody complained about counts 1.

    Harm spans five orders of magnitude (DOMAIN 1.5), so it grows with the logarithm of persons and of money.
    """

    per_tenfold_persons: Annotated[float, Field(ge=0)] = 0.5
    per_tenfold_money: Annotated[float, Field(ge=0)] = 0.5
    money_unit: Annotated[float, Field(gt=0)] = Field(default=10_000, description="Yuan below which money adds next to nothing.")
    least_urgency: Annotated[float, Field(gt=0, le=1)] = Field(default=0.4, description="What the least urgent stage still counts.")
    unknown_urgency: Annotated[float, Field(ge=0, le=1)] = Field(default=0.5, description="Urgency where nobody named a stage.")


class IndicatorFile(File):
    """``indicators.yaml``."""

    indices: list[str]
    chances: Annotated[list[tuple[float, float]], Field(min_length=2)] = Field(
        default=[(0, 0.003), (20, 0.03), (40, 0.12), (60, 0.33), (100, 0.8)],
        description="Score → chance that a check confirms it, between which is interpolated in log-odds, until an office's own outcomes say otherwise.",
    )
    harm: Harm = Harm()
    grades: dict[Literal["A", "B", "C", "D"], float] = Field(description="Lowest score of each grade.")
    grade_rules: list[GradeRule]
    licence_needs: list[LicenceNeed]
    peer_prior: Annotated[float, Field(gt=0)] = Field(
        description="Shape of the gamma prior on a rate relative to peers: pseudo-complaints; 1 makes one complaint twice the peers at most."
    )
    hub_limit: Annotated[int, Field(gt=1)] = Field(description="A shared address, phone or person with more businesses links none.")
    outcomes: list[OutcomeRule] = []
    features: list[Feature]
    indicators: list[Indicator]


# ---- routing.yaml, checklists.yaml -----------------------------------------------------------------------------------


class Conduct(Strict):
    """A routing rule: first match wins. Empty lists match anything."""

    owner: str
    also: list[str]
    reason: str
    categories: list[str] = []
    tactics: list[str] = []
    uscc_prefix: list[str] = []
    words: str = Field(default="", description="Regular expression over the complaint's text; a clue without text fits no such rule.")
    business: str = Field(default="", description="Regular expression over name, kind, scope and licences of the business.")


class Joint(Strict):
    """Who else must come, beside the rule's own: all that is given must hold."""

    department: str
    reason: str
    tactics: list[str] = []
    min_persons: int = 0
    min_urgency: Annotated[float, Field(ge=0, le=1)] = 0.0


class Routing(File):
    """``routing.yaml``."""

    departments: list[str]
    default_owner: str
    rules: list[Conduct]
    joint: list[Joint] = []


class CheckItem(Strict):
    """One thing to look at on site."""

    look_at: str
    take: str = Field(description="What to take as evidence.")
    clause: str


class Checklist(File):
    """``checklists.yaml``: what to check on site, per tactic."""

    method: dict[str, Literal["现场", "书面", "网上"]] = Field(description="How a clue with this tactic first is checked; default 现场.")
    tactics: dict[str, list[CheckItem]]
    general: list[CheckItem] = Field(default=[], description="What to look at where nobody named a tactic yet.")
    conduct: list[str] = Field(default=[], description="What those who go there must keep to: the last lines of a card.")
