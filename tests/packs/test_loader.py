from __future__ import annotations

import re
from pathlib import Path

import pytest

from fraudrisk.errors import NotFoundError
from fraudrisk.packs import Pack, load_pack


def test_the_shipped_pack_is_complete(pack: Pack) -> None:
    tactics = {f"T{i:02d}" for i in range(1, 29)}
    assert {c.code for c in pack.taxonomy.categories} == {"EF0", "EF1", "EF2", "EF3", "EF4", "EF5", "EF6", "EFX"}
    assert set(pack.tactic_labels) == tactics
    assert set(pack.lexicon.tactics) == tactics
    assert set(pack.checklists.tactics) == tactics
    assert set(pack.checklists.method) == tactics
    assert all(len(items) >= 5 for items in pack.checklists.tactics.values())
    assert set(pack.indicators.indices) == {"合规", "利诱", "传播", "投诉", "特征词", "关联"}
    assert {i.index for i in pack.indicators.indicators} == set(pack.indicators.indices)


def test_the_notice_is_the_fixed_one(pack: Pack) -> None:
    assert (
        pack.notice
        == "本评分仅为线索研判参考\uff0c不构成违法事实认定\uff0c不得作为行政处罚、信用惩戒或公开曝光的依据\uff1b须经执法人员依法核查。"
    )


def test_every_indicator_says_what_would_weaken_it_and_when_it_expires(pack: Pack) -> None:
    for i in pack.indicators.indicators:
        assert i.counter
        assert i.expires
        assert len(re.sub(r"\{[^}]*\}", "12", i.reason)) <= 40, i.id


def test_no_feature_looks_at_the_complainant_or_at_surnames(pack: Pack) -> None:
    banned = re.compile(r"complainant_(?!hash)|age_of|gender|legal_person\b|elderly")
    for f in pack.features:
        assert not banned.search(f"{f.column} {f.where} {f.quote}"), f.name


def test_unknown_packs_are_named() -> None:
    with pytest.raises(NotFoundError, match="elder_fraud"):
        load_pack("nothing")


def test_two_packs_differ_in_digest(pack: Pack, tiny_pack: Pack, tmp_path: Path) -> None:
    assert pack.digest != tiny_pack.digest
    assert load_pack("elder_fraud").digest == pack.digest


HARD = [
    "在某药房买了两盒钙片没拆封,不给退",
    "养老院饭菜太凉,护工态度差,要求换人",
    "咨询入住公办养老院要什么条件,押金多少",
    "想问下个人一次性补缴养老保险政策",
    "电视上买的蓝帽子鱼油,问是不是正规",
    "建议在小区多宣传防养老诈骗",
    "旁边那家天天放音乐影响我生意",
    "健身房的课程质量差要求换教练",
    "咨询住房反向抵押养老保险哪家办",
    "弟弟不给老人赡养费",
    "这家店没有让我们交钱,也没有讲课,就是噪音",
    "听说有骗子搞以房养老,请问我们社区有没有",
    "小区电梯坏了一周没人修",
    "公交车站台没有座椅老人等车不方便",
    "请问高龄津贴几月份发放",
]
EASY = {
    "T01": "每天早上去酒店听课",
    "T03": "到店就送鸡蛋",
    "T04": "让我妈把降压药都停了",
    "T05": "一口一个爸妈叫得亲",
    "T08": "拉进微信群里看直播卖药",
    "T10": "买的纪念币保证三年后高价回购",
    "T14": "充了两万办会员卡",
    "T15": "交五万预订养老床位",
    "T16": "年化12%保本保息",
    "T18": "发展下线拿提成",
    "T21": "拿房子抵押去公证处签了一堆字",
    "T22": "打着民政局的旗号",
    "T23": "代办社保补缴一次性交六万",
    "T24": "民族资产解冻要交会费",
    "T27": "到期不给钱,电话打不通",
    "T28": "不许告诉子女",
}


@pytest.mark.parametrize("text", HARD)
def test_no_tactic_in_ordinary_matters(pack: Pack, text: str) -> None:
    from fraudrisk.complaints.lexicon import TacticFinder

    assert [s.quote for s in TacticFinder(pack.lexicon).find(text)] == []


@pytest.mark.parametrize(("tactic", "text"), EASY.items())
def test_tactics_are_found_with_their_words(pack: Pack, tactic: str, text: str) -> None:
    from fraudrisk.complaints.lexicon import TacticFinder

    spans = TacticFinder(pack.lexicon).find(text)
    assert tactic in {s.tactic for s in spans}
    assert all(text[s.start : s.end] == s.quote for s in spans)
