"""What businesses file and show: licences, annual reports, changes of registration, and advertisements that were seen."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa

from fraudrisk.simulate.arrays import NO_DAY, Ints, dates, frame, join, padded, phones, pick, take, where
from fraudrisk.simulate.latent import FRAUD, MISLEADING, Population
from fraudrisk.simulate.register import Register
from fraudrisk.simulate.visits import keys
from fraudrisk.simulate.world import CitySpec, World, stream

__all__ = ["ad_monitor", "annual_reports", "licenses", "registration_changes"]

_HOLDS = np.array([0.9, 0.78, 0.72, 0.42])  # chance of holding the licence the sector needs, by state
_AUTHORITIES = {
    "养老机构备案": "民政局",
    "社会服务备案": "民政局",
    "经营性公墓许可": "民政局",
    "旅行社业务经营许可证": "文化和旅游局",
    "拍卖经营批准证书": "商务局",
    "人力资源服务许可证": "人力资源和社会保障局",
    "金融许可证": "金融监管机构",
    "民办学校办学许可证": "教育局",
    "卫生许可证": "卫生健康局",
    "公共场所卫生许可证": "卫生健康局",
}
_CHANGES = ("住所变更", "经营范围变更", "法定代表人变更", "注册资本变更", "股东变更", "联络员备案")
_CLAIMS = (
    ("三个疗程告别用药,无效退款", "GG-01"),
    ("专家推荐,根治多年顽疾", "GG-02"),
    ("到期高价回购,稳定增值", "GG-05"),
    ("年化收益稳健,保本分红", "GG-06"),
    ("预订养老床位,享终身优惠与补贴", "GG-07"),
    ("国家级项目授权单位", "GG-03"),
    ("免费体检名额,仅限长者", "GG-04"),
)
_PLAIN_CLAIMS = ("全城最低价", "行业第一品牌", "买一送一,最后三天", "效果看得见")


def licenses(spec: CitySpec, world: World, people: Population, book: Register) -> pd.DataFrame:
    """Licences and filings with their expiry; 2099-12-31 stands for no end."""
    rng = stream(spec, 9)
    n = len(people)
    sizes = np.array([len(s.licenses) for s in world.sectors])
    factor = np.where(world.sector_values("key") == "invest", 0.06, 1.0)[people.sector]  # hardly any of them is a licensed lender
    holds = (sizes[people.sector] > 0) & (rng.random(n) < _HOLDS[people.state] * factor)
    business = np.flatnonzero(holds)
    starts = np.cumsum([0, *sizes])[people.sector[business]]
    names = [x for s in world.sectors for x in s.licenses]
    kind = starts + (rng.random(len(business)) * sizes[people.sector[business]]).astype(np.int64)
    begin = people.established[business] + rng.integers(5, 90, len(business))
    terms = np.maximum((spec.last - begin) // 1826, 0)
    begin = begin + np.where(rng.random(len(business)) < 0.85, terms * 1826, np.maximum(terms - 1, 0) * 1826)  # the rest let it lapse
    forever = rng.random(len(business)) < 0.12
    kept = begin < spec.last
    business, kind, begin, forever = business[kept], kind[kept], begin[kept], forever[kept]
    m = len(business)
    end = np.where(forever, 47_481, begin + 1826)
    office = take(
        [f"{world.districts[d].name}{_AUTHORITIES.get(k, '市场监督管理局')}" for k in names for d in range(len(world.districts))],
        kind * len(world.districts) + people.district[business],
    )
    food = np.array(["食品经营" in k for k in names])[kind]
    item = where(food, pick(rng, ["预包装食品销售;保健食品销售", "预包装食品销售", "热食类食品制售"], m), take(names, kind))
    columns = {
        **keys(book, business),
        "license_no": join("XK", spec.division, padded(np.arange(m) * 13 + 1009, 9)),
        "license_name": take(names, kind),
        "item": item,
        "authority": office,
        "valid_from": dates(begin),
        "valid_to": dates(end),
        "license_status": where((end < spec.last) | (people.closed[business] > NO_DAY), "过期", "有效"),
    }
    return frame(columns)


def annual_reports(spec: CitySpec, people: Population, book: Register) -> pd.DataFrame:
    """Draw the reports that fall in the window; many are never filed, most numbers are not public."""
    rng = stream(spec, 10)
    parts: list[tuple[Ints, Ints]] = []
    for year in range(spec.start.year - 1, spec.end.year):
        new_year = int((np.datetime64(f"{year + 1}-01-01") - np.datetime64("1970-01-01")).astype(np.int64))
        filed = rng.random(len(people)) < np.where(people.company, 0.84, 0.58) * np.array([1.0, 0.8, 0.95, 0.8])[people.state]
        day = new_year + np.where(rng.random(len(people)) < 0.93, rng.integers(2, 181, len(people)), rng.integers(181, 330, len(people)))
        end = np.where(people.closed > NO_DAY, people.closed, spec.last)
        alive = (people.established < new_year) & (day < np.minimum(end, spec.last)) & (day >= spec.first)
        gone = (people.stages[:, 3] > NO_DAY) & (people.stages[:, 3] < day)
        rows = np.flatnonzero(filed & alive & ~gone)
        parts.append((rows, day[rows]))
    business, day = (np.concatenate([p[i] for p in parts]) for i in (0, 1))
    years = np.repeat(np.arange(spec.start.year - 1, spec.end.year, dtype=np.int64), [len(p[0]) for p in parts])
    return frame(keys(book, business) | _report_columns(people, book, business, day, years, rng))


def _report_columns(
    people: Population, book: Register, business: Ints, day: Ints, year: Ints, rng: np.random.Generator
) -> dict[str, pa.Array]:
    m = len(business)
    public = rng.random(m) < np.where(people.company[business], 0.35, 0.12)
    assets = np.exp(rng.normal(np.where(people.company[business], 4.2, 2.0), 1.3))
    debts = assets * rng.beta(2, 3, m) * np.where(people.state[business] == FRAUD, 1.8, 1.0)
    revenue = assets * np.exp(rng.normal(-0.2, 0.8, m))
    profit = revenue * rng.normal(0.05, 0.12, m)
    staff = np.maximum(1, rng.poisson(np.where(people.company[business], 6, 1.6))).astype(np.int64)
    insured = rng.binomial(staff, np.where(people.company[business], 0.55, 0.12))
    agent = phones(rng, max(2, m // 400))
    own = book.phone.take(pa.array(business))
    columns: dict[str, pa.Array] = {
        "report_no": join("NB", pa.array(year).cast(pa.string()), padded(np.arange(m) + 1, 9)),
        "year": pa.array(year),
        "reported_on": dates(day),
        "operating_state": pick(rng, ["开业", "歇业", "筹建"], m, [0.93, 0.05, 0.02]),
    }
    money = {
        "assets_wan": assets,
        "liabilities_wan": debts,
        "equity_wan": assets - debts,
        "revenue_wan": revenue,
        "net_profit_wan": profit,
        "tax_wan": revenue * 0.02,
    }
    columns |= {key: pa.array(np.round(value, 2), mask=~public) for key, value in money.items()}
    columns["employees"] = pa.array(staff, mask=rng.random(m) < 0.3)
    columns["insured"] = pa.array(insured, mask=rng.random(m) < 0.45)
    columns["report_phone"] = where(rng.random(m) < 0.08, take(agent, rng.integers(0, len(agent), m)), own)
    return columns


def registration_changes(spec: CitySpec, people: Population, book: Register) -> pd.DataFrame:
    """Draw the changes of registration in the window; frauds change more once payments stop."""
    rng = stream(spec, 11)
    n = len(people)
    plain = np.repeat(np.arange(n), rng.poisson(np.where(people.company, 0.09, 0.025) * spec.days / 365))
    day = spec.first + (rng.random(len(plain)) * spec.days).astype(np.int64)
    troubled = np.flatnonzero(people.stages[:, 2] > NO_DAY)
    troubled = np.repeat(troubled, rng.poisson(1.0, len(troubled)))
    hasty = people.stages[troubled, 2] + rng.integers(-90, 180, len(troubled))
    renamed = np.flatnonzero(book.renamed_on > NO_DAY)
    business = np.concatenate([plain, troubled, renamed])
    when = np.concatenate([day, hasty, book.renamed_on[renamed]])
    item = np.concatenate(
        [rng.integers(0, len(_CHANGES), len(plain)), rng.choice([0, 2, 4], len(troubled)), np.full(len(renamed), len(_CHANGES))]
    )
    end = np.where(people.closed > NO_DAY, people.closed, spec.last)[business]
    kept = (when >= spec.first) & (when < np.minimum(end, spec.last)) & (when > people.established[business])
    business, when, item = business[kept], when[kept], item[kept]
    m = len(business)
    is_name = item == len(_CHANGES)
    before = where(is_name, book.former.take(pa.array(business)), pick(rng, ["某某", "原住所", "100", "——"], m))
    after = where(is_name, book.name.take(pa.array(business)), pick(rng, ["某某", "新住所", "500", "——"], m))
    columns = {
        **keys(book, business),
        "change_no": join("BG", padded(np.arange(m) + 1, 9)),
        "changed_on": dates(when),
        "change_item": take([*_CHANGES, "名称变更"], item),
        "before": before,
        "after": after,
    }
    return frame(columns)


def ad_monitor(spec: CitySpec, world: World, people: Population, book: Register) -> pd.DataFrame:
    """Advertisements that monitoring caught: some of the misleading, some of the frauds, a few of everyone."""
    rng = stream(spec, 12)
    watch = world.sector_values("watch")[people.sector]
    chance = np.where(watch, np.array([0.006, 0.015, 0.16, 0.22])[people.state], 0.001)
    business = np.flatnonzero(rng.random(len(people)) < chance)
    business = np.repeat(business, 1 + rng.poisson(0.6, len(business)))
    begin = np.where(people.state[business] == FRAUD, np.maximum(people.stages[business, 0], spec.first), spec.first)
    day = begin + (rng.random(len(business)) * np.maximum(spec.last - begin, 1)).astype(np.int64)
    end = np.where(people.closed > NO_DAY, people.closed, spec.last)[business]
    kept = (day < np.minimum(end, spec.last)) & (day > people.established[business])
    business, day = business[kept], day[kept]
    m = len(business)
    strong = np.isin(people.state[business], [MISLEADING, FRAUD]) & (rng.random(m) < 0.85)
    which = rng.integers(0, len(_CLAIMS), m)
    claim = where(strong, take([c[0] for c in _CLAIMS], which), pick(rng, _PLAIN_CLAIMS, m))
    last = np.minimum(day + rng.integers(0, 120, m), spec.last - 1)
    corrected = np.where(rng.random(m) < 0.4, last + rng.integers(1, 60, m), NO_DAY)
    name = book.name.take(pa.array(business))
    text = join(name, pick(rng, [":", "诚邀您体验,", "温馨提示,"], m), claim)
    columns = {
        **keys(book, business, name="advertiser"),
        "ad_no": join("GGJC", padded(np.arange(m) + 1, 8)) if m else pa.array([], pa.string()),
        "media": pick(rng, ["互联网", "户外", "广播", "印刷品", "电视"], m, [0.7, 0.12, 0.04, 0.1, 0.04]),
        "platform": pick(rng, ["公众号", "短视频", "直播间", "网店", "小程序", ""], m),
        "product": take([s.object.split("-")[1] for s in world.sectors], people.sector[business]),
        "approval_no": where(rng.random(m) < 0.2, "未标注", None) if m else pa.array([], pa.string()),
        "text": text,
        "ocr_text": where(rng.random(m) < 0.3, claim, None) if m else pa.array([], pa.string()),
        "violation_code": where(strong, take([c[1] for c in _CLAIMS], which), "GG-09") if m else pa.array([], pa.string()),
        "first_seen": dates(day),
        "last_seen": dates(last),
        "corrected_on": dates(np.where(corrected < spec.last, corrected, NO_DAY)),
        "url": join("https://ad.example.cn/", padded(rng.integers(0, 10**9, m), 9)),
        "evidence_hash": padded(rng.integers(0, 2**62, m), 19),
    }
    return frame(columns)
