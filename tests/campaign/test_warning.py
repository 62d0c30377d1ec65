"""Early warning over a run: planted bursts found, copies not, grades that rose explained, licences that end, and the brief people receive."""

from __future__ import annotations

import csv
import datetime as dt
import json
import re
import shutil
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from fraudrisk.campaign.brief import DETAILS, write_brief
from fraudrisk.campaign.jumps import JUMPS
from fraudrisk.campaign.licences import EXPIRING
from fraudrisk.campaign.streams import schemes
from fraudrisk.campaign.warning import Warnings, early_warning
from fraudrisk.engines import Duck
from fraudrisk.errors import InputError, NotFoundError
from fraudrisk.packs import Pack
from fraudrisk.records import read_table
from fraudrisk.run import RunResult
from fraudrisk.workspace import Workspace
from tests.conftest import AS_OF

EARLIER = dt.date(2026, 10, 1)
START = AS_OF - dt.timedelta(days=3)
SIZES = (3, 4, 5, 8)
EACH = 8
TEXTS = (
    "我父亲去听讲座领鸡蛋，被忽悠花{}元买保健品，说能治百病，让停降压药",
    "我妈交了{}元预订养老床位，说每月返利百分之八，现在不给退钱，还在收款",
    "邻居老人被免费体检吓唬说查出大病，花{}元买磷虾油",
    "这家店搞会销，老人交了{}元，店员喊干妈，没有发票",
    "奶奶被骗了{}元，说是投资养老公寓保本高息",
    "组织老人低价旅游听课，花{}元买理疗床，要求退款",
    "老人的{}元本金要不回来，一直拖延兑付，门店已经关门",
    "爷爷充值{}元会员卡，说是可以返养老金",
)


def tickets(code: str, persons: Sequence[str], texts: Sequence[str], mark: str, start: dt.date = START) -> pd.DataFrame:
    """Tickets about one business, spread over three days from `start` on, the first on that day."""
    rows = [
        {
            "工单编号": f"{mark}{n:03d}", "登记时间": f"{start + dt.timedelta(days=n % 3)} 09:{n:02d}:00", "诉求内容": text, "诉求人电话": person,
            "被投诉人统一社会信用代码": code, "事发地区划": "330299",
        }
        for n, (person, text) in enumerate(zip(persons, texts, strict=True))
    ]  # fmt: skip
    return pd.DataFrame(rows)


def phones(start: int, count: int) -> list[str]:
    return [f"139{start + n:08d}" for n in range(count)]


@pytest.fixture(scope="module")
def targets(office: Workspace) -> list[dict[str, str]]:
    register = office.table("business").sort_values("known_at").drop_duplicates("business_id", keep="last")
    once = register["uscc"].value_counts()
    kept = register[register["uscc"].map(once).eq(1) & ~register["status"].isin(["注销", "吊销"]) & register["name"].notna()]
    return kept.sort_values("business_id").iloc[:: len(kept) // 60][["business_id", "uscc", "name"]].to_dict("records")


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory, office: Workspace, finished: RunResult, targets: list[dict[str, str]]) -> Workspace:
    """The city with bursts of several sizes, one of copies of a text, one of one person, and one of posts."""
    assert finished.folder.is_dir()
    folder = tmp_path_factory.mktemp("warned") / "office"
    shutil.copytree(office.path, folder)
    ws = Workspace(folder)
    ws.run(EARLIER, 20)
    frames, place = [], 0
    for size in SIZES:
        for _ in range(EACH):
            said = [TEXTS[(place + n) % len(TEXTS)].format(1000 + 100 * place + n) for n in range(size)]
            frames.append(tickets(targets[place]["uscc"], phones(1000 * place, size), said, f"P{place:02d}"))
            place += 1
    one_text, one_person = targets[40]["uscc"], targets[41]["uscc"]
    frames.append(tickets(one_text, phones(900_000, 30), [TEXTS[1].format(50_000)] * 30, "COPY"))
    frames.append(tickets(one_person, phones(990_000, 1) * 30, [TEXTS[n % 8].format(n) for n in range(30)], "SAME"))
    later = [TEXTS[n % 8].format(7000 + n) for n in range(12)]
    frames.append(tickets(targets[50]["uscc"], phones(995_000, 12), later, "LATER", AS_OF))
    ws.import_table("complaint", pd.concat(frames, ignore_index=True))
    about = targets[42]["name"]
    posts = [(f"{START + dt.timedelta(days=n % 3)} 10:00", f"{about}坑老人 第{n}说", about) for n in range(6)]
    posts += [(f"2025-{1 + n % 12:02d}-{1 + n % 27:02d} 10:00", f"闲谈{n}", targets[43 + n % 10]["name"]) for n in range(40)]
    posts += [(f"{START} 11:00", "转发 同一篇文章", targets[55]["name"])] * 20
    ws.import_table("舆情监测", pd.DataFrame(posts, columns=["发布时间", "正文", "涉及主体"]).assign(平台="论坛", 阅读量="1,200"))
    ws.run(AS_OF, 20)
    return ws


@pytest.fixture(scope="module")
def warned(planted: Workspace) -> Warnings:
    return early_warning(planted)


def test_planted_bursts_of_a_city_are_flagged_within_three_days(warned: Warnings, targets: list[dict[str, str]]) -> None:
    found = warned.bursts[warned.bursts["kind"] == "business"].set_index("key")
    for place, size in enumerate(s for s in SIZES for _ in range(EACH)):
        row = found.loc[targets[place]["business_id"]]
        assert START < row["first_seen"] <= AS_OF
        assert row["ongoing"]
        assert row["persons"] <= size
        assert row["label"] == targets[place]["name"]
        assert all(r.startswith(f"P{place:02d}") for r in row["records"].split(";") if r.startswith("P"))


def test_few_are_flagged_that_were_not_planted(warned: Warnings, targets: list[dict[str, str]]) -> None:
    """At most one false alarm per 100 business-months: 1,500 businesses for a week are 345 business-months."""
    businesses = warned.bursts[warned.bursts["kind"].isin(["business", "business_fraud"])]
    false = set(businesses["key"]) - {t["business_id"] for t in targets[: len(SIZES) * EACH]}
    assert len(false) <= 3
    assert targets[40]["business_id"] not in false
    assert targets[41]["business_id"] not in false


def test_nothing_known_on_or_after_the_date_is_used(warned: Warnings, targets: list[dict[str, str]]) -> None:
    assert targets[50]["business_id"] not in set(warned.bursts["key"])
    assert not warned.bursts["records"].str.contains("LATER").any()
    assert (warned.bursts[["first_seen", "last_seen"]] <= AS_OF).all(axis=None)
    assert warned.weekly["week_end"].max() < AS_OF


def test_the_table_of_posts_masks_and_dates_its_rows() -> None:
    posts = {
        "舆情编号": ["a", "b"], "发布时间": ["2026-10-29 23:50", "2026-10-30"], "采集时间": ["2026-10-31", None], "标题": ["曝光", "曝光"],
        "正文": ["联系我13812345678", "=1+1"], "网址": ["https://example.org/1", None], "阅读量": ["1,200", "无"], "涉及企业": ["甬城某馆", None],
    }  # fmt: skip
    frame = read_table(pd.DataFrame(posts), "舆情监测", today=AS_OF)
    assert "13812345678" not in frame.to_csv()
    assert frame["known_at"].tolist() == [dt.date(2026, 10, 31), dt.date(2026, 10, 30)]
    assert frame["record_id"].tolist() == ["a", "b"]
    assert frame["reads"].tolist()[0] == 1200
    assert frame["entity_guess"].tolist()[0] == "甬城某馆"


def test_posts_are_counted_by_business_and_copies_once(warned: Warnings, targets: list[dict[str, str]]) -> None:
    posts = warned.bursts[warned.bursts["kind"] == "opinion"]
    assert posts["key"].tolist() == [targets[42]["business_id"]]
    assert posts["persons"].tolist() == [6]


def test_money_still_moving_is_said(warned: Warnings, pack: Pack) -> None:
    assert (warned.bursts["collecting"] <= warned.bursts["persons"]).all()
    assert warned.bursts["collecting"].max() > 0


def test_grades_that_rose_are_explained(planted: Workspace, warned: Warnings) -> None:
    jumps = warned.grade_jumps
    assert tuple(jumps.columns) == JUMPS
    assert len(jumps)
    before, now = (planted.result(d).scores().set_index("business_id") for d in (EARLIER, AS_OF))
    labels = {i.id for i in planted.pack.indicators.indicators}
    for row in jumps.to_dict("records"):
        assert row["grade"] in "CD"
        assert row["grade"] == now.loc[row["business_id"], "grade"]
        assert row["grade_before"] == before.loc[row["business_id"], "grade"] < row["grade"]
        assert row["score"] == now.loc[row["business_id"], "score"]
        assert set(row["indicators"].split(",")) <= labels
        gained = [float(g) for g in re.findall(r"\(\+([\d.]+)\)", row["risen"])]
        assert gained == sorted(gained, reverse=True)
        assert sum(gained) >= row["score"] - row["score_before"] - 0.05
    was = before["grade"].reindex(now.index)
    assert set(jumps["business_id"]) == set(now.index[now["grade"].isin(["C", "D"]) & ~(was >= now["grade"])])


def test_the_earlier_run_can_be_named_and_must_be_earlier(planted: Workspace) -> None:
    assert early_warning(planted, AS_OF, against=EARLIER).summary["earlier"] == "2026-10-01"
    with pytest.raises(InputError, match="earlier"):
        early_warning(planted, EARLIER, against=AS_OF)
    with pytest.raises(NotFoundError):
        early_warning(planted, dt.date(2026, 9, 9))


def test_what_could_not_be_looked_at_is_said(office: Workspace, finished: RunResult, tmp_path: Path) -> None:
    alone = tmp_path / "office"
    shutil.copytree(office.path, alone)
    shutil.rmtree(alone / "runs")
    shutil.copytree(finished.folder, alone / "runs" / AS_OF.isoformat())
    w = early_warning(Workspace(alone))
    said = "".join(w.summary["notes"])
    assert "没有更早的评分" in said
    assert "未导入舆情" in said
    assert w.grade_jumps.empty
    assert write_brief(w, tmp_path / "out").is_file()
    late = Workspace(alone)
    late.import_table("complaint", tickets("", phones(1, 2), TEXTS[:2], "LATE"))
    with pytest.raises(InputError, match="imported after the run"):
        early_warning(late)
    shutil.rmtree(alone / "runs" / AS_OF.isoformat() / "work")
    with pytest.raises(NotFoundError, match="run it again"):
        early_warning(Workspace(alone))


# -- licences and an office without complaints -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def licensed(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A watched shop per case, and one outside every watched sector."""
    ws = Workspace.create(tmp_path_factory.mktemp("licensed") / "ws", division="330299")
    cases = ["临期", "续期", "长期续期", "过期", "久过期", "关门", "远期"]
    names = [f"甬城{c}养老服务有限公司" for c in cases] + ["甬城五金店"]
    register = {
        "企业名称": names,
        "统一社会信用代码": [f"91330299MA000000{n}X" for n in range(len(names))],
        "成立日期": "2024-01-01",
        "登记状态": ["注销" if "关门" in n else "存续" for n in names],
        "核准日期": "2024-01-02",
    }
    ends = {
        "临期": [("2023-01-01", "2026-12-01")],
        "续期": [("2023-01-01", "2026-11-20"), ("2026-10-01", "2029-11-20")],
        "长期续期": [("2023-01-01", "2026-11-20"), ("2026-10-01", None)],
        "过期": [("2020-01-01", "2026-10-20")],
        "久过期": [("2020-01-01", "2026-09-01")],
        "关门": [("2023-01-01", "2026-12-01")],
        "远期": [("2023-01-01", "2027-06-01")],
        "五金": [("2023-01-01", "2026-12-01")],
    }
    rows = [
        {"企业名称": name, "许可证号": f"L{i}{j}", "许可证名称": "养老机构备案", "有效期自": a, "有效期至": b}
        for i, name in enumerate(names)
        for j, (a, b) in enumerate(next(v for k, v in ends.items() if f"城{k}" in name))
    ]
    ws.import_table("business", pd.DataFrame(register))
    ws.import_table("license", pd.DataFrame(rows))
    ws.run(AS_OF, 3)
    return ws


def test_only_the_latest_end_of_a_watched_open_business_counts(licensed: Workspace) -> None:
    w = early_warning(licensed)
    assert tuple(w.expiring.columns) == EXPIRING
    got = {r["name"]: (r["days_left"], r["state"]) for r in w.expiring.to_dict("records")}
    assert got == {"甬城临期养老服务有限公司": (30, "将到期"), "甬城过期养老服务有限公司": (-12, "已过期未见续期")}
    assert (w.summary["expired"], w.summary["bursts"]) == (1, 0)
    assert "没有投诉举报和舆情数据" in "".join(w.summary["notes"])


# -- schemes -----------------------------------------------------------------------------------------------------------------


def test_schemes_follow_ties_but_not_hubs(pack: Pack) -> None:
    limit = pack.indicators.hub_limit
    rows = [("a", "p1", None), ("b", "p1", "f1"), ("c", None, "f1"), ("d", "p2", None)]
    rows += [(f"hub{n}", None, "f9") for n in range(limit + 1)]
    rows += [(f"x{n}", f"q{n // 2}", f"g{(n + 1) // 2}") for n in range(2 * limit)]  # a chain of pairs, too long to be one scheme
    columns = ("business_id", "legal_person_id_hash", "phone_hash")
    with Duck() as duck:
        duck.view("register", pa.table({c: pa.array([r[i] for r in rows], pa.string()) for i, c in enumerate(columns)}))
        assert schemes(duck, pack).to_pylist() == [{"business_id": b, "scheme": "a"} for b in "abc"]
        duck.view("register", pa.table({c: pa.array([], pa.string()) for c in columns}))
        assert schemes(duck, pack).num_rows == 0


# -- the brief ---------------------------------------------------------------------------------------------------------------


class Reader(HTMLParser):
    """What a browser would fetch, and the tags it sees."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.fetched += [v or "" for k, v in attrs if k in ("src", "href", "srcset", "data")]


@pytest.fixture(scope="module")
def written(warned: Warnings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_brief(warned, tmp_path_factory.mktemp("brief") / "预警")


def test_the_page_stands_alone_and_says_what_it_must(warned: Warnings, written: Path, pack: Pack) -> None:
    page = written.read_text(encoding="utf-8")
    seen = Reader()
    seen.feed(page)
    assert seen.fetched == []
    assert not {"script", "link", "iframe", "img"} & set(seen.tags)
    assert {"h1", "h2", "svg", "title", "desc", "main", "header", "footer"} <= set(seen.tags)
    assert page.index(pack.notice) < page.index("<h2")
    for said in ("内部资料", "数据截至", AS_OF.isoformat(), 'lang="zh-CN"', 'name="viewport"', "@page { size: A4"):
        assert said in page
    assert page.count("<li>") <= 3 * warned.summary["rows"]
    assert "url(" not in page
    assert "@import" not in page


def test_no_person_in_any_file(written: Path) -> None:
    for path in written.parent.iterdir():
        assert not re.search(r"(?<![\da-f.])1[3-9]\d{9}(?![\da-f])", path.read_text(encoding="utf-8")), path.name


def test_details_hold_every_line(warned: Warnings, written: Path, pack: Pack) -> None:
    raw = (written.parent / "预警明细.csv").read_bytes()
    assert raw.startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(raw.decode("utf-8-sig").splitlines()))
    assert tuple(rows[0]) == DETAILS
    assert len(rows) == len(warned.bursts) + len(warned.grade_jumps) + len(warned.expiring)
    assert {r["声明"] for r in rows} == {pack.notice}
    assert all(r["人数"].isdigit() for r in rows if r["类型"].startswith("突增"))


def test_json_is_plain(warned: Warnings, written: Path) -> None:
    def refuse(word: str) -> None:
        raise AssertionError(word)

    read = json.loads((written.parent / "warning.json").read_text(encoding="utf-8"), parse_constant=refuse)
    assert read["notice"] == warned.summary["notice"]
    assert len(read["bursts"]) == len(warned.bursts)
    assert len(read["weekly"]) == 26


def test_the_same_warning_gives_the_same_bytes(planted: Workspace, written: Path, tmp_path: Path) -> None:
    again = write_brief(early_warning(planted), tmp_path)
    for path in written.parent.iterdir():
        assert path.read_bytes() == (again.parent / path.name).read_bytes(), path.name


def test_names_are_escaped_and_never_formulas(warned: Warnings, tmp_path: Path) -> None:
    bad = "=cmd|' /C calc'!A0<script>alert(1)</script>"
    expiring = pd.DataFrame(
        [dict.fromkeys(EXPIRING) | {"name": bad, "days_left": 3, "valid_to": dt.date(2026, 11, 4), "grade": "B", "sector": "&"}]
    )
    w = Warnings(
        warned.as_of,
        warned.bursts.assign(label=bad),
        warned.grade_jumps.assign(name=bad),
        expiring,
        warned.rates,
        warned.weekly,
        warned.summary,
    )
    page = write_brief(w, tmp_path).read_text(encoding="utf-8")
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    for row in csv.DictReader((tmp_path / "预警明细.csv").read_text(encoding="utf-8-sig").splitlines()):
        assert row["对象"].startswith("'=")
