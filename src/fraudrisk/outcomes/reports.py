"""Verification reports: what a report fails to say, says vaguely, or says against itself, each with its place and the mend."""

from __future__ import annotations

import itertools
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
_PERSON = re.compile(r"[\u4e00-\u9fff]{1,2}(?:某{1,2}|[*\u00d7]{1,2})(?:[\u4e00-\u9fff](?=[\u3001\uff0c,\u3002\uff1b;\s]))?")
_NAMED = re.compile(
    r"(?<=[局办队所科组警事员核管长社\u3001\uff1a: ])[\u4e00-\u9fff]{2,3}(?=[\u3001\uff0c,\uff1b;\u3002\uff08(\n]|与|和|赴|到|于|对|在|$)"
)
"""A name in full, after an office or in a list; only ever counted beside another one."""
_JOINED = re.compile(r"^(?:[\uff08(][^\uff09)]{0,14}[\uff09)])?(?:[\u3001\uff0c,\uff1b; /]|和|与|及|以及|会同|同)[^\u3002\n]{0,16}$")
_ROLE = re.compile(
    r"(?:负责人|经营者|店主|摊主|当事人|法定代表人|老板|被反映人|被核查人|被举报人|对象|会长|社长|院长|店长|经理|总监|牵头人|承包人|举报人|反映人|投诉人|来电人"
    r"|询问|老人|家属|自称|嫌疑人|发起人|村医|会计|讲师|业务员|女士|先生|住户|证人|顾客|受害人|收款人|户名)(?:为|是|系|[:\uff1a])?[^\u3001\uff0c,\u3002\uff1b;\n]{0,4}$"
)
_OFFICE = re.compile(r"[局办队所科组警员管社股站委会部院心长监干办]|人员|干部|核查人|检查人|我和?|派|由|[\uff1a:\uff0c,\u3002\n]\s*$")
_FULL_DATE = re.compile(r"(\d{4})[年\-./](\d{1,2})[月\-./](\d{1,2})")
_TOLD = re.compile(r"\s*[\u4e00-\u9fff0-9一二三四五六七八九十\u3001.\u3010\u25a0 ]{0,6}反馈")
_OTHER_PART = re.compile(
    r"(?:证据|凭据|材料|依据|法律|结论|处置|处理|反馈|核查方式|方式|方法|办法|做法|怎么查|核查时间|时间|日期|地点|核查地点|去处|人员|核查人|检查人|经办|去人|对象|核查对象|被核查|附件|取得|留存|提取|线索|收件|关于)"
)
_LOOKING = re.compile(
    r"查看|询问|调取|调阅|走访|进行(?:了)?(?:现场)?(?:检查|核查|核对|核实|询问)|开展|核对|查询|取得|提取|拍照|拍了|提供|予以配合|配合|返回|带路|按照要求|逐[项一]|报告|收到|接到|转来|核查组|性质恶劣|影响很坏"
    r"|依据|依照|根据|责令|立案|移送|结案|反馈|告知|电话|回复|答复|笔录|照片|固定|举报人|反映人|投诉人|来电人|重视|部署|会议|学习|领导|落实|细化|批示"
)
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
    ('属实', ['ONE_CHECKER', 'NO_METHOD', 'NO_FACTS', 'NO_EVIDENCE', 'VAGUE', 'NO_DISPOSAL', 'NO_FEEDBACK'])
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
        head = re.search(r"(?:结论|定性|意见)[^\u3002\n]{0,14}?(?P<c>部分属实|不属实|属实|无法核实|移送|重复件)", self.unquoted)
        if head:
            return head["c"], head.start("c")
        if sent := re.search(r"(?:结论|定性|意见)[^\n]{0,90}?(?P<c>移送|移交|转交)", self.unquoted):
            return "移送", sent.start("c")
        found = [(m["c"], m.start("c")) for m in self.rules["conclusion_bare"].finditer(self.unquoted)]
        if found:
            return found[-1]
        for code, pattern in (
            ("重复件", r"重复(?:举报|投诉|反映|件|线索|信访)|系重复"),
            ("移送", r"(?:(?:本|该|此)(?:线索|件|案)|建议|予以|现)[^\u3002\uff1b;\n\uff0c,]{0,12}(?:移送|移交)"),
        ):
            if match := re.search(pattern, self.unquoted):
                return code, match.start()
        return None, 0

    def faults(self) -> list[Fault]:
        found = {
            "NO_TIME": self._time(),
            "NO_PLACE": self._missing("place"),
            "NO_OBJECT": self._object(),
            "ONE_CHECKER": self._checkers(),
            "NO_METHOD": self._method(),
            "NO_FACTS": self._facts(),
            "NO_EVIDENCE": self._evidence(),
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
        return None if self.rules[rule].search(self.unquoted) else self._begin()

    def _method(self) -> str | None:
        """How it was checked; how the reporter was told is no method."""
        for start, sentence in self.sentences:
            own = self.unquoted[start : start + len(sentence)]
            if not _TOLD.match(own) and self.rules["method"].search(self.rules["feedback"].sub("", own)):
                return None
        return self._begin()

    def _evidence(self) -> str | None:
        return None if self.rules["evidence"].search(self.folded) else self._begin()

    def _time(self) -> str | None:
        if self.conclusion == "重复件" and self.rules["date"].search(self.unquoted):
            return None
        for start, sentence in self.sentences:
            own = self.unquoted[start : start + len(sentence)]
            for match in self.rules["date"].finditer(own):
                before = re.split(r"[\uff0c,\u3001]", own[max(0, match.start() - 6) : match.start()])[-1]
                near = before + re.split(r"[\uff0c,]", own[match.start() : match.end() + 16])[0]
                if not self.rules["not_check_date"].search(near) and (
                    start == self.sentences[0][0] or self.rules["check_words"].search(own) or "重复" in self.own
                ):
                    return None
        return self._begin()

    def _object(self) -> str | None:
        if self.rules["object_person"].search(self.folded):
            return None
        for match in self.rules["object"].finditer(self.folded):
            name = re.split(
                r"(?:对|到|在|至|赴|向|往|由|被|的|为|是|称|反映|举报|投诉|检查|核查|位于|人员|某日|某|号|楼|查明|发现|该|这家|此|\u3001)",
                match.group(),
            )[-1]
            if len(name) >= 4 and not self.rules["object_vague"].search(name):
                return None
        for match in re.finditer(r"(?:对象|查的是|核查|检查|单位)[^\u3002\uff1b;\n]{0,10}[“\"「](?P<n>[^”\"」]{2,20})[”\"」]", self.folded):
            if self.rules["object"].search(match["n"] + "店"):
                return None
        return self._begin()

    def _checkers(self) -> str | None:
        alone = self.rules["checker_one"].search(self.own)
        if self.rules["checker_count"].search(self.folded):
            return None
        if not alone and self._two_full_names():
            return None
        people = [
            m
            for pattern in (_PERSON, _NAMED)
            for m in pattern.finditer(self.folded)
            if not _ROLE.search(self.folded[max(0, m.start() - 9) : m.start()])
        ]
        people.sort(key=lambda m: m.start())
        for one, two in itertools.pairwise(people):
            between = self.folded[one.end() : two.start()]
            if one.end() <= two.start() and len(between) <= 18 and _JOINED.match(between):
                return None
        most, words = len(people[:1]), self._sentence_at(people[0].start()) if people else self._begin()
        for match in self.rules["checker_title"].finditer(self.folded):
            rest = re.split(r"[\uff0c,\u3002\uff1b;\n]", self.folded[match.end() : match.end() + 60].lstrip(":\uff1a为是\uff08( "))[0]
            names = 0
            for part in _NAME_BREAK.split(re.sub(r"[\uff08(][^\uff09)]{0,30}[\uff09)]", "", rest)):
                person = re.match(r"^[\u4e00-\u9fff]{2,3}(?=$|[^\u4e00-\u9fff])", part.strip()) or _PERSON.match(part.strip())
                if not person:
                    break
                names += 1
            most = max(most, names)
        if not alone and (most >= 2 or (most == 1 and self.rules["joint"].search(self.own))):
            return None
        return words

    def _two_full_names(self) -> bool:
        """Two full names beside each other, each after an office or in a list, before what they did."""
        surname = self.rules["surnames"].pattern
        name = rf"{surname}[\u4e00-\u9fff]{{1,2}}"
        unit = r"[\u4e00-\u9fff0-9]{0,22}?"
        done = r"(?=[\u3001\uff0c,\uff1b;\u3002\uff08(\s\n]|与|和|赴|到|于|对|在|两人|二人|三人|等|下到|前往|会同|会|联合|一行|组成|带|$)"
        pair = rf"{name}(?:[\uff08(][^\uff09)]{{0,14}}[\uff09)])?(?:[\u3001/ ]|和|与|及){unit}{name}{done}"
        for match in re.finditer(pair, self.folded):
            before = self.folded[max(0, match.start() - 14) : match.start()]
            if not _ROLE.search(before[-9:]) and (_OFFICE.search(before) or not before.strip()):
                return True
        return False

    def _facts(self) -> str | None:
        """A clause that says what was found, beyond that something was looked at, shown or concluded."""
        for start, sentence in self.sentences:
            if _OTHER_PART.match(
                self.folded[start : start + len(sentence)].lstrip(" 0123456789.\u3001)\uff09(\uff08一二三四五六七八九十【】■")
            ):
                continue
            for clause in re.finditer(r"[^\uff0c,]+", self.folded[start : start + len(sentence)]):
                words = re.sub(r"[“\"「][^”\"」]*[”\"」]", "", clause.group())
                bare = self.rules["facts_bare"].sub("", words).strip(" :\uff1a")
                if len(bare) >= 4 and not _LOOKING.search(bare) and not self._concludes(words) and self.rules["facts"].search(bare):
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
        if self.conclusion in ("不属实", "无法核实") and (match := self.rules["violation"].search(text)):
            return self._sentence_at(match.start())
        if early := self._told_before():
            return early
        if (
            self.conclusion in ("属实", "部分属实")
            and (match := self.rules["nothing_found"].search(text))
            and not self.rules["positive"].search(text)
        ):
            return self._sentence_at(match.start())
        return None

    def _told_before(self) -> str | None:
        """The reporter was told on a day before the first day of the check."""
        days = [(m.start(), tuple(int(g) for g in m.groups())) for m in _FULL_DATE.finditer(self.own)]
        told = [(at, day) for at, day in days if self.rules["feedback"].search(self._own_sentence(at))]
        checked = [day for at, day in days if not self.rules["not_check_date"].search(self.own[max(0, at - 6) : at + 24])]
        late = [at for at, day in told if checked and day < min(d for d in checked if d != day or len(checked) == 1)] if checked else []
        return self._sentence_at(late[0]) if late and len(days) > 1 else None

    def _own_sentence(self, place: int) -> str:
        return next((self.own[s : s + len(t)] for s, t in self.sentences if s <= place < s + len(t)), "")

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
