"""Reports: what they lack is found, what they say is not blamed, on texts of two hands and on constructed ones."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from fraudrisk.cli import app
from fraudrisk.outcomes import check_report
from fraudrisk.outcomes.reports import CODES
from fraudrisk.outcomes.states import CONCLUSIONS

SAMPLES = Path(__file__).parents[2] / "data" / "samples" / "reports"
GOOD = (
    "2026年5月12日上午，我局执法人员张某、李某到望溪县柳林路18号康福健康馆现场检查。经查，该馆当日在二楼向30余名老人讲课，宣传磁疗床垫可治高血压，"
    "现场提取宣传单、签到表并拍照取证，制作现场笔录。结论：属实。依据《反不正当竞争法》第二十条，责令停止违法行为并立案调查。5月15日已电话向举报人反馈。"
)


def codes(text: str) -> set[str]:
    return {f.code for f in check_report(text).faults}


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("*.jsonl")), ids=lambda p: p.stem)
def test_reports_of_other_hands(path: Path) -> None:
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    good, bad = [r for r in rows if not r["faults"]], [r for r in rows if r["faults"]]
    assert sum(not codes(r["text"]) for r in good) >= 0.9 * len(good)
    assert sum(set(r["faults"]) <= codes(r["text"]) for r in bad) >= 0.8 * len(bad)
    assert sum(r["conclusion"] == check_report(r["text"]).conclusion for r in rows) >= 0.97 * len(rows)


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("2026年5月12日上午，", "", "NO_TIME"),
        ("执法人员张某、李某", "执法人员张某", "ONE_CHECKER"),
        ("现场提取宣传单、签到表并拍照取证，制作现场笔录。", "", "NO_EVIDENCE"),
        ("结论：属实。", "", "NO_CONCLUSION"),
        ("结论：属实。", "结论：基本属实。", "VAGUE"),
        ("结论：属实。", "结论：不属实。", "CONTRADICTION"),
        ("依据《反不正当竞争法》第二十条，", "", "NO_LEGAL_BASIS"),
        ("5月15日已电话向举报人反馈。", "", "NO_FEEDBACK"),
        ("康福健康馆", "一家店", "NO_OBJECT"),
    ],
)
def test_one_thing_taken_away_is_one_fault(old: str, new: str, code: str) -> None:
    assert codes(GOOD) == set()
    assert code in codes(GOOD.replace(old, new))


def test_what_is_no_fault() -> None:
    assert "VAGUE" not in codes(GOOD.replace("经查", "举报人称“可能有几百人受骗”。经查"))
    assert "NO_FEEDBACK" not in codes(GOOD.replace("5月15日已电话向举报人反馈。", "举报人匿名，未留联系方式。"))
    scoped = "2026年6月2日，执法人员张某、李某到望溪县柳林路18号康福健康馆现场检查，查看近三个月销售台账和合同，暂未发现向老人销售保健食品。现场拍照，制作笔录。结论：不属实，予以结案。6月3日电话反馈举报人。"
    assert codes(scoped) == set()


@given(st.text(max_size=300))
def test_any_text_gets_an_answer(text: str) -> None:
    done = check_report(text)
    assert done.conclusion is None or done.conclusion in CONCLUSIONS
    assert all(f.code in CODES and f.mend for f in done.faults)
    assert [f.code for f in done.faults] == sorted((f.code for f in done.faults), key=CODES.index)
    assert all(f.quote in text.replace("\r", "\n") or f.quote == "" or f.quote in text for f in done.faults)


def test_the_command(tmp_path: Path) -> None:
    source, out = tmp_path / "reports.jsonl", tmp_path / "out.jsonl"
    source.write_text(
        "\n".join(json.dumps({"id": i, "text": t}, ensure_ascii=False) for i, t in (("a", GOOD), ("b", "查无此事"), ("c", ""))),
        encoding="utf-8",
    )
    done = CliRunner().invoke(app, ["check-report", str(source), "--out", str(out)])
    assert done.exit_code == 0, done.output
    rows = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert [r["id"] for r in rows] == ["a", "b", "c"]
    assert rows[0] == {"id": "a", "conclusion": "属实", "faults": []}
    assert {"code", "quote", "mend"} == set(rows[1]["faults"][0])
    source.write_text('{"id": 1}\n', encoding="utf-8")
    failed = CliRunner().invoke(app, ["check-report", str(source), "--out", str(out)])
    assert failed.exit_code != 0
    assert "row 1" in str(failed.exception)
