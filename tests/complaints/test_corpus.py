from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from fraudrisk.complaints.corpus import FAMILIES, faults
from fraudrisk.complaints.training import load_corpus
from fraudrisk.packs import Pack

FOLDER = Path(__file__).parents[2] / "data" / "samples" / "complaints"


@pytest.fixture(scope="module")
def rows() -> list[dict]:  # type: ignore[type-arg]
    return load_corpus(FOLDER)


def test_the_corpus_keeps_its_own_rules(rows: list[dict], pack: Pack) -> None:  # type: ignore[type-arg]
    assert list(faults(rows, pack))[:10] == []


def test_it_is_large_and_covers_everything(rows: list[dict], pack: Pack) -> None:  # type: ignore[type-arg]
    assert len(rows) >= 3000
    assert {r["label"] for r in rows} == set(pack.category_labels)
    assert {s["tactic"] for r in rows for s in r["spans"]} >= set(pack.tactic_labels)
    families = Counter(r["family"] for r in rows if r["family"])
    assert {f: n for f, n in families.items() if n < 60} == {}
    assert set(families) == set(FAMILIES)


def test_a_third_of_fraud_has_no_obvious_word(rows: list[dict]) -> None:  # type: ignore[type-arg]
    obvious = ("保健品", "养老", "投资", "骗", "非法集资", "利息", "会销", "讲座", "传销")
    fraud = [r["text"] for r in rows if r["label"] != "EF0"]
    assert sum(not any(w in t for w in obvious) for t in fraud) / len(fraud) > 0.33


def test_test_hands_are_apart(rows: list[dict]) -> None:  # type: ignore[type-arg]
    train = {r["text"] for r in rows if not r["writer"].startswith("test_")}
    test = [r for r in rows if r["writer"].startswith("test_")]
    assert len(test) >= 250
    assert not train & {r["text"] for r in test}


def test_the_rules_catch_what_they_are_for(rows: list[dict], pack: Pack) -> None:  # type: ignore[type-arg]
    row = next(r for r in rows if r["label"] == "EF3")
    bad = [
        {**row, "id": "a", "spans": [{"tactic": "T01", "quote": "没有这句话"}]},
        {**row, "id": "b", "label": "EF9"},
        {**row, "id": "c", "family": "plain"},
        {**row, "id": "d", "stage": "后来"},
        {**row, "id": "e", "respondent": "不存在的店"},
        {**row, "id": "f", "text": row["text"] + "电话138 1234 5678"},
        {**row, "id": "g", "amount_yuan": -1},
        {k: v for k, v in row.items() if k != "stage"} | {"id": "h"},
    ]
    for each in bad:
        assert list(faults([each], pack)), each["id"]
    assert any("too much like" in f for f in faults([row, {**row, "id": "copy"}], pack))
