"""``python -m docs.generate``: pages made from the code, so that they cannot disagree with it."""

from __future__ import annotations

import tempfile
from pathlib import Path
from xml.sax.saxutils import escape

from fraudrisk.config import Settings
from fraudrisk.packs import load_pack

DOCS = Path(__file__).parent


def settings() -> str:
    """Every setting, its default and meaning."""
    lines = [
        "# Settings",
        "",
        "In the workspace's `fraudrisk.toml`, or in the environment as `FRAUDRISK_<NAME>`, which wins. Generated from `fraudrisk.config`.",
        "",
    ]
    lines += ["| setting | default | meaning |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        default = "environment only" if name in ("hash_key", "ledger", "store") else f"`{field.default}`"
        lines.append(f"| `{name}` | {default} | {field.description} |")
    return "\n".join([*lines, ""])


def catalogue() -> str:
    """Every feature and indicator of the shipped pack."""
    pack = load_pack()
    lines = [
        "# Features and indicators",
        "",
        f"Pack {pack.version}. Generated from `packs/elder_fraud/indicators.yaml`; a table that was not loaded makes its features missing, and missing adds nothing.",
        "",
    ]
    lines += ["| feature | what it is | table | how | window (days) | unit | direction |", "|---|---|---|---|---|---|---|"]
    for f in pack.features:
        lines.append(
            f"| `{f.name}` | {f.doc} | {f.table} | {f.agg} | {f.window or ''} | {f.unit} | {'+0-'[f.direction % 3] if f.direction else ''} |".replace(
                "| 0 |", "|  |"
            )
        )
    lines += ["", "| id | index | indicator | feature | points | expires | counter-evidence |", "|---|---|---|---|---|---|---|"]
    for i in pack.indicators.indicators:
        p = i.points
        points = (
            ", ".join(f"{v:g} from {t:g}" for t, v in p.steps)
            if p.kind == "steps"
            else f"{p.per:g} × {'log10(1+value)' if p.kind == 'log10' else 'value'}, at most {p.max:g}"
        )
        lines.append(f"| {i.id} | {i.index} | {i.label} | `{i.feature}` | {points} | {i.expires} | {i.counter} |")
    return "\n".join([*lines, ""])


def picture() -> str:
    """The first lines of the synthetic city's list, as people see them."""
    from fraudrisk.demo import run_demo
    from fraudrisk.workspace import Workspace

    with tempfile.TemporaryDirectory() as folder:
        run_demo(Path(folder), businesses=20_000, seed=7, capacity=50, tell=lambda *_: None)
        clues = Workspace(Path(folder) / "office").result().clues().head(6).astype(object).to_dict("records")
    columns = [
        ("线索编号", 170),
        ("风险等级", 60),
        ("评分", 50),
        ("企业/项目名称", 210),
        ("涉诈类别", 170),
        ("主要理由", 400),
        ("建议责任单位", 110),
        ("紧急程度", 80),
    ]
    colours = {"D": "#F4B6B6", "C": "#F9D9A8", "B": "#FFF3B0", "A": "#DDEEDD"}
    width, x, parts = sum(w for _, w in columns), 0, []
    for name, w in columns:
        parts.append(
            f'<rect x="{x}" y="26" width="{w}" height="26" fill="#D9E2EC" stroke="#8895a7"/><text x="{x + 6}" y="44" font-weight="bold">{name}</text>'
        )
        x += w
    y = 52
    for clue in clues:
        reasons = str(clue["主要理由"]).split("\n")
        height = 20 * len(reasons) + 8
        x = 0
        for name, w in columns:
            fill = colours[str(clue["风险等级"])] if name == "风险等级" else "#fff"
            parts.append(f'<rect x="{x}" y="{y}" width="{w}" height="{height}" fill="{fill}" stroke="#c3ccd6"/>')
            for n, line in enumerate(reasons if name == "主要理由" else [str(clue[name])]):
                parts.append(f'<text x="{x + 6}" y="{y + 18 + 20 * n}">{escape(line)}</text>')
            x += w
        y += height
    notice = escape(load_pack().notice)
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {y + 6}" font-family="Noto Sans CJK SC, Microsoft YaHei, SimSun, sans-serif" font-size="12">'
    title = f'<text x="4" y="17" fill="#9C1C1C">{notice}（合成城市，均为虚构）</text>'
    return head + title + "".join(parts) + "</svg>\n"


if __name__ == "__main__":
    (DOCS / "settings.md").write_text(settings(), encoding="utf-8")
    (DOCS / "features.md").write_text(catalogue(), encoding="utf-8")
    (DOCS / "img" / "list.svg").write_text(picture(), encoding="utf-8")
