"""Read a pack: schema, cross-references, expressions. All mistakes are listed at once."""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from fraudrisk.engines.dialect import check_expression
from fraudrisk.errors import NotFoundError, PackError
from fraudrisk.files import digest_bytes
from fraudrisk.packs.campaign import CampaignFile
from fraudrisk.packs.schema import Checklist, Feature, IndicatorFile, Lexicon, Routing, Taxonomy
from fraudrisk.records.tables import fact_columns

__all__ = ["Pack", "load_pack"]

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_FILES: dict[str, type[BaseModel]] = {
    "taxonomy": Taxonomy,
    "lexicon": Lexicon,
    "indicators": IndicatorFile,
    "routing": Routing,
    "checklists": Checklist,
    "campaign": CampaignFile,
}
_BLANKS = frozenset({"district", "subject", "tactic", "sign", "quote", "conclusion", "involved", "recovered", "measures"})


@dataclass(frozen=True, repr=False)
class Pack:
    """A checked pack.

    Parameters
    ----------
    name : str
    taxonomy, lexicon, indicators, routing, checklists, campaign
        One model per file; see :mod:`fraudrisk.packs.schema`.
    digest : str
        Names the content: two packs with the same digest give the same answers.

    Examples
    --------
    >>> pack = load_pack("elder_fraud")
    >>> sorted(pack.fraud_categories)
    ['EF1', 'EF2', 'EF3', 'EF4', 'EF5', 'EF6', 'EFX']
    >>> pack.tactic_labels["T27"][:2]
    '失联'
    """

    name: str
    taxonomy: Taxonomy
    lexicon: Lexicon
    indicators: IndicatorFile
    routing: Routing
    checklists: Checklist
    campaign: CampaignFile
    digest: str

    def __repr__(self) -> str:
        return f"Pack({self.version}, {self.digest})"

    @property
    def version(self) -> str:
        """Version of the taxonomy, shown on everything people receive."""
        return f"{self.name} {self.taxonomy.version}"

    @property
    def notice(self) -> str:
        """The fixed notice: a lead, not a finding."""
        return self.taxonomy.notice

    @property
    def fraud_categories(self) -> tuple[str, ...]:
        """Codes of the categories that count as leads."""
        return tuple(c.code for c in self.taxonomy.categories if c.fraud)

    @property
    def category_labels(self) -> dict[str, str]:
        """Code to label."""
        return {c.code: c.label for c in self.taxonomy.categories}

    @property
    def tactic_labels(self) -> dict[str, str]:
        """Code to label."""
        return {t.code: t.label for t in self.taxonomy.tactics}

    @property
    def features(self) -> tuple[Feature, ...]:
        """The features, in the order of the file."""
        return tuple(self.indicators.features)


def load_pack(name: str | Path = "elder_fraud") -> Pack:
    """Load a shipped pack by name, or any pack by its folder.

    Raises
    ------
    NotFoundError
        No such pack; names the shipped ones.
    PackError
        Lists every mistake with file and place.
    """
    shipped = Path(str(files("fraudrisk.packs"))) / str(name)
    folder = shipped if (shipped / "taxonomy.yaml").is_file() else Path(name)
    if not (folder / "taxonomy.yaml").is_file():
        known = sorted(p.parent.name for p in shipped.parent.glob("*/taxonomy.yaml"))
        raise NotFoundError(f"there is no pack '{name}'", mend=f"use one of {', '.join(known)}, or a folder with taxonomy.yaml")
    contents = tuple((stem, (folder / f"{stem}.yaml").read_bytes() if (folder / f"{stem}.yaml").is_file() else None) for stem in _FILES)
    return _parse(folder.name, contents)


@lru_cache(maxsize=8)
def _parse(name: str, contents: tuple[tuple[str, bytes | None], ...]) -> Pack:
    mistakes: list[str] = []
    parsed = {stem: _read(stem, raw, mistakes) for stem, raw in contents}
    if not mistakes:
        mistakes.extend(_cross_check(**parsed))
    if mistakes:
        raise PackError(name, mistakes)
    return Pack(name, **parsed, digest=digest_bytes(*(raw or b"" for _, raw in contents)))


def _read(stem: str, raw: bytes | None, mistakes: list[str]) -> Any:
    if raw is None:
        mistakes.append(f"{stem}.yaml is missing")
        return None
    try:
        content = yaml.load(raw.decode("utf-8"), Loader=_LOADER)  # noqa: S506  (both are safe loaders)
        return _FILES[stem].model_validate(content)
    except UnicodeDecodeError:
        mistakes.append(f"{stem}.yaml is not UTF-8")
    except yaml.YAMLError as error:
        mistakes.append(f"{stem}.yaml is not YAML: {' '.join(str(error).split())}")
    except ValidationError as error:
        mistakes.extend(f"{stem}.yaml: {'.'.join(map(str, e['loc'])) or 'file'}: {e['msg']}" for e in error.errors())
    return None


def _cross_check(
    taxonomy: Taxonomy, lexicon: Lexicon, indicators: IndicatorFile, routing: Routing, checklists: Checklist, campaign: CampaignFile
) -> Iterator[str]:
    categories = {c.code for c in taxonomy.categories}
    tactics = {t.code for t in taxonomy.tactics}
    stages = {s.code for s in taxonomy.stages}
    for kind, codes in (("category", [c.code for c in taxonomy.categories]), ("tactic", [t.code for t in taxonomy.tactics])):
        yield from _unique(f"taxonomy.yaml: {kind}", codes)
    for field in ("default_category", "unclear_category"):
        yield from _known(f"taxonomy.yaml: {field}", [getattr(taxonomy, field)], categories)
    for tactic in taxonomy.tactics:
        yield from _known(f"taxonomy.yaml: {tactic.code}: category", tactic.categories, categories)
    yield from _known("lexicon.yaml: tactic", [*lexicon.tactics, *lexicon.tactic_blockers], tactics)
    yield from _known("lexicon.yaml: stage", lexicon.stages, stages)
    yield from _patterns(lexicon)
    yield from _features(indicators, categories, tactics, stages)
    yield from _outcomes(indicators)
    yield from _indicators(indicators)
    if any(a >= b or p >= q for (a, p), (b, q) in pairwise(indicators.chances)) or not all(0 < p < 1 for _, p in indicators.chances):
        yield "indicators.yaml: chances: scores and chances must rise together, chances within 0 and 1"
    departments = set(routing.departments)
    for number, rule in enumerate(routing.rules, 1):
        yield from _known(f"routing.yaml: rule {number}: department", [rule.owner, *rule.also], departments)
        yield from _known(f"routing.yaml: rule {number}: category", rule.categories, categories)
        yield from _known(f"routing.yaml: rule {number}: tactic", rule.tactics, tactics)
    for joint in routing.joint:
        yield from _known("routing.yaml: joint: department", [joint.department], departments)
        yield from _known("routing.yaml: joint: tactic", joint.tactics, tactics)
    yield from _known("routing.yaml: default_owner", [routing.default_owner], departments)
    yield from _known("checklists.yaml: tactic", [*checklists.tactics, *checklists.method], tactics)
    yield from _campaign(campaign, taxonomy, indicators, departments)


def _known(place: str, used: Iterable[str], known: Iterable[str]) -> Iterator[str]:
    allowed = set(known)
    for code in dict.fromkeys(used):
        if code not in allowed:
            yield f"{place} '{code}' does not exist"


def _unique(place: str, codes: Iterable[str]) -> Iterator[str]:
    for code, count in Counter(codes).items():
        if count > 1:
            yield f"{place} '{code}' stands {count} times"


def _patterns(lexicon: Lexicon) -> Iterator[str]:
    groups: dict[str, list[str]] = {f"tactics.{k}": v for k, v in lexicon.tactics.items()}
    groups |= {f"tactic_blockers.{k}": v for k, v in lexicon.tactic_blockers.items()} | {
        f"stages.{k}": v for k, v in lexicon.stages.items()
    }
    groups |= {k: v for k, v in lexicon.model_dump().items() if isinstance(v, list) and k not in ("respondent_suffix", "respondent_stop")}
    for group, patterns in groups.items():
        for pattern in patterns:
            try:
                re.compile(pattern)
            except re.error as error:
                yield f"lexicon.yaml: {group}: '{pattern}' is no regular expression: {error}"


def _features(file: IndicatorFile, categories: set[str], tactics: set[str], stages: set[str]) -> Iterator[str]:
    yield from _unique("indicators.yaml: feature", [f.name for f in file.features])
    names = {f.name for f in file.features}
    for f in file.features:
        place = f"indicators.yaml: feature {f.name}"
        columns = fact_columns(f.table)
        if not columns:
            yield f"{place}: table '{f.table}' does not exist"
            continue
        for what, sql, boolean in (("where", f.where, True), ("column", f.column, False), ("quote", f.quote, False)):
            if sql:
                yield from (f"{place}: {what}: {m}" for m in check_expression(sql, columns, boolean=boolean))
        if f.agg in ("distinct", "sum", "max", "min", "attribute", "burst") and not f.column:
            yield f"{place}: '{f.agg}' needs a column"
        if f.agg == "burst" and not f.window:
            yield f"{place}: 'burst' needs a window"
        if len(f.of) != {"ratio": 2, "peer_rate": 1}.get(f.agg, 0):
            yield f"{place}: 'of' does not fit '{f.agg}'"
        if (f.categories or f.tactics or f.stages) and f.table != "complaint":
            yield f"{place}: only complaints have categories, tactics and stages"
        yield from _known(f"{place}: feature", f.of, names)
        yield from _known(f"{place}: category", [c for c in f.categories if c != "fraud"], categories)
        yield from _known(f"{place}: tactic", f.tactics, tactics)
        yield from _known(f"{place}: stage", f.stages, stages)


def _outcomes(file: IndicatorFile) -> Iterator[str]:
    yield from _unique("indicators.yaml: outcome", [o.name for o in file.outcomes])
    for o in file.outcomes:
        place = f"indicators.yaml: outcome {o.name}"
        columns = fact_columns(o.table)
        if not columns:
            yield f"{place}: table '{o.table}' does not exist"
            continue
        for what, sql in (("positive", o.positive), ("observed", o.observed)):
            if sql:
                yield from (f"{place}: {what}: {m}" for m in check_expression(sql, columns, boolean=True))


def _indicators(file: IndicatorFile) -> Iterator[str]:
    yield from _unique("indicators.yaml: indicator", [i.id for i in file.indicators])
    names = {f.name for f in file.features}
    for i in file.indicators:
        place = f"indicators.yaml: indicator {i.id}"
        yield from _known(f"{place}: feature", [i.feature, *i.unless, *i.requires], names)
        yield from _known(f"{place}: index", [i.index], file.indices)
        thresholds = [t for t, _ in i.points.steps]
        if i.points.kind == "steps" and (not thresholds or thresholds != sorted(set(thresholds))):
            yield f"{place}: steps must be given, with rising thresholds"
        for points in [p for _, p in i.points.steps] + [i.points.per, i.points.max]:
            if round(points * 10) != points * 10:
                yield f"{place}: {points} points: use tenths of a point, so that sums are exact"
        try:
            i.reason.format(value=1.0)
        except (KeyError, ValueError, IndexError) as error:
            yield f"{place}: reason: {error!r}"
    for rule in file.grade_rules:
        yield from _known(f"indicators.yaml: grade rule '{rule.name}': feature", [c.feature for c in rule.all], names)
    bounds = [file.grades[g] for g in ("A", "B", "C", "D") if g in file.grades]
    if len(bounds) != 4 or bounds != sorted(set(bounds)) or bounds[0] != 0:
        yield "indicators.yaml: grades: A, B, C and D are needed, A from 0, rising"


def _campaign(file: CampaignFile, taxonomy: Taxonomy, indicators: IndicatorFile, departments: set[str]) -> Iterator[str]:
    tactics, sectors = {t.code for t in taxonomy.tactics}, {s.code for s in taxonomy.sectors}
    yield from _unique("campaign.yaml: loophole", [x.code for x in file.loopholes])
    for x in file.loopholes:
        place = f"campaign.yaml: loophole {x.code}"
        yield from _known(f"{place}: indicator", x.indicators, {i.id for i in indicators.indicators})
        yield from _known(f"{place}: feature", x.features, {f.name for f in indicators.features})
        yield from _known(f"{place}: tactic", x.tactics, tactics)
        yield from _known(f"{place}: sector", x.sectors, sectors)
        yield from _known(f"{place}: addressee", [x.addressee], departments)
        if not (x.indicators or x.features or x.tactics):
            yield f"{place}: name the indicators, features or tactics that show it"
    yield from _known("campaign.yaml: measures: sector", file.measures, sectors)
    for sector, measures in file.measures.items():
        yield from _known(f"campaign.yaml: measures: {sector}: owner", [m.owner for m in measures], departments)
    yield from (f"campaign.yaml: measures: sector '{s.code}' has none" for s in taxonomy.sectors if s.watch and s.code not in file.measures)
    yield from _known("campaign.yaml: tips: tactic", file.tips, tactics)
    yield from (f"campaign.yaml: tips: tactic '{t.code}' has none" for t in taxonomy.tactics if t.code not in file.tips)
    if twice := set(file.conclusions.confirmed) & set(file.conclusions.refuted):
        yield f"campaign.yaml: conclusions: {', '.join(sorted(twice))} cannot be both confirmed and refuted"
    yield from _cases(file, sectors)


def _cases(file: CampaignFile, sectors: set[str]) -> Iterator[str]:
    words = file.cases
    yield from _known("campaign.yaml: cases: subjects: sector", words.subjects, sectors)
    yield from (f"campaign.yaml: cases: subjects: sector '{s}' has none" for s in sorted(sectors - set(words.subjects)))
    for pattern in [*words.blockers, *(w.pattern for w in (*words.kinds, *words.measures))]:
        try:
            re.compile(pattern)
        except re.error as error:
            yield f"campaign.yaml: cases: '{pattern}' is no regular expression: {error}"
    for sentence in [s for group in words.sentences for s in group]:
        try:
            used = {name for _, name, _, _ in string.Formatter().parse(sentence) if name is not None}
        except ValueError as error:
            yield f"campaign.yaml: cases: '{sentence}': {error}"
            continue
        yield from _known("campaign.yaml: cases: blank", used, _BLANKS)
