"""Verification reports: what a report fails to say, says vaguely, or says against itself, each with its place and the mend."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any

import yaml

from fraudrisk.complaints.grams import fold_text

__all__ = ["CODES", "CheckedReport", "Fault", "check_report"]

CODES = (
    "NO_TIME", "NO_PLACE", "NO_OBJECT", "ONE_CHECKER", "NO_METHOD", "NO_FACTS", "NO_EVIDENCE", "NO_CONCLUSION", "VAGUE", "CONTRADICTION",
    "NO_LEGAL_BASIS", "NO_DISPOSAL", "NO_FEEDBACK",
)  # fmt: skip
"""Everything a report can lack, in the order it is named."""

_SENTENCE = re.compile(r"[^\u3002\uff1b;\uff01!\uff1f?\n]+[\u3002\uff1b;\uff01!\uff1f?\n]?")
_NAME_BREAK = re.compile(r"[\u3001/\u00b7\s]|和|与|及|以及")
_NAME = re.compile(r"^[\u4e00-\u9fff]{1,3}(?:某{1,2}|[\u4e00-\u9fff*\u00d7]{1,2})?(?:\(.{0,24}\))?$")
_DUPLICATE_OWES = ("NO_TIME", "NO_OBJECT", "NO_CONCLUSION", "NO_FEEDBACK", "VAGUE", "CONTRADICTION")


@dataclass(frozen=True, slots=True)
class Fault:
    """Something to mend: its code, the words it hangs on (the nearest ones where something is missing), and how."""

    code: str
    quote: str
    mend: str


@dataclass(frozen=True, slots=True)
class CheckedReport:
    """The conclusion a report reaches, from the closed list or None, and its faults in the order of :data:`CODES`."""

    conclusion: str | None
    faults: tuple[Fault, ...]


@lru_cache(maxsize=1)
def _rules() -> tuple[dict[str, re.Pattern[str]], dict[str, str]]:
    raw: dict[str, Any] = yaml.safe_load((files("fraudrisk.outcomes") / "report_rules.yaml").read_text(encoding="utf-8"))
    patterns = {k: re.compile(v) for k, v in raw.items() if isinstance(v, str) and k != "version"}
    return patterns, raw["mends"]


def check_report(text: str) -> CheckedReport:
    """Check one report.

    Parameters
    ----------
    text : str

    Examples
    --------
    >>> done = check_report("5月12日我局执法人员张某到康福健康馆检查，情况基本属实。")
    >>> done.conclusion, [f.code for f in done.faults]
    ('属实', ['NO_PLACE', 'ONE_CHECKER', 'NO_FACTS', 'NO_EVIDENCE', 'VAGUE', 'NO_DISPOSAL', 'NO_FEEDBACK'])
    """
    report = _Report(text)
    return CheckedReport(report.conclusion, tuple(report.faults()))


class _Report:
    def __init__(self, text: str) -> None:
        self.rules, self.mends = _rules()
        self.text = text
        self.folded = fold_text(text)
        self.sentences = [(m.start(), m.group()) for m in _SENTENCE.finditer(self.folded) if m.group().strip()]
        # what the office says itself: without quotations and without what the reporter said
        blank = list(self.folded)
        for match in self.rules["quotes"].finditer(self.folded):
            if not match.group().startswith("《"):
                blank[match.start() : match.end()] = " " * len(match.group())
        self.unquoted = "".join(blank)
        for start, sentence in self.sentences:
            for clause in re.finditer(r"[^\uff0c,]+[\uff0c,]?", sentence):
                if self.rules["reporter"].search(clause.group()) and not self._concludes(clause.group()):
                    a, b = start + clause.start(), start + clause.end()
                    blank[a:b] = " " * (b - a)
        self.own = "".join(blank)
        self.conclusion, self.place = self._conclusion()

    def _concludes(self, clause: str) -> bool:
        return bool(self.rules["conclusion_bare"].search(clause))

    def _conclusion(self) -> tuple[str | None, int]:
        found = [(m["c"], m.start("c")) for m in self.rules["conclusion_bare"].finditer(self.unquoted)]
        if found:
            headed = [
                (m["c"], m.start("c"))
                for m in re.finditer(r"结论[^\u3002\n]{0,12}?(?P<c>部分属实|不属实|属实|无法核实|移送|重复件)", self.unquoted)
            ]
            return (headed or found)[-1]
        if match := re.search(r"(?:重复(?:举报|投诉|反映|件|线索|信访)|系重复)", self.unquoted):
            return "重复件", match.start()
        if match := self.rules["transfer"].search(self.unquoted):
            return "移送", match.start()
        return None, 0

    def faults(self) -> list[Fault]:
        found = {
            "NO_TIME": self._time(),
            "NO_PLACE": self._missing("place"),
            "NO_OBJECT": self._object(),
            "ONE_CHECKER": self._checkers(),
            "NO_METHOD": self._missing("method"),
            "NO_FACTS": self._facts(),
            "NO_EVIDENCE": self._missing("evidence"),
            "NO_CONCLUSION": None if self.conclusion else self._end(),
            "VAGUE": self._vague(),
            "CONTRADICTION": self._contradiction(),
            "NO_LEGAL_BASIS": self._legal(),
            "NO_DISPOSAL": self._disposal(),
            "NO_FEEDBACK": self._feedback(),
        }
        owed = _DUPLICATE_OWES if self.conclusion == "重复件" else CODES
        return [Fault(code, quote, self.mends[code]) for code, quote in found.items() if quote is not None and code in owed]

    # every check gives None where there is nothing to mend, else the words to show

    def _missing(self, rule: str) -> str | None:
        return None if self.rules[rule].search(self.own) else self._begin()

    def _time(self) -> str | None:
        for start, sentence in self.sentences:
            own = self.own[start : start + len(sentence)]
            for match in self.rules["date"].finditer(own):
                near = own[max(0, match.start() - 8) : match.end() + 12]
                if not self.rules["not_check_date"].search(near) and (self.rules["check_words"].search(own) or "重复" in own):
                    return None
        return self._begin()

    def _object(self) -> str | None:
        if self.rules["object_person"].search(self.folded):
            return None
        for match in self.rules["object"].finditer(self.folded):
            name = re.split(r"(?:对|到|在|至|赴|向|往|由|被|的|为|是|称|反映|举报|投诉|检查|核查|位于|人员|某日|\u3001)", match.group())[-1]
            if len(name) >= 4 and not self.rules["object_vague"].search(name):
                return None
        return self._begin()

    def _checkers(self) -> str | None:
        if self.rules["checker_count"].search(self.own) and not self.rules["checker_one"].search(self.own):
            return None
        most, words = 0, self._begin()
        for match in self.rules["checker_title"].finditer(self.folded):
            rest = re.split(r"[\uff0c,\u3002\uff1b;\n]", self.folded[match.end() : match.end() + 60].lstrip(":\uff1a为是\uff08( "))[0]
            names = 0
            for part in _NAME_BREAK.split(re.sub(r"[\uff08(][^\uff09)]{0,30}[\uff09)]", "", rest)):
                person = re.match(r"^(?:[\u4e00-\u9fff]某{1,2}|[\u4e00-\u9fff][\u4e00-\u9fff*\u00d7]{1,2})", part.strip())
                if not person:
                    break
                names += 1
                if len(part.strip()) > 4:
                    break
            if names > most:
                most, words = names, self.text[match.start() : match.end() + len(rest)]
        if most >= 2 or (most == 1 and self.rules["joint"].search(self.own)):
            return None
        return words

    def _facts(self) -> str | None:
        """A clause that says what was found, beyond that something was looked at or concluded."""
        for start, sentence in self.sentences:
            for clause in re.finditer(r"[^\uff0c,]+", self.own[start : start + len(sentence)]):
                words = clause.group()
                if self.rules["facts"].search(words) and not self._concludes(words):
                    bare = self.rules["facts_bare"].sub("", words).strip(" :\uff1a")
                    if len(bare) >= 5:
                        return None
        return self._begin()

    def _vague(self) -> str | None:
        for match in self.rules["vague"].finditer(self.own):
            if not self.rules["not_vague"].search(self.own[max(0, match.start() - 2) : match.end() + 4]):
                return self._sentence_at(match.start())
        unsure = re.search(r"暂未发现|暂无发现", self.own)
        if unsure and not (self.rules["scope"].search(self.own) and self.rules["method"].search(self.own)):
            return self._sentence_at(unsure.start())
        return None

    def _contradiction(self) -> str | None:
        text = self.rules["not_violation"].sub(lambda m: " " * len(m.group()), self.own)
        if self.conclusion == "不属实" and (match := self.rules["violation"].search(text)):
            return self._sentence_at(match.start())
        if self.conclusion == "属实" and (match := self.rules["nothing_found"].search(text)) and not self.rules["violation"].search(text):
            return self._sentence_at(match.start())
        return None

    def _legal(self) -> str | None:
        if self.rules["legal"].search(self.folded):
            return None
        text = self.rules["not_violation"].sub(lambda m: " " * len(m.group()), self.own)
        match = self.rules["penalty"].search(text) or self.rules["transfer"].search(text)
        if match or self.conclusion == "移送":
            return self._sentence_at(match.start() if match else self.place)
        return None

    def _disposal(self) -> str | None:
        return None if self.rules["disposal"].search(self.own) else self._end()

    def _feedback(self) -> str | None:
        if self.rules["feedback"].search(self.unquoted) or self.rules["no_reporter"].search(self.unquoted):
            return None
        return self._end()

    def _begin(self) -> str:
        return self.text[self.sentences[0][0] :][: len(self.sentences[0][1])].strip()[:60] if self.sentences else ""

    def _end(self) -> str:
        return self.text[self.sentences[-1][0] :].strip()[-60:] if self.sentences else ""

    def _sentence_at(self, place: int) -> str:
        for start, sentence in self.sentences:
            if start <= place < start + len(sentence):
                return self.text[start : start + len(sentence)].strip()
        return self._begin()
