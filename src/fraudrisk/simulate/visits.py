"""What the office does: inspections that see some of the truth, penalties that come late, listings and their repair."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa

from fraudrisk.simulate.arrays import NO_DAY, Bools, Ints, dates, frame, join, padded, pick, take, where
from fraudrisk.simulate.latent import FRAUD, MISLEADING, Population, stage_at
from fraudrisk.simulate.register import Register
from fraudrisk.simulate.tickets import Tickets
from fraudrisk.simulate.world import CitySpec, World, stream

__all__ = ["abnormal_listings", "inspections", "keys", "penalties", "serious_violations", "yearmonth"]

_REASONS = ("随机", "定向", "投诉举报", "上级交办")
_DETECTED = np.array([0.03, 0.25, 0.32, 0.38])  # chance that a visit finds something, by state
_ITEMS = ("登记事项检查", "公示信息检查", "广告行为检查", "食品销售监督检查", "价格行为检查", "养老服务场所安全检查", "预付费经营检查")
_ORDINARY = (
    ("未按规定公示年度报告", "企业信息公示暂行条例", (0, 3_000)),
    ("占用公共场所经营", "城市市容管理规定", (200, 2_000)),
    ("不按规定明码标价", "价格法第四十二条", (500, 5_000)),
    ("食品标签不符合规定", "食品安全法第一百二十五条", (1_000, 20_000)),
    ("经营超过保质期的食品", "食品安全法第一百二十四条", (5_000, 50_000)),
    ("未悬挂营业执照", "市场主体登记管理条例", (200, 1_000)),
)
_RELEVANT = (
    ("虚假宣传", "反不正当竞争法第二十条", (20_000, 400_000)),
    ("发布违法广告", "广告法第五十八条", (5_000, 200_000)),
    ("无证经营", "无证无照经营查处办法", (3_000, 60_000)),
    ("价格欺诈", "价格法第四十条", (3_000, 50_000)),
    ("组织策划传销", "禁止传销条例第二十四条", (100_000, 800_000)),
)
_LISTED = (
    "通过登记的住所或者经营场所无法联系",
    "未在规定的期限公示年度报告",
    "公示企业信息隐瞒真实情况、弄虚作假",
    "未在责令的期限内公示有关企业信息",
)


def keys(book: Register, index: Ints, *, name: str = "name") -> dict[str, pa.Array]:
    """Take the columns by which a record names its business."""
    rows = pa.array(index)
    return {"entity_id": book.entity_id.take(rows), "uscc": book.uscc.take(rows), name: book.name.take(rows)}


def yearmonth(days: Ints) -> tuple[Ints, Ints]:
    """Year and month of days counted from 1970."""
    months = days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    return months // 12 + 1970, months % 12 + 1


def inspections(spec: CitySpec, world: World, people: Population, book: Register, tickets: Tickets) -> tuple[pd.DataFrame, Ints, Ints]:
    """Make the inspection table, and business and day of the visits that found something."""
    rng = stream(spec, 5)
    business, day, reason = _visits(spec, world, people, tickets, rng)
    n = len(business)
    found = rng.random(n) < _DETECTED[people.state[business]] * np.where(reason == 0, 0.7, 1.1)
    gone = (stage_at(people.stages[business], day) == 4) & (rng.random(n) < 0.7)
    absent = gone | ((people.closed[business] > NO_DAY) & (rng.random(n) < 0.5)) | (rng.random(n) < 0.015)
    year, _ = yearmonth(day)
    result = where(
        absent,
        "通过登记的住所或经营场所无法联系",
        where(
            found,
            pick(rng, ["发现问题已责令改正", "未按规定公示应当公示的信息", "不配合检查情节严重"], n, [0.82, 0.15, 0.03]),
            "未发现问题",
        ),
    )
    blank = rng.random(n) < 0.12  # the reason why a firm was chosen is what offices forget to write
    columns = {
        **keys(book, business),
        "inspection_no": join("JC", pa.array(year).cast(pa.string()), padded(np.arange(n) + 1, 8)),
        "task_name": join(
            pa.array(year).cast(pa.string()), "年", pick(rng, ["双随机抽查", "专项检查", "日常巡查", "养老服务领域排查", "节前检查"], n)
        ),
        "inspected_on": dates(day),
        "inspectors_hash": join(pick(rng, list("王李张刘陈杨赵周吴"), n), "某,", pick(rng, list("孙马朱胡郭何林高罗"), n), "某"),
        "item": pick(rng, _ITEMS, n),
        "result": result,
        "selection_reason": where(blank, None, take(_REASONS, reason)),
    }
    hit = found & ~absent
    return frame(columns), business[hit], day[hit]


def _visits(spec: CitySpec, world: World, people: Population, tickets: Tickets, rng: np.random.Generator) -> tuple[Ints, Ints, Ints]:
    """Who is visited, when and why, in order of time."""
    years = spec.days / 365
    intensity = np.array([d.inspect for d in world.districts])[people.district]
    watch = world.sector_values("watch")[people.sector]
    open_days = np.where(people.closed > NO_DAY, np.minimum(people.closed + 30, spec.last), spec.last)
    groups = []
    for code, rate in ((0, 0.035), (1, np.where(watch, 0.07, 0.012)), (3, np.where(watch, 0.012, 0.002))):
        business = np.repeat(np.arange(len(people)), rng.poisson(rate * intensity * years))
        day = spec.first + (rng.random(len(business)) * spec.days).astype(np.int64)
        kept = (day > people.established[business]) & (day < open_days[business])
        groups.append((business[kept], day[kept], np.full(int(kept.sum()), code)))
    about = np.flatnonzero((tickets.business >= 0) & (rng.random(len(tickets)) < 0.14))
    day = tickets.day[about] + rng.integers(3, 40, len(about))
    kept = day < spec.last
    groups.append((tickets.business[about][kept], day[kept], np.full(int(kept.sum()), 2)))
    business, day, reason = (np.concatenate([g[i] for g in groups]) for i in range(3))
    order = np.lexsort((business, day))
    return business[order], day[order], reason[order]


def penalties(spec: CitySpec, world: World, people: Population, book: Register, hits: tuple[Ints, Ints]) -> pd.DataFrame:
    """Penalties for ordinary matters, and, late, for some of what was misleading or fraud."""
    rng = stream(spec, 6)
    business, day, relevant = _punished(spec, people, hits, rng)
    n = len(business)
    kinds = [*_ORDINARY, *_RELEVANT]
    kind = np.where(
        relevant, len(_ORDINARY) + rng.choice(len(_RELEVANT), n, p=[0.44, 0.26, 0.17, 0.08, 0.05]), rng.integers(0, len(_ORDINARY), n)
    )
    low, high = (np.array([k[2][i] for k in kinds], dtype=float)[kind] for i in (0, 1))
    fine = np.round(low + (high - low) * rng.random(n) ** 3, -2)
    year, _ = yearmonth(day)
    area = take([d.name for d in world.districts], people.district[business])
    number = join(area, "市监罚〔", pa.array(year).cast(pa.string()), "〕", pa.array(np.arange(n) + 1).cast(pa.string()), "号")
    what = take([k[0] for k in kinds], kind)
    party = book.name.take(pa.array(business))
    handed_on = np.where(people.state[business] == FRAUD, 0.4, 0.03)
    transferred = np.where(relevant & (rng.random(n) < handed_on), day + rng.integers(5, 60, n), NO_DAY)
    transferred = np.where(transferred < spec.last, transferred, NO_DAY)
    repaired = np.where(rng.random(n) < np.where(relevant, 0.18, 0.35), day + rng.integers(90, 400, n), NO_DAY)
    columns = {
        **{k: v for k, v in keys(book, business).items() if k != "name"},
        "case_no": join("AJ", pa.array(year).cast(pa.string()), padded(np.arange(n) * 3 + 17, 7)),
        "doc_no": number,
        "case_name": join(party, what, "案"),
        "party_name": party,
        "party_type": where(people.company[business], "企业", "个体工商户"),
        "violation_type": what,
        "law_basis": take([k[1] for k in kinds], kind),
        "punish_type": where(fine > 0, where(rng.random(n) < 0.2, "警告;罚款", "罚款"), "警告"),
        "fine_yuan": pa.array(fine),
        "confiscate_yuan": pa.array(np.where(rng.random(n) < 0.15, np.round(fine * rng.random(n), 2), 0.0)),
        "revoke_license": where(rng.random(n) < 0.004, "是", "否"),
        "decided_on": dates(day),
        "agency": join(take([f"{world.city}市{d.name}" for d in world.districts], people.district[business]), "市场监督管理局"),
        "case_source": pick(rng, ["监督检查", "投诉举报", "其他部门移送", "上级交办"], n, [0.5, 0.34, 0.09, 0.07]),
        "filed": pick(rng, ["是", "否"], n, [0.96, 0.04]),
        "transferred": where(transferred > NO_DAY, "是", "否"),
        "transferred_on": dates(transferred),
        "repaired_on": dates(np.where(repaired < spec.last, repaired, NO_DAY)),
        "public_until": dates(day + np.where(relevant, 1095, 365)),
        "content": join(
            "经查,当事人存在",
            what,
            "行为,依据",
            take([k[1] for k in kinds], kind),
            "作出处罚,罚款",
            pa.array(fine.astype(np.int64)).cast(pa.string()),
            "元。",
        ),
    }
    return _nameless(frame(columns), rng)


def _punished(spec: CitySpec, people: Population, hits: tuple[Ints, Ints], rng: np.random.Generator) -> tuple[Ints, Ints, Bools]:
    """Draw business, day and relevance of each decision; decisions lag what was found by 60 to 400 days."""
    n = len(people)
    rate = np.array([0.008, 0.06, 0.03, 0.008])[people.state] * spec.days / 365
    plain = np.repeat(np.arange(n), rng.poisson(rate))
    plain_day = spec.first + (rng.random(len(plain)) * spec.days).astype(np.int64)
    chosen = rng.random(len(hits[0])) < np.array([0.05, 0.12, 0.3, 0.4])[people.state[hits[0]]]
    found, found_day = hits[0][chosen], hits[1][chosen] + _lag(rng, int(chosen.sum()))
    serious = np.isin(people.state[found], [MISLEADING, FRAUD]) & (rng.random(len(found)) < 0.8)
    stopped = np.flatnonzero((people.stages[:, 2] > NO_DAY) & (rng.random(n) < 0.4))
    stopped_day = people.stages[stopped, 2] + _lag(rng, len(stopped))
    business = np.concatenate([plain, found, stopped])
    day = np.concatenate([plain_day, found_day, stopped_day])
    relevant = np.concatenate([np.zeros(len(plain), bool), serious, np.ones(len(stopped), bool)])
    kept = (day >= spec.first) & (day < spec.last) & (day > people.established[business] + 10)
    order = np.lexsort((business[kept], day[kept]))
    return business[kept][order], day[kept][order], relevant[kept][order]


def _lag(rng: np.random.Generator, n: int) -> Ints:
    return np.clip(np.exp(rng.normal(np.log(150), 0.55, n)), 60, 400).astype(np.int64)


def _nameless(table: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Leave some decisions with the party's name and no code at all."""
    bare = rng.random(len(table)) < 0.05
    table.loc[bare, ["entity_id", "uscc"]] = None
    return table


def abnormal_listings(spec: CitySpec, world: World, people: Population, book: Register) -> pd.DataFrame:
    """Make the listings, mostly for missing reports, and their removal (credit repair)."""
    rng = stream(spec, 7)
    n = len(people)
    rate = np.array([0.022, 0.06, 0.04, 0.03])[people.state] * np.where(people.company, 1.4, 0.8) * spec.days / 365
    plain = np.repeat(np.arange(n), rng.poisson(rate))
    reason = rng.choice(4, len(plain), p=[0.2, 0.7, 0.04, 0.06])
    day = spec.first + (rng.random(len(plain)) * spec.days).astype(np.int64)
    july = spec.start.year + 1 + rng.integers(0, max(1, spec.days // 365), len(plain))
    season = (july - 1970).astype("datetime64[Y]").astype("datetime64[D]").astype(np.int64) + 181 + rng.integers(0, 30, len(plain))
    day = np.where(reason == 1, season, day)
    gone = np.flatnonzero((people.stages[:, 3] > NO_DAY) & (rng.random(n) < 0.6))
    business = np.concatenate([plain, gone])
    day = np.concatenate([day, people.stages[gone, 3] + rng.integers(15, 240, len(gone))])
    reason = np.concatenate([reason, np.zeros(len(gone), dtype=np.int64)])
    ends = np.where(people.closed > NO_DAY, people.closed, spec.last)[business]
    kept = (day >= spec.first) & (day < np.minimum(ends, spec.last)) & (day > people.established[business] + 30)
    business, day, reason = business[kept], day[kept], reason[kept]
    removed = day + np.exp(rng.normal(np.log(110), 0.9, len(day))).astype(np.int64)
    removed = np.where(
        (rng.random(len(day)) < np.where(people.state[business] == FRAUD, 0.05, 0.55)) & (removed < spec.last), removed, NO_DAY
    )
    office = join(take([d.name for d in world.districts], people.district[business]), "市场监督管理局")
    back = removed > NO_DAY
    columns = {
        **keys(book, business),
        "listing_no": join("YC", padded(np.arange(len(day)) + 1, 9)),
        "listed_on": dates(day),
        "list_reason": take(_LISTED, reason),
        "listed_by": office,
        "removed_on": dates(removed),
        "remove_reason": where(
            back, where(reason == 1, "补报未报年份的年度报告并公示", where(reason == 0, "依法办理住所变更登记", "已更正公示信息")), None
        ),
        "removed_by": where(back, office, None),
    }
    return frame(columns)


def serious_violations(spec: CitySpec, people: Population, book: Register, punished: pd.DataFrame) -> pd.DataFrame:
    """List the few that become serious violators, some months after a heavy fine."""
    rng = stream(spec, 8)
    where_is = pd.Series(np.arange(len(people)), index=book.entity_id.to_pandas())
    heavy = punished[(punished["fine_yuan"] > 30_000) & punished["entity_id"].notna()].drop_duplicates("entity_id")
    heavy = heavy[rng.random(len(heavy)) < 0.3]
    business = where_is.loc[heavy["entity_id"]].to_numpy()
    day = heavy["decided_on"].to_numpy().astype("datetime64[D]").astype(np.int64) + rng.integers(20, 160, len(heavy))
    kept = day < spec.last
    business, day = business[kept], day[kept]
    removed = np.where(rng.random(len(day)) < 0.25, day + rng.integers(180, 400, len(day)), NO_DAY)
    removed = np.where(removed < spec.last, removed, NO_DAY)
    columns = {
        **keys(book, business),
        "listing_no": join("SX", padded(np.arange(len(day)) + 1, 8)) if len(day) else pa.array([], pa.string()),
        "listed_on": dates(day),
        "serious_reason": pick(rng, ["实施虚假宣传,情节严重", "组织虚假宣传受到较重行政处罚", "拒不履行行政处罚决定"], len(day)),
        "listed_by": pick(rng, ["甬城市市场监督管理局"], len(day)),
        "removed_on": dates(removed),
        "remove_reason": where(removed > NO_DAY, "列入满期并履行义务,提前移出", None) if len(day) else pa.array([], pa.string()),
    }
    return frame(columns)
