"""Complaints: who files when, about whom, and the columns a hotline keeps of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from fraudrisk.simulate.arrays import NO_DAY, Bools, Floats, Ints, frame, id_numbers, join, padded, phones, pick, take, where
from fraudrisk.simulate.latent import CATEGORIES, FRAUD, MISLEADING, STAGES, Population, stage_at
from fraudrisk.simulate.register import Register
from fraudrisk.simulate.texts import Family, Mention, TextMaker, load_families
from fraudrisk.simulate.ticketcolumns import handling_columns
from fraudrisk.simulate.world import CitySpec, World, district_codes, stream

__all__ = ["Tickets", "complaints", "draw_tickets"]

_PER_YEAR = 0.15  # tickets per business and year, over everything
_NO_BUSINESS = 0.16  # share of tickets that name no business of the register
_STATE_FACTOR = np.array([1.0, 2.0, 2.4, 1.0])
_STAGE_RATE = np.array([0.03, 0.09, 0.5, 0.62])  # tickets per year and (victims ** 0.42), by stage of the scheme
_FRAUD_CAP = 28
_MISLEADING_RATE, _FALSE_RATE = 0.08, 0.002  # elder-fraud wording about firms that are no fraud, per year


@dataclass
class Tickets:
    """One entry per ticket, in order of time: second since 1970, business (-1 for none), stage, label and family."""

    second: Ints
    business: Ints
    district: Ints
    family: Ints
    original: Ints
    families: tuple[Family, ...]

    def __len__(self) -> int:
        return len(self.second)

    @property
    def day(self) -> Ints:
        """Day of filing, counted from 1970-01-01."""
        return self.second // 86_400


def draw_tickets(spec: CitySpec, world: World, people: Population) -> Tickets:
    """Draw all tickets of the window."""
    rng = stream(spec, 3)
    ordinary = _ordinary(spec, world, people, rng)
    fraud = _about_frauds(spec, world, people, rng)
    alleged = _alleged(spec, world, people, rng)
    outside = max(1, len(fraud[0]) // 9)
    unknown = np.full(outside, -1, dtype=np.int64), spec.first + rng.integers(0, spec.days, outside)
    none = round(len(ordinary[0]) * _NO_BUSINESS / (1 - _NO_BUSINESS))
    nobody = np.full(none, -1, dtype=np.int64), spec.first + rng.integers(0, spec.days, none)
    groups = (ordinary, fraud, alleged, unknown, nobody)
    business, day = np.concatenate([g[0] for g in groups]), np.concatenate([g[1] for g in groups])
    kind = np.repeat(np.arange(5), [len(g[0]) for g in groups])
    families = load_families(spec.text_families)
    family = _families(families, world, people, business, day, kind, rng)
    day = _mass_days(families, family, business, day, people, spec, rng)
    shares = np.array([d.share * d.report for d in world.districts])
    district = np.where(business >= 0, people.district[business], rng.choice(len(shares), size=len(business), p=shares / shares.sum()))
    second = day * 86_400 + _seconds(rng, len(day))
    return _with_duplicates(Tickets(second, business, district, family, np.arange(len(day)), families), spec, rng)


def _ordinary(spec: CitySpec, world: World, people: Population, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """Everyday disputes: more in some sectors, about companies and sloppy firms, and where people like to report."""
    report = np.array([d.report for d in world.districts])[people.district]
    begin = np.clip(people.established + 5, spec.first, spec.last - 1)
    end = np.where(people.closed > NO_DAY, np.clip(people.closed + 60, spec.first, spec.last), spec.last)
    alive = np.maximum(end - begin, 0)
    rate = world.sector_values("tickets")[people.sector] * np.where(people.company, 2.2, 1.0) * report * _STATE_FACTOR[people.state]
    rate = rate * rng.gamma(0.6, 1 / 0.6, len(people)) * alive
    wanted = _PER_YEAR * len(people) * spec.days / 365 * (1 - _NO_BUSINESS) * 0.94
    count = rng.poisson(rate * wanted / rate.sum())
    business = np.repeat(np.arange(len(people)), count)
    return business, begin[business] + (rng.random(len(business)) * alive[business]).astype(np.int64)


def _about_frauds(spec: CitySpec, world: World, people: Population, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """Victims file little while they are paid, much when payments stop; in a silent sector hardly at all."""
    firms = np.flatnonzero(people.state == FRAUD)
    stages = people.stages[firms]
    begin = np.where(stages > NO_DAY, stages, spec.last)
    end = np.minimum(np.concatenate([begin[:, 1:], begin[:, 3:] + 420], axis=1), spec.last)
    begin = np.maximum(begin, spec.first)
    length = np.maximum(end - begin, 0)
    report = (
        np.array([d.report for d in world.districts])[people.district[firms]] ** 0.6 * world.sector_values("report")[people.sector[firms]]
    )
    scale = people.victims[firms] ** 0.42 * report * rng.gamma(2.5, 1 / 2.5, len(firms))
    rate = np.minimum(scale[:, None] * _STAGE_RATE * length / 365, _FRAUD_CAP * np.array([0.1, 0.4, 0.5, 0.6]))
    count = rng.poisson(rate)
    which = np.repeat(np.arange(count.size), count.ravel())
    day = begin.ravel()[which] + (rng.random(len(which)) * length.ravel()[which]).astype(np.int64)
    return firms[which // 4], _in_campaigns(people, firms[which // 4], day, spec, rng)


def _in_campaigns(people: Population, business: Ints, day: Ints, spec: CitySpec, rng: np.random.Generator) -> Ints:
    """Sales meetings last 7–30 days and come again every two months: their tickets come in clumps."""
    sales = (people.category[business] == CATEGORIES.index("EF3")) & (stage_at(people.stages[business], day) == 2)
    start = people.stages[business, 1]
    round_no = (day - start) // 62
    clumped = start + round_no * 62 + (rng.random(len(day)) ** 1.5 * (7 + business % 24 + 9)).astype(np.int64)
    following = np.where(people.stages[business, 2] > NO_DAY, people.stages[business, 2], spec.last) - 1
    clumped = np.clip(clumped, np.maximum(start, spec.first), np.maximum(np.minimum(following, spec.last - 1), spec.first))
    return np.where(sales, clumped, day)


def _alleged(spec: CitySpec, world: World, people: Population, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """Draw the same wording about firms that exaggerate, and now and then about firms that did nothing."""
    has_category = np.array([bool(s.categories) for s in world.sectors])[people.sector]
    report = np.array([d.report for d in world.districts])[people.district]
    rate = np.where(people.state == MISLEADING, _MISLEADING_RATE, _FALSE_RATE) * has_category * (people.state != FRAUD) * report
    begin = np.clip(people.established + 15, spec.first, spec.last - 1)
    end = np.where(people.closed > NO_DAY, np.clip(people.closed, spec.first, spec.last), spec.last)
    count = rng.poisson(rate * np.maximum(end - begin, 0) / 365)
    business = np.repeat(np.arange(len(people)), count)
    return business, begin[business] + (rng.random(len(business)) * (end - begin)[business]).astype(np.int64)


def _families(
    families: tuple[Family, ...], world: World, people: Population, business: Ints, day: Ints, kind: Ints, rng: np.random.Generator
) -> Ints:
    """Draw a family for each ticket, among those that fit its label, stage and sector."""
    sector = np.where(business >= 0, people.sector[business], -1)
    default = np.array([CATEGORIES.index(max(s.categories, key=lambda c: s.categories[c])) if s.categories else 0 for s in world.sectors])
    category = np.where(kind == 1, people.category[business], np.where(kind == 2, default[sector], 0))
    category = np.where(kind == 3, rng.choice([1, 2, 3, 4, 5, 6], size=len(kind), p=[0.12, 0.2, 0.36, 0.04, 0.1, 0.18]), category)
    stage = np.where(
        kind == 1,
        stage_at(people.stages[business], day),
        np.where(kind == 2, rng.choice([1, 2], size=len(kind), p=[0.3, 0.7]), np.where(kind == 3, 2, 0)),
    )
    out = np.zeros(len(business), dtype=np.int64)
    keys = (category * 8 + stage) * 64 + sector + 1
    order = np.argsort(keys, kind="stable")
    bounds = np.flatnonzero(np.diff(keys[order], prepend=-1))
    for rows in np.split(order, bounds[1:]):
        at = int(rows[0])
        key = world.sectors[int(sector[at])].key if sector[at] >= 0 else ""
        fitting, weights = _fitting(families, CATEGORIES[int(category[at])], STAGES[int(stage[at])], key)
        out[rows] = rng.choice(fitting, size=len(rows), p=weights)
    return out


def _fitting(families: tuple[Family, ...], label: str, stage: str, sector: str) -> tuple[Ints, Floats]:
    """Families that fit; stage and then sector give way where nothing would be left."""
    if not label:
        plain = [i for i, f in enumerate(families) if f.label in ("EF0", "EFX")]
        rows = [i for i in plain if (families[i].about == "none") == (not sector)]
        rows = [i for i in rows if not families[i].sectors or sector in families[i].sectors]
    else:
        same = [i for i, f in enumerate(families) if f.label == label]
        own = [i for i in same if not sector or not families[i].sectors or sector in families[i].sectors] or same
        rows = [i for i in own if families[i].stage in ("", stage)] or own
    weights = np.array([families[i].weight for i in rows])
    return np.array(rows, dtype=np.int64), weights / weights.sum()


def _mass_days(
    families: tuple[Family, ...], family: Ints, business: Ints, day: Ints, people: Population, spec: CitySpec, rng: np.random.Generator
) -> Ints:
    """Professional claimants file their letters in bulk, within days."""
    mass, claimant, number = _claimants(spec, families, family, business)
    bases = spec.first + rng.integers(0, spec.days - 14, number)
    moved = bases[claimant] + rng.integers(0, 14, len(day))
    possible = mass & (moved > people.established[business]) & ((people.closed[business] <= NO_DAY) | (moved < people.closed[business]))
    return np.where(possible, moved, day)


def _claimants(spec: CitySpec, families: tuple[Family, ...], family: Ints, business: Ints) -> tuple[Bools, Ints, int]:
    """Which tickets are bulk letters, who of the few professional claimants wrote each, and how many of them there are."""
    number = max(2, spec.businesses // 2500)
    return np.array([f.mass for f in families])[family], (business * 7919 + family) % number, number


def _seconds(rng: np.random.Generator, n: int) -> Ints:
    hour = rng.choice(24, size=n, p=np.array([1, 1, 1, 1, 1, 2, 4, 8, 14, 16, 15, 12, 8, 9, 12, 13, 12, 10, 8, 8, 7, 5, 3, 2]) / 173)
    return hour * 3600 + rng.integers(0, 3600, n)


def _with_duplicates(tickets: Tickets, spec: CitySpec, rng: np.random.Generator) -> Tickets:
    """Let the same person file again, within weeks; then put everything in order of time."""
    n = len(tickets)
    label = np.array([f.label for f in tickets.families])[tickets.family]
    times = rng.poisson(np.where(label == "EF0", 0.035, 0.16))
    source = np.repeat(np.arange(n), times)
    second = tickets.second[source] + rng.integers(3_600, 20 * 86_400, len(source))
    source, second = source[second < spec.last * 86_400], second[second < spec.last * 86_400]
    rows = np.concatenate([np.arange(n), source])
    when = np.concatenate([tickets.second, second])
    order = np.lexsort((rows, when))
    place = np.empty(len(rows), dtype=np.int64)
    place[order] = np.arange(len(rows))
    rows = rows[order]
    return Tickets(when[order], tickets.business[rows], tickets.district[rows], tickets.family[rows], place[:n][rows], tickets.families)


def complaints(spec: CitySpec, world: World, people: Population, book: Register, tickets: Tickets) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Make the complaint table, and its truth."""
    rng = stream(spec, 4)
    n = len(tickets)
    ticket_id = _ticket_ids(spec, tickets)
    about = tickets.business >= 0
    known = tickets.business[about]
    short, wrong = _spoken_names(world, people, book, known, rng)
    names = [book.name.take(pa.array(known)), short, wrong]
    first_person = rng.random(n) < 0.42
    texts, yuan = _texts(spec, tickets, about, names, first_person)
    repeated = tickets.original != np.arange(n)
    columns = {
        "ticket_id": ticket_id,
        "channel": where(
            first_person,
            pick(rng, ["12315平台", "12315APP", "12315小程序", "来信来访", "网信转"], n, [40, 25, 25, 4, 6]),
            pick(rng, ["12345转", "12315电话", "12337", "消协"], n, [70, 24, 2, 4]),
        ),
        "reported_at": pa.array(tickets.second.astype("datetime64[s]")),
        "ticket_type": _types(tickets, rng),
        "title": _titles(tickets, about, short, rng),
        "text": texts,
        **_person(spec, world, tickets, rng),
        **_respondent(world, people, book, about, known, names, rng),
        **handling_columns(spec, world, people, tickets.business, tickets.families, tickets.family, tickets.day, yuan, rng),
        "division_code": where(rng.random(n) < 0.85, join(district_codes(spec, tickets.district), "000"), None),
        "place_text": where(
            rng.random(n) < 0.5,
            join(
                take([f"{world.city}市{d.name}" for d in world.districts], tickets.district),
                pick(rng, [f"{a}街道" for a in world.areas], n),
            ),
            None,
        ),
        "dup_of": where(repeated & (rng.random(n) < 0.6), ticket_id.take(pa.array(tickets.original)), None),
    }
    return frame(columns), _truth(people, book, tickets, ticket_id, yuan)


def _ticket_ids(spec: CitySpec, tickets: Tickets) -> pa.Array:
    """``1`` + division + ``00`` + day + number within the day, as hotlines write them."""
    day = tickets.day
    starts = np.searchsorted(day, day, side="left")
    stamp = pd.DatetimeIndex(day.astype("datetime64[D]").astype("datetime64[s]")).strftime("%Y%m%d")
    return join(f"1{spec.division}00", pa.array(list(stamp), pa.string()), padded(np.arange(len(day)) - starts + 1, 5))


def _spoken_names(world: World, people: Population, book: Register, known: Ints, rng: np.random.Generator) -> tuple[pa.Array, pa.Array]:
    """Make what people call a business, and a name that is nearly right."""
    brand, trade = book.brand.take(pa.array(known)), book.trade.take(pa.array(known))
    elderly_shop = np.isin(people.sector[known], [i for i, s in enumerate(world.sectors) if s.key in ("health", "device", "consult")])
    loose = where(
        elderly_shop, pick(rng, ["健康馆", "养生馆", "体验店", "保健品店"], len(known)), pick(rng, ["公司", "", "店", "那家"], len(known))
    )
    kept = rng.random(len(known)) < np.where(people.company[known], 0.35, 0.7)
    ending = where(kept, trade, loose)
    return join(brand, ending), join(_slip(world, brand, rng), ending)


def _slip(world: World, brand: pa.Array, rng: np.random.Generator) -> pa.Array:
    last = pick(rng, world.brand_last, len(brand))
    return join(pc.utf8_slice_codeunits(brand, 0, 1), last) if len(brand) else brand


def _texts(spec: CitySpec, tickets: Tickets, about: Bools, names: list[pa.Array], first_person: Bools) -> tuple[pa.Array, Ints]:
    """Render every ticket; a repeated ticket starts from the words of its original."""
    maker = TextMaker(spec.seed, tickets.families)
    mentions = map(Mention._make, zip(*(x.to_pylist() for x in names), strict=True))
    texts: list[str] = []
    yuan = np.zeros(len(tickets), dtype=np.int64)
    for row, (family, named, original, voice) in enumerate(
        zip(tickets.family.tolist(), about.tolist(), tickets.original.tolist(), first_person.tolist(), strict=True)
    ):
        mention = next(mentions) if named else None
        if original != row:
            texts.append(("再次反映:", "同一问题第二次投诉,", "", "补充:")[row % 4] + texts[original])
            yuan[row] = yuan[original]
        else:
            made = maker.render(family, mention, first_person=voice)
            texts.append(made.text)
            yuan[row] = made.yuan
    return pa.array(texts, pa.string()), yuan


def _types(tickets: Tickets, rng: np.random.Generator) -> pa.Array:
    """Draw the kind the recorder chose: often wrong, and never a label."""
    own = take([f.type for f in tickets.families], tickets.family)
    report = where(rng.random(len(tickets)) < 0.25, "举报", own)
    return where(rng.random(len(tickets)) < 0.12, pick(rng, ["投诉", "举报", "咨询", "求助", "建议"], len(tickets)), report)


def _titles(tickets: Tickets, about: Bools, short: pa.Array, rng: np.random.Generator) -> pa.Array:
    n = len(tickets)
    place = np.where(about, np.cumsum(about) - 1, 0)
    shop = short.take(pa.array(place)) if len(short) else pa.array(["商家"] * n)
    named = join(pick(rng, ["关于", "反映", "投诉"], n), shop, pick(rng, ["的问题", "消费纠纷", "的投诉", "有关情况"], n))
    plain = pick(rng, ["消费纠纷", "市民求助", "咨询有关问题", "要求核实处理", "其他"], n)
    return where(rng.random(n) < 0.15, None, where(about & (rng.random(n) < 0.7), named, plain))


def _person(spec: CitySpec, world: World, tickets: Tickets, rng: np.random.Generator) -> dict[str, pa.Array]:
    """Draw the complainant, whom the importer has to hash, mask or drop; a repeated ticket comes from the same person."""
    n = len(tickets)
    mass, claimant, number = _claimants(spec, tickets.families, tickets.family, tickets.business)
    person = pa.array(np.where(mass, claimant, number + tickets.original))
    m = number + n
    surname = pick(rng, list("王李张刘陈杨黄赵吴周徐孙"), m)
    name = join(surname, pick(rng, ["**", "某", "先生", "女士", "某某"], m)).take(person)
    identity = id_numbers(np.arange(m, dtype=np.int64), rng).take(person)
    home = join(
        pick(rng, world.areas, m), "花园", _small(rng, m, 1, 40), "栋", _small(rng, m, 1, 4), "单元", _small(rng, m, 101, 1802), "室"
    ).take(person)
    age = rng.integers(22, 86, n)
    return {
        "complainant_name": where(rng.random(n) < 0.06, None, name),
        "complainant_hash": where(rng.random(n) < 0.04, None, phones(rng, m).take(person)),
        "complainant_id": where(rng.random(n) < 0.06, identity, None),
        "complainant_address": where(rng.random(n) < 0.3, home, None),
        "complainant_age": pa.array(np.where(rng.random(n) < 0.25, age, 0), mask=rng.random(n) < 0.75),
        "complainant_gender": pick(rng, ["男", "女", "未知"], n),
    }


def _small(rng: np.random.Generator, n: int, low: int, high: int) -> pa.Array:
    return pa.array(rng.integers(low, high, n), pa.int64()).cast(pa.string())


def _respondent(
    world: World, people: Population, book: Register, about: Bools, known: Ints, names: list[pa.Array], rng: np.random.Generator
) -> dict[str, pa.Array]:
    """Fill the columns that should say who is meant: in full, informally, wrongly, or not at all."""
    n, m = len(about), len(known)
    draw = rng.random(m)
    name = where(draw < 0.44, names[0], where(draw < 0.7, names[1], where(draw < 0.76, names[2], None)))
    code = where(rng.random(m) < 0.07, book.uscc.take(pa.array(known)), None)
    address = where(rng.random(m) < 0.3, book.address.take(pa.array(known)), None)
    phone = where(rng.random(m) < 0.12, book.phone.take(pa.array(known)), None)
    row = pa.array(np.where(about, np.cumsum(about) - 1, 0), mask=~about)
    spread = {"respondent_name": name, "respondent_uscc": code, "respondent_address": address, "respondent_phone": phone}
    return {key: column.take(row) if m else pa.nulls(n, pa.string()) for key, column in spread.items()}


def _truth(people: Population, book: Register, tickets: Tickets, ticket_id: pa.Array, yuan: Ints) -> pd.DataFrame:
    families = tickets.families
    business = pa.array(np.maximum(tickets.business, 0), mask=tickets.business < 0)
    stage = np.array([STAGES.index(f.stage) for f in families])[tickets.family]
    columns = {
        "ticket_id": ticket_id,
        "latent_category": take([f.label for f in families], tickets.family),
        "latent_secondary": take([f.also for f in families], tickets.family),
        "latent_business": book.business_id.take(business),
        "latent_family": take([f.id for f in families], tickets.family),
        "latent_use": take([f.use for f in families], tickets.family),
        "latent_hard": take([f.hard for f in families], tickets.family),
        "latent_tactics": take([";".join(f.tactics) for f in families], tickets.family),
        "latent_stage": take(list(STAGES), stage),
        "latent_yuan": pa.array(yuan),
        "latent_original": ticket_id.take(pa.array(tickets.original)),
        "latent_state": take(
            [*("clean", "sloppy", "misleading", "fraud"), ""], np.where(tickets.business >= 0, people.state[tickets.business], 4)
        ),
    }
    return frame(columns)
