from __future__ import annotations

import pickle
from pathlib import Path

import jieba
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline

from fraudrisk.bundle import load_bundle
from fraudrisk.complaints import ComplaintClassifier
from fraudrisk.complaints.grams import GramHasher, fold_text
from fraudrisk.complaints.reader import classifier_from
from fraudrisk.complaints.tokens import Tokenizer
from fraudrisk.complaints.training import save_classifier, train_classifier
from fraudrisk.errors import InputError, IntegrityError

TEXTS = [
    "早上听课领鸡蛋卖磷虾肽",
    "免费体检查出大病要买药",
    "讲课卖床垫送面条",
    "健康讲座卖保健品",
    "路灯不亮",
    "公交车晚点",
    "楼上噪音扰民",
    "井盖坏了",
] * 4
LABELS = (["涉诈"] * 4 + ["普通"] * 4) * 4


@pytest.fixture(scope="module")
def model() -> ComplaintClassifier:
    return ComplaintClassifier(bits=14).fit(TEXTS, LABELS)


def test_learns_and_says_how_sure_it_is(model: ComplaintClassifier) -> None:
    assert model.predict(["听课送鸡蛋", "路灯又坏了"]).tolist() == ["涉诈", "普通"]
    p = model.predict_proba(TEXTS[:8])
    assert p.shape == (8, 2)
    assert np.allclose(p.sum(axis=1), 1)
    assert (model.classes_[p.argmax(axis=1)] == model.predict(TEXTS[:8])).all()
    d = model.decision_function(TEXTS[:8])
    assert d.shape == (8,)
    assert ((d > 0) == (model.predict(TEXTS[:8]) == model.classes_[1])).all()


@pytest.mark.parametrize("wrap", [list, pd.Series, np.array, pa.array, tuple, lambda t: pd.Series(t, dtype="string")])
def test_texts_of_every_kind(model: ComplaintClassifier, wrap: object) -> None:
    assert model.predict(wrap(TEXTS[:3])).tolist() == ["涉诈"] * 3  # type: ignore[operator]


def test_conventions(model: ComplaintClassifier) -> None:
    fresh = clone(model)
    assert fresh.get_params() == model.get_params()
    with pytest.raises(NotFittedError):
        fresh.predict(["a"])
    again = pickle.loads(pickle.dumps(model))
    assert (again.predict_proba(TEXTS) == model.predict_proba(TEXTS)).all()
    search = GridSearchCV(Pipeline([("c", ComplaintClassifier(bits=12))]), {"c__C": [0.5, 1.0]}, cv=2).fit(TEXTS, LABELS)
    assert search.best_score_ > 0.8
    three = ComplaintClassifier(bits=12).fit(["a b", "c d", "e f"] * 3, [1, 2, 3] * 3)
    assert three.decision_function(["a b"]).shape == (1, 3)
    assert three.predict(["c d"]).tolist() == [2]
    assert (ComplaintClassifier(bits=12).fit(TEXTS, LABELS).coef_ == ComplaintClassifier(bits=12).fit(TEXTS, LABELS).coef_).all()


@pytest.mark.parametrize(
    ("texts", "labels", "word"),
    [
        ([], [], "no text"),
        (["a"], ["x", "y"], "1 texts but 2"),
        (["a", "b"], ["x", "x"], "only one class"),
        ("abc", ["x"], "one string"),
        ([1, 2], ["x", "y"], "position 0"),
    ],
)
def test_bad_input_is_named(texts: object, labels: list[str], word: str) -> None:
    with pytest.raises(InputError, match=word):
        ComplaintClassifier().fit(texts, labels)  # type: ignore[arg-type]


@given(text=st.text(max_size=300))
def test_any_text_gets_its_own_answer(text: str) -> None:
    alone = MODEL.predict_proba([text])
    among = MODEL.predict_proba(["路灯不亮", text, "听课领鸡蛋"])
    assert np.array_equal(alone[0], among[1])


MODEL = ComplaintClassifier(bits=12).fit(TEXTS, LABELS)


@given(texts=st.lists(st.text(max_size=60), max_size=5))
def test_hashed_counts_do_not_depend_on_the_batch(texts: list[str]) -> None:
    hasher = GramHasher(bits=12)
    whole = hasher.transform(texts)
    for i, text in enumerate(texts):
        assert (whole[i] != hasher.transform([text])[0]).nnz == 0


def test_hashed_counts_count() -> None:
    one = GramHasher(chars=(1, 2), words=0, bits=16).transform(["ababa"])
    assert sorted(one.data.tolist()) == [2.0, 2.0, 2.0, 3.0]
    assert GramHasher(chars=(1, 1), words=0, bits=16).transform(["", "x"]).getnnz(axis=1).tolist() == [0, 1]


@given(text=st.text(max_size=80))
def test_folding_keeps_every_place(text: str) -> None:
    assert len(fold_text(text)) == len(text)


@pytest.mark.parametrize(
    "text", ["母亲花了3.6w买abc123-4号产品", "年化12.5%,共3万6", "QQ群和VX直播间", "price is 3.5%!", "老人养老院--退款++", ""]
)
def test_tokens_are_jiebas(text: str) -> None:
    assert Tokenizer().cut(text) == jieba.lcut(text)


def test_bundle_round_trip_and_tampering(tmp_path: Path, model: ComplaintClassifier) -> None:
    """Promise 7: nothing is loaded unchecked."""
    fitted, report = train_classifier(TEXTS, LABELS, bits=12)
    folder = tmp_path / "model"
    save_classifier(fitted, folder, report, data="test")
    meta, arrays = load_bundle(folder, "complaints")
    assert (classifier_from(meta, arrays).predict_proba(TEXTS) == fitted.predict_proba(TEXTS)).all()
    assert "macro-F1" in (folder / "CARD.md").read_text(encoding="utf-8")
    weights = folder / "weights.npy"
    raw = bytearray(weights.read_bytes())
    raw[-1] ^= 1
    weights.write_bytes(bytes(raw))
    with pytest.raises(IntegrityError, match="changed"):
        load_bundle(folder, "complaints")
    weights.unlink()
    with pytest.raises(IntegrityError, match="missing"):
        load_bundle(folder, "complaints")


def test_a_foreign_file_in_a_bundle_is_refused(tmp_path: Path) -> None:
    fitted, report = train_classifier(TEXTS, LABELS, bits=10)
    save_classifier(fitted, tmp_path / "m", report, data="test")
    (tmp_path / "m" / "extra.pkl").write_bytes(b"x")
    with pytest.raises(IntegrityError, match="not of this model"):
        load_bundle(tmp_path / "m", "complaints")


def test_model_files_hold_no_words(tmp_path: Path) -> None:
    """Promise 6: no vocabulary that could hold a name or a number."""
    fitted, report = train_classifier([t + "赵钱孙李独有词" for t in TEXTS], LABELS, bits=12)
    save_classifier(fitted, tmp_path / "m", report, data="test")
    blob = b"".join(p.read_bytes() for p in (tmp_path / "m").iterdir())
    assert "独有词".encode() not in blob
    assert "独有词".encode("utf-32-le") not in blob
