"""Tips: short, plain, one page per district, and never a business."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from fraudrisk.campaign.detail import Detail
from fraudrisk.campaign.report import tip_pages
from fraudrisk.campaign.tips import pages, tips
from fraudrisk.errors import InputError
from fraudrisk.packs import Pack, load_pack
from fraudrisk.workspace import Workspace
from tests.campaign.conftest import RUNS, made_up

pytestmark = pytest.mark.slow
PER_LINE, LINES = 25, 26
"""What an A4 page holds at 20 points and 1.5 lines: 180 mm / 7.06 mm across, and 266 mm / 10.6 mm less one line for the title."""
HARD_WORDS = re.compile("诈骗|涉嫌|犯罪|集资|非法|传销|洗脑|风险|敬请|谨防|甄别|套路|血本|倾家|受害")


def words(pack: Pack) -> list[str]:
    return [w for t in pack.campaign.tips.values() for w in (t.headline, *t.body, t.what_to_do, t.hotline)]


def test_every_tactic_has_a_tip_an_old_person_can_read(pack: Pack) -> None:
    assert set(pack.campaign.tips) == {f"T{i:02d}" for i in range(1, 29)}
    assert len({t.headline for t in pack.campaign.tips.values()}) == 28
    for tip in pack.campaign.tips.values():
        assert len(tip.headline) <= 16
        assert all(len(line) <= PER_LINE and line.endswith("。") for line in (*tip.body, tip.what_to_do, tip.hotline))
        assert re.search(r"110|12315|12345|12333", tip.hotline)
    assert not [w for w in words(pack) if HARD_WORDS.search(w)]


def test_three_tips_fit_a_page(pack: Pack) -> None:
    # per tip: a headline of 26 points at 1.4, its lines of 20 points at 1.5, and 7 mm of space below
    heights = sorted((12.9 + 10.6 * (len(t.body) + 2) + 7.3 for t in pack.campaign.tips.values()), reverse=True)
    assert 18 + sum(heights[:3]) <= 266


@pytest.fixture(scope="session")
def names(register: pd.DataFrame) -> list[str]:
    return sorted(register["name"].dropna())


@examples(max_examples=40)
@given(data=st.data())
def test_no_tip_names_a_business_and_one_that_did_is_refused(names: list[str], detail: Detail, data: st.DataObject) -> None:
    pack = load_pack("elder_fraud")
    name = data.draw(st.sampled_from([n for n in names if 6 <= len(n) <= 34]))
    assert not any(name in w for w in words(pack))
    assert name not in tip_pages(detail, pack, 3)
    code = data.draw(st.sampled_from(sorted(pack.campaign.tips)))
    named = pack.campaign.tips[code].model_copy(update={"what_to_do": f"别去{name}买。"})
    spoiled = replace(pack, campaign=pack.campaign.model_copy(update={"tips": {**pack.campaign.tips, code: named}}))
    for make in (lambda: tips(detail, spoiled), lambda: pages(detail, spoiled, 3)):
        with pytest.raises(InputError, match=f"the tip of {code} names a business") as caught:
            make()
        assert name not in str(caught.value)


def test_no_register_name_stands_in_any_tip(names: list[str], detail: Detail, pack: Pack) -> None:
    public = tip_pages(detail, pack, 3)
    assert len(names) > 1400
    assert not [n for n in names if n in public]


def test_people_are_counted_from_the_complaints_themselves(worked: Workspace, detail: Detail, pack: Pack) -> None:
    result = worked.result()
    read = pd.concat([pd.read_parquet(worked.reading_path(result.manifest["model"], f)) for f in worked.files("complaint")])
    rows = worked.table("complaint").drop_duplicates("record_id", keep="last")
    known = pd.to_datetime(rows["known_at"])
    day = pd.to_datetime(rows["reported_at"]).dt.normalize().fillna(known)
    bound = pd.Timestamp(RUNS[-1])
    rows = rows[(known < bound) & (day < bound) & (day >= bound - pd.Timedelta(days=90))]
    merged = rows.merge(read.drop_duplicates("record_id")[["record_id", "category", "tactics"]], on="record_id")
    fraud = merged[merged["category"].isin(pack.fraud_categories)].explode("tactics").dropna(subset="tactics")
    for tactic, people in detail.voiced.groupby("tactic")["people"].sum().items():
        tickets = fraud[fraud["tactics"] == tactic]["record_id"].nunique()
        assert 0 < people <= tickets, tactic
    assert set(detail.voiced["tactic"]) == set(fraud["tactics"])


def test_the_table_says_how_many_where(pack: Pack) -> None:
    detail = made_up(pack, 9, 5)
    table = tips(detail, pack)
    assert list(table["区划"].unique()) == ["区划不明", "东区", "合计"]
    assert table["近90天反映人数"].iloc[-1] == detail.voiced["people"].sum()
    east = table[table["区划"] == "东区"]["近90天反映人数"].tolist()
    assert east == sorted(east, reverse=True)


def test_a_district_nobody_wrote_from_gets_what_is_going_round(pack: Pack) -> None:
    detail = made_up(pack, 9, 5)
    made = dict(pages(detail, pack, 3))
    assert list(made) == ["东区", "西区", "北区"]
    everywhere = detail.voiced.groupby("tactic")["people"].sum()
    top = sorted(everywhere.index, key=lambda t: (-everywhere[t], t))[:3]
    assert [t.headline for t in made["北区"]] == [pack.campaign.tips[t].headline for t in top]
    nobody = replace(detail, voiced=detail.voiced.head(0), districts={})
    assert [(d, len(t)) for d, t in pages(nobody, pack, 3)] == [("", 3)]


class Texts(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        if data.strip() and self.tags[-1] != "style":
            self.texts.append(data.strip())


def test_the_page_holds_tips_and_nothing_else(detail: Detail, pack: Pack) -> None:
    page = Texts()
    page.feed(tip_pages(detail, pack, 3))
    allowed = {*words(pack), "防骗提示", *(f"{label}防骗提示" for label in detail.districts.values())}
    assert set(page.texts) <= allowed
    assert page.tags.count("section") == len(detail.districts)
    assert page.tags.count("article") == 3 * len(detail.districts)
    assert pack.notice not in tip_pages(detail, pack, 3)


def test_a_label_is_text(pack: Pack) -> None:
    detail = replace(made_up(pack, 9, 5), districts={"330201": "<script>东区</script>"})
    assert "<script>" not in tip_pages(detail, pack, 3)


def test_short_names_do_not_block_ordinary_words(pack: Pack) -> None:
    detail = replace(made_up(pack, 9, 5), names=pa.chunked_array([["养老院", "老师", None]], pa.string()))
    assert len(tips(detail, pack)) > 1


def test_mistakes_in_the_file_are_listed_with_their_place(tmp_path: Path) -> None:
    import shutil

    from fraudrisk.errors import PackError

    source = Path(__file__).parents[1] / "packs" / "prepaid_cards"
    folder = shutil.copytree(source, tmp_path / "spoiled")
    path = folder / "campaign.yaml"
    text = path.read_text(encoding="utf-8")
    for old, new in (
        ("indicators: [I1]", "indicators: [I9]"),
        ("features: [gone]", "features: [went]"),
        ("sectors: [gym]", "sectors: [bath]"),
        ("addressee: 商务", "addressee: 财政"),
        ("  P02:", "  P09:"),
        ("owner: 体育", "owner: 教育"),
        ("{conclusion}", "{verdict}"),
        ("refuted: [不属实]", "refuted: [属实]"),
    ):
        assert old in text
        text = text.replace(old, new)
    path.write_text(text, encoding="utf-8")
    with pytest.raises(PackError) as caught:
        load_pack(folder)
    for part in (
        "indicator 'I9'",
        "feature 'went'",
        "sector 'bath'",
        "addressee '财政'",
        "tactic 'P02' has none",
        "tactic 'P09'",
        "owner '教育'",
        "blank 'verdict'",
        "both confirmed and refuted",
    ):
        assert part in str(caught.value), part
    path.write_text(text.replace("headline: 少充一点", "headline: " + "长" * 17), encoding="utf-8")
    with pytest.raises(PackError, match=r"tips\.P01\.headline"):
        load_pack(folder)
