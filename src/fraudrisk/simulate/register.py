"""The register: names, codes, addresses and the other columns of the business table, from the hidden population."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from fraudrisk.simulate.arrays import NO_DAY, Bools, Ints, dates, frame, id_numbers, join, padded, phones, pick, take, usccs, where
from fraudrisk.simulate.latent import FRAUD, Population
from fraudrisk.simulate.world import CitySpec, World, district_codes, stream

__all__ = ["Register", "register"]

_SECTIONS = {"5": "F", "6": "H", "7": "L", "8": "O"}  # the letter some offices write before an industry code
_TAIL = "(依法须经批准的项目,经相关部门批准后方可开展经营活动)"
_CAPITALS = (3.0, 5.0, 10.0, 50.0, 100.0, 200.0, 300.0, 500.0, 1000.0, 3000.0, 5000.0)
_CAPITAL_SHARES = (0.03, 0.04, 0.14, 0.19, 0.25, 0.1, 0.06, 0.1, 0.06, 0.02, 0.01)


@dataclass
class Register:
    """What every other table refers to, one entry per business, and the business table itself.

    ``business_id`` is what the reader will call the business: its code, or its internal id where the code is blank.
    """

    entity_id: pa.Array
    uscc: pa.Array
    business_id: pa.Array
    name: pa.Array
    brand: pa.Array
    trade: pa.Array
    address: pa.Array
    phone: pa.Array
    former: pa.Array
    renamed_on: Ints
    table: pd.DataFrame


def register(spec: CitySpec, world: World, people: Population) -> Register:
    """Write the register of a population."""
    rng = stream(spec, 2)
    n = len(people)
    index = np.arange(n, dtype=np.int64)
    brand, trade, name = _names(world, people, rng)
    entity_id = join(spec.division, padded((index * 7 + 12_345 + spec.seed * 1000) % 10**10, 10))
    uscc = _codes(spec, people, rng)
    address = _addresses(world, people, rng)
    phone = _phones(people, rng)
    former, renamed_on = _former_names(spec, world, people, name, trade, rng)
    business_id = pc.coalesce(uscc, entity_id)
    columns = {
        "entity_id": entity_id,
        "uscc": uscc,
        "reg_no": where((people.established < 16_700) | (rng.random(n) < 0.1), join(spec.division, padded(index + 1_000_000, 9)), None),
        "name": name,
        "former_names": former,
        **_legal_columns(people, rng),
        **_dates(spec, people, rng),
        **_person_columns(people, rng),
        "phone": phone,
        "address": address,
        "op_address": _op_addresses(world, people, address, rng),
        "division_code": join(district_codes(spec, people.district), padded(1 + rng.integers(0, 12, n), 3)),
        "reg_org": take([f"{world.city}市{d.name}市场监督管理局" for d in world.districts], people.district),
        "industry_code": _industry(world, people, rng),
        "scope": _scopes(world, people, rng),
        "online_shops": where(rng.random(n) < 0.05, join("小程序:", brand, trade), None),
    }
    return Register(entity_id, uscc, business_id, name, brand, trade, address, phone, former, renamed_on, frame(columns))


def _brands(world: World, n: int, rng: np.random.Generator) -> tuple[pa.Array, pa.Array, pa.Array]:
    first, middle, last = (pick(rng, letters, n) for letters in (world.brand_first, world.brand_middle, world.brand_last))
    return first, where(rng.random(n) < 0.4, "", middle), last


def _trades(world: World, people: Population, rng: np.random.Generator) -> pa.Array:
    """Draw a trade of the sector, for companies, for shops and for homes."""
    lists = (
        [s.company_trades for s in world.sectors] + [s.shop_trades for s in world.sectors] + [s.home_trades or [""] for s in world.sectors]
    )
    starts = np.cumsum([0, *(len(x) for x in lists)])
    which = people.sector + len(world.sectors) * np.where(people.home, 2, np.where(people.company, 0, 1))
    sizes = np.array([len(x) for x in lists])[which]
    return take([t for trades in lists for t in trades], starts[which] + (rng.random(len(people)) * sizes).astype(np.int64))


def _names(world: World, people: Population, rng: np.random.Generator) -> tuple[pa.Array, pa.Array, pa.Array]:
    n = len(people)
    trade = _trades(world, people, rng)
    first, middle, last = _brands(world, n, rng)
    where_from = where(people.company, world.city, take([f"{world.city}市{d.name}" for d in world.districts], people.district))
    form = where(people.company & ~people.home, pick(rng, ["有限公司", "有限责任公司"], n, [0.93, 0.07]), "")

    def compose(brand: pa.Array) -> pa.Array:
        return join(where_from, brand, trade, form)

    brand = join(first, middle, last)
    repeated = compose(brand).to_pandas().duplicated().to_numpy()
    extra = pick(rng, world.brand_middle, n)
    brand = where(repeated, join(first, middle, extra, last), brand)
    name = compose(brand)
    twin, other = _same_name_pair(people)
    shared = f"{brand[twin].as_py()}{trade[twin].as_py()}"
    pair = np.isin(np.arange(n), [twin, other])
    return where(pair, brand[twin], brand), where(pair, trade[twin], trade), where(pair, shared, name)


def _same_name_pair(people: Population) -> tuple[int, int]:
    """Two shops of one trade in different districts that bear the same name and have nothing to do with each other."""
    shops = np.flatnonzero(~people.company & (people.state != FRAUD))
    health = shops[people.sector[shops] == 0]
    shops = health if len(np.unique(people.district[health])) > 1 else shops
    first = int(shops[0])
    return first, int(shops[people.district[shops] != people.district[first]][0])


def _codes(spec: CitySpec, people: Population, rng: np.random.Generator) -> pa.Array:
    """Mostly valid codes; a few old 个体户 have none, a few were mistyped long ago."""
    n = len(people)
    prefix = np.where(people.home, 52, np.where(people.company, 91, 92))
    codes = usccs(prefix, spec.division, np.arange(n, dtype=np.int64) + spec.seed % 1000 * 31)
    wrong = rng.random(n) < 0.002
    codes = where(wrong, join(pc.utf8_slice_codeunits(codes, 0, 17), take([*"1234567890A"], rng.integers(0, 11, n))), codes)
    return where(~people.company & (people.established < 17_500) & (rng.random(n) < 0.05), None, codes)


def _roads(world: World, people: Population, rng: np.random.Generator) -> pa.Array:
    n = len(people)
    place = take([f"{world.city}市{d.name}" for d in world.districts], people.district)
    return join(
        place,
        pick(rng, [f"{r}{k}" for r in world.roads for k in ("路", "街", "东路")], n),
        _number(rng, n, 1, 880),
        "号",
        pick(rng, ["", "1楼", "2楼", "三楼", "底商", "B座"], n),
    )


def _number(rng: np.random.Generator, n: int, low: int, high: int) -> pa.Array:
    """Random whole numbers as text."""
    return pa.array(rng.integers(low, high, n), pa.int64()).cast(pa.string())


def _addresses(world: World, people: Population, rng: np.random.Generator) -> pa.Array:
    own = _roads(world, people, rng)
    if (people.hub < 0).all():
        return own
    hubs = [
        f"{world.city}市{world.districts[i % len(world.districts)].name}创业{'一二三四五六七八九十'[i % 10]}路{88 + i}号(集中办公区)"
        for i in range(int(people.hub.max()) + 1)
    ]
    return where(people.hub >= 0, take(hubs, np.maximum(people.hub, 0)), own)


def _op_addresses(world: World, people: Population, address: pa.Array, rng: np.random.Generator) -> pa.Array:
    draw = rng.random(len(people))
    other = _roads(world, people, rng)
    return where((draw < 0.15) | (people.hub >= 0), other, where(draw < 0.3, None, address))


def _phones(people: Population, rng: np.random.Generator) -> pa.Array:
    """Give the person's own number; agents put theirs down for the companies they register; some leave none."""
    n = len(people)
    own = phones(rng, n).take(pa.array(people.person))
    agents = phones(rng, max(2, int(people.company.sum()) // 60))
    chosen = people.company & ((rng.random(n) < 0.12) | ((people.hub >= 0) & (rng.random(n) < 0.6))) & ~_risen(people)
    agent = agents.take(pa.array(np.where(people.hub >= 0, people.hub % len(agents), rng.integers(0, len(agents), n))))
    blank = (rng.random(n) < 0.05) & ~_risen(people)
    return where(blank, None, where(chosen, agent, own))


def _risen(people: Population) -> Bools:
    """Phoenix firms and the firms they rose from: their person and phone are on record, so that the link can be found."""
    pair = people.parent >= 0
    pair[people.parent[pair]] = True
    return pair


def _former_names(
    spec: CitySpec, world: World, people: Population, name: pa.Array, trade: pa.Array, rng: np.random.Generator
) -> tuple[pa.Array, Ints]:
    """Ordinary renames, and phoenix firms registered first under the name of the firm that vanished."""
    n = len(people)
    first, middle, last = _brands(world, n, rng)
    risen = people.parent >= 0
    ordinary = (rng.random(n) < 0.02) & people.company & ~risen
    day = people.established + 1 + (rng.random(n) * np.maximum(spec.last - 2 - people.established, 1)).astype(np.int64)
    day = np.where(risen, np.minimum(people.established + rng.integers(10, 60, n), spec.last - 1), day)
    ordinary &= (day < spec.last) & ((people.closed <= NO_DAY) | (day < people.closed))
    old = where(risen, name.take(pa.array(np.maximum(people.parent, 0))), join(world.city, first, middle, last, trade, "有限公司"))
    return where(risen | ordinary, old, None), np.where(risen | ordinary, day, NO_DAY)


def _legal_columns(people: Population, rng: np.random.Generator) -> dict[str, pa.Array]:
    n = len(people)
    kinds = pick(
        rng,
        ["有限责任公司(自然人投资或控股)", "有限责任公司(自然人独资)", "有限责任公司(法人独资)", "股份有限公司(非上市)"],
        n,
        [0.55, 0.36, 0.07, 0.02],
    )
    live = pick(rng, ["存续", "在业", "开业"], n, [0.7, 0.18, 0.12])
    ended = where(rng.random(n) < np.where(people.state == FRAUD, 0.5, 0.08), "吊销", "注销")
    capital = rng.choice(_CAPITALS, size=n, p=_CAPITAL_SHARES)
    shop = np.where(rng.random(n) < 0.4, rng.integers(1, 21, n), np.nan)
    paid = np.where(rng.random(n) < 0.45, np.nan, np.where(rng.random(n) < 0.5, 0.0, np.round(capital * rng.random(n), 1)))
    return {
        "entity_type": where(people.home, "民办非企业单位", where(people.company, kinds, "个体工商户")),
        "status": where(people.closed > NO_DAY, ended, live),
        "reg_capital_wan": pa.array(np.where(people.company, capital, shop), from_pandas=True),
        "paid_capital_wan": pa.array(np.where(people.company, paid, np.nan), from_pandas=True),
        "currency": where(people.company, "人民币元", None),
    }


def _dates(spec: CitySpec, people: Population, rng: np.random.Generator) -> dict[str, pa.Array]:
    n = len(people)
    later = people.established + (rng.random(n) ** 2 * np.maximum(spec.last - 2 - people.established, 0)).astype(np.int64)
    approved = np.where(people.closed > NO_DAY, people.closed, np.where(rng.random(n) < 0.5, people.established, later))
    limited = people.company & (rng.random(n) < 0.3)
    return {
        "est_date": dates(people.established),
        "approve_date": dates(approved),
        "op_from": dates(np.where(rng.random(n) < 0.8, people.established, NO_DAY)),
        "op_to": dates(np.where(limited, people.established + 365 * rng.choice([10, 20, 30, 50], n), NO_DAY)),
    }


def _person_columns(people: Population, rng: np.random.Generator) -> dict[str, pa.Array]:
    """Person names are a surname and 某 or stars: the city is invented, its people all the more."""
    n = len(people)
    surname = take(
        list("王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡余杜叶程苏魏吕丁任沈姚卢"),
        rng.integers(0, 52, n),
    )
    own = join(surname, pick(rng, ["某", "某某", "**"], n, [0.5, 0.42, 0.08]))
    chosen = pa.array(people.person)
    hidden: Bools = (rng.random(n) < 0.12) & ~_risen(people)
    return {
        "legal_person": own.take(chosen),
        "legal_person_id_hash": where(hidden, None, id_numbers(np.arange(n, dtype=np.int64), rng).take(chosen)),
    }


def _industry(world: World, people: Population, rng: np.random.Generator) -> pa.Array:
    n = len(people)
    sizes = np.array([len(s.codes) for s in world.sectors])
    starts = np.cumsum([0, *sizes])[people.sector]
    chosen = starts + (rng.random(n) * sizes[people.sector]).astype(np.int64)
    codes = [c for s in world.sectors for c in s.codes]
    plain, lettered = take(codes, chosen), take([_SECTIONS[c[0]] + c for c in codes], chosen)
    draw = rng.random(n)
    return where(draw < 0.04, None, where(draw < 0.12, lettered, plain))


def _scopes(world: World, people: Population, rng: np.random.Generator) -> pa.Array:
    plain = [s.scope for s in world.sectors]
    texts = [*plain, *(f"一般项目:{p}{_TAIL}" for p in plain), *(f"许可项目:{p.split(';')[0]};一般项目:{p}{_TAIL}" for p in plain)]
    return take(texts, people.sector + len(plain) * rng.integers(0, 3, len(people)))
