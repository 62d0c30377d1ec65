"""The columns that come with handling a complaint: amount, categories, demand, clocks, results."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from fraudrisk.simulate.arrays import NO_DAY, Ints, dates, pick, take, where
from fraudrisk.simulate.latent import FRAUD, Population
from fraudrisk.simulate.texts import Family
from fraudrisk.simulate.world import CitySpec, World

__all__ = ["handling_columns"]

_ISSUES = ("售后服务", "合同", "质量", "虚假宣传", "价格", "广告", "服务质量", "不正当竞争", "食品安全", "其他")
_DEMANDS = ("退款", "赔偿", "查处", "核实回复", "退货", "更换", "道歉", "")
_ORDINARY = (
    "经调解,双方达成一致,商家退还部分费用。",
    "经核查,商家证照齐全,未发现违法行为,已告知投诉人。",
    "已责令商家整改,诉求人表示满意。",
    "双方分歧较大,终止调解,建议通过诉讼解决。",
    "不属于市场监管职责,已转相关部门办理。",
    "已电话解答。",
    "经多次联系,诉求人电话无人接听,予以办结。",
)
_GRAVE = (
    "经现场核查,该场所大门紧锁,已无人经营,建议诉求人报案。",
    "经核查,该店存在夸大宣传,已立案调查。",
    "反映问题涉及其他部门职责,已函告相关部门并抄送公安。",
    "经约谈,经营者承诺分期退款。",
    "经核查,未发现明显违法行为,已提醒经营者规范经营。",
    "双方分歧较大,终止调解,建议通过诉讼解决。",
)


def handling_columns(
    spec: CitySpec,
    world: World,
    people: Population,
    business: Ints,
    families: tuple[Family, ...],
    family: Ints,
    day: Ints,
    yuan: Ints,
    rng: np.random.Generator,
) -> dict[str, pa.Array]:
    """Columns from the amount to the satisfaction, with the clocks cut off at the end of the window."""
    n = len(day)
    draw = rng.random(n)
    amount = np.where(draw < 0.45, yuan, np.where(draw < 0.8, 0, -1)).astype(float)
    objects = [s.object for s in world.sectors]
    sector = np.where(business >= 0, people.sector[business], -1)
    own = take([*objects, "其他服务"], np.where(sector >= 0, sector, len(objects)))
    draw = rng.random(n)
    grave = np.array([f.label not in ("EF0", "EFX") for f in families])[family]
    issue = np.where(grave & (rng.random(n) < 0.4), _ISSUES.index("虚假宣传"), rng.integers(0, len(_ISSUES), n))
    return {
        "object_category": where(draw < 0.12, None, where(draw < 0.26, pick(rng, objects, n), own)),
        "issue_category": where(rng.random(n) < 0.2, None, take(_ISSUES, issue)),
        "amount_yuan": pa.array(amount, mask=amount < 0),
        "demand": pick(rng, _DEMANDS, n),
        **_clocks(spec, people, business, grave, day, yuan, rng),
        "satisfaction": pick(rng, ["满意", "基本满意", "不满意", "未回访", ""], n, [0.3, 0.2, 0.12, 0.18, 0.2]),
    }


def _clocks(
    spec: CitySpec, people: Population, business: Ints, grave: np.ndarray, day: Ints, yuan: Ints, rng: np.random.Generator
) -> dict[str, pa.Array]:
    n = len(day)
    accepted = day + rng.integers(0, 8, n)
    closed = accepted + np.minimum(3 + rng.exponential(18, n), 180).astype(np.int64)
    accepted = np.where((rng.random(n) < 0.93) & (accepted < spec.last), accepted, NO_DAY)
    closed = np.where((closed < spec.last) & (rng.random(n) < 0.96), closed, NO_DAY)
    filed = np.where(rng.random(n) < np.where(grave, 0.1, 0.03), day + rng.integers(8, 30, n), NO_DAY)
    done = closed > NO_DAY
    fraud = grave & (business >= 0) & (people.state[business] == FRAUD)
    paid = done & (yuan > 0) & (rng.random(n) < np.where(fraud, 0.15, 0.35))
    share = rng.choice([0.3, 0.5, 0.8, 1.0], n)
    outcome = pick(rng, ["达成调解", "终止调解", "撤回投诉", "不予受理"], n, [0.45, 0.3, 0.12, 0.13])
    told = np.where(grave, rng.random(n) < 0.8, rng.random(n) < 0.04)  # what was found is often not written down
    result = where(told, pick(rng, _GRAVE, n, [0.18, 0.12, 0.14, 0.14, 0.26, 0.16]), pick(rng, _ORDINARY, n))
    return {
        "accepted_on": dates(accepted),
        "mediation_result": where(done & (rng.random(n) < 0.6), outcome, None),
        "filed_on": dates(np.where(filed < spec.last, filed, NO_DAY)),
        "closed_on": dates(closed),
        "result_text": where(done, result, None),
        "recovered_yuan": pa.array(np.where(paid, np.round(yuan * share), 0.0), mask=~done),
    }
