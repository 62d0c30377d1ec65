"""Routing: an owner from the closed list, by conduct, with the reason and the others who must come."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from fraudrisk.cli import app
from fraudrisk.clues.router import Router, load_cases, train_router
from fraudrisk.clues.routing import route
from fraudrisk.clues.routing_files import route_file
from fraudrisk.errors import InputError, IntegrityError
from fraudrisk.packs import Pack

SAMPLES = Path(__file__).parents[2] / "data" / "samples" / "routes"


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("*.jsonl")), ids=lambda p: p.stem)
def test_cases_of_other_hands(path: Path, pack: Pack, tmp_path: Path) -> None:
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    source, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text(
        "\n".join(json.dumps({k: r[k] for k in ("id", "text", "category", "business")}, ensure_ascii=False) for r in rows), encoding="utf-8"
    )
    route_file(source, out, pack=pack)
    got = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert [g["id"] for g in got] == [r["id"] for r in rows]
    assert sum(g["owner"] == r["owner"] for g, r in zip(got, rows, strict=True)) >= 0.8 * len(rows)
    assert all(
        g["owner"] in pack.routing.departments and set(g["also"]) <= set(pack.routing.departments) - {g["owner"]} and g["reason"]
        for g in got
    )


@given(
    text=st.text(max_size=80),
    category=st.sampled_from(["EF0", "EF1", "EF2", "EF3", "EF4", "EF5", "EF6", "EFX"]),
    uscc=st.sampled_from(["", "52", "91"]),
)
def test_the_owner_is_always_a_department(pack: Pack, text: str, category: str, uscc: str) -> None:
    found = route(pack, category, [], uscc, text=text)
    assert found.owner in pack.routing.departments
    assert found.owner not in found.also


def test_a_hand_the_router_never_saw(pack: Pack) -> None:
    rows = load_cases(SAMPLES)
    last = max(r["hand"] for r in rows)
    _, figures = train_router(rows, pack)
    right, all_ = (int(n) for n in figures[last].split(" of "))
    assert right >= 0.8 * all_
    assert sum(int(v.split(" of ")[0]) for v in figures.values()) >= 0.85 * len(rows)


def test_the_shipped_router_is_what_the_cases_make(pack: Pack, tmp_path: Path) -> None:
    rows = load_cases(SAMPLES)
    router, figures = train_router(rows, pack)
    hands = len(figures)
    router.save(
        tmp_path / "routes", data=f"{len(rows)} cases by {hands} hands, written for this project (data/samples/routes)", figures=figures
    )
    shipped = Path(__file__).parents[2] / "models" / "routes"
    assert {p.name: p.read_bytes() for p in (tmp_path / "routes").iterdir()} == {p.name: p.read_bytes() for p in shipped.iterdir()}
    (tmp_path / "routes" / "CARD.md").write_text("x")
    with pytest.raises(IntegrityError, match="changed"):
        Router.load(tmp_path / "routes")


def test_the_command_names_what_is_wrong(tmp_path: Path) -> None:
    source, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    for line, message in (
        ('{"id": "1", "text": "x", "category": "EF9"}', "EF9"),
        ('{"id": "1", "text": "x", "business": {"phone": "1"}}', "other keys"),
        ("{", "damaged JSON"),
        ('{"id": "1", "text": 5}', "no text"),
    ):
        source.write_text(line, encoding="utf-8")
        with pytest.raises(InputError, match=message):
            route_file(source, out)
        assert not out.exists()
    source.write_text('{"id": "1", "text": "养老院收了我妈五万床位费，说不住每年给利息", "category": null}\n', encoding="utf-8")
    done = CliRunner().invoke(app, ["route", str(source), "--out", str(out)])
    assert done.exit_code == 0, done.output
    assert json.loads(out.read_text(encoding="utf-8"))["owner"] == "民政"
