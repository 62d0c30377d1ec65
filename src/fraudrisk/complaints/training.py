"""Learn a classifier from a labelled table or the project's corpus, and save it as a checked bundle."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fraudrisk.bundle import save_bundle
from fraudrisk.complaints.classifier import ComplaintClassifier
from fraudrisk.complaints.facts import FactFinder
from fraudrisk.complaints.grams import fold_text
from fraudrisk.complaints.heads import ElderlyHead
from fraudrisk.complaints.lexicon import TacticFinder
from fraudrisk.complaints.names import NameFinder
from fraudrisk.complaints.parts import ReaderParts
from fraudrisk.complaints.payments import PaymentModel
from fraudrisk.complaints.schemes import SchemeHeads
from fraudrisk.complaints.views import view_texts
from fraudrisk.errors import InputError
from fraudrisk.packs import load_pack
from fraudrisk.privacy import mask_text
from fraudrisk.records.cleaning import clean_text

__all__ = ["load_corpus", "prepare", "save_classifier", "train_classifier", "train_parts"]


def prepare(texts: Sequence[str], titles: Sequence[str | None] | None = None) -> list[str]:
    """Texts as the classifier sees them: cleaned, masked, folded, without ticket templates, the title in front."""
    return view_texts(texts, titles, FactFinder(load_pack())).texts


def load_corpus(folder: Path) -> list[dict[str, Any]]:
    """The labelled texts of ``data/samples/complaints``, in a fixed order, each with its ``writer``.

    Raises
    ------
    InputError
        No text there, or a damaged line; names file and row.
    """
    rows: list[dict[str, Any]] = []
    for path in sorted(folder.glob("*.jsonl")):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            try:
                rows.append({**json.loads(line), "writer": path.stem})
            except json.JSONDecodeError as error:
                raise InputError("damaged JSON", where=f"{path.name}, row {number}", mend="write the line again") from error
    if not rows:
        raise InputError("there is no corpus", where=str(folder), mend="name the folder that holds the labelled .jsonl files")
    return rows


def train_classifier(
    texts: Sequence[str], labels: Sequence[Any], *, groups: Sequence[str] | None = None, **settings: Any
) -> tuple[ComplaintClassifier, dict[str, Any]]:
    """Fit on prepared texts, and measure by cross-validation what it will do on others.

    Returns
    -------
    model, report
        ``report`` has ``rows``, ``macro_f1``, ``accuracy`` and ``classes`` (per class: precision, recall, f1, support), out of
        fold: by writer where `groups` are given, else stratified.
    """
    from sklearn.metrics import classification_report
    from sklearn.model_selection import GroupKFold, StratifiedKFold, cross_val_predict

    y = np.asarray([str(label) for label in labels])
    model = ComplaintClassifier(**settings)
    smallest = int(np.unique(y, return_counts=True)[1].min()) if len(y) else 0
    n_groups = len(set(groups)) if groups is not None else 0
    report: dict[str, Any] = {"rows": len(y), "how": "none: a class has fewer than two texts"}
    if n_groups >= 2 or smallest >= 2:
        by_writer = n_groups >= 2
        folds: Any = GroupKFold(min(5, n_groups)) if by_writer else StratifiedKFold(min(5, smallest), shuffle=True, random_state=0)
        guessed = cross_val_predict(ComplaintClassifier(**{**settings, "folds": 1}), list(texts), y, cv=folds, groups=groups)
        scores = classification_report(y, guessed, output_dict=True, zero_division=0)
        report |= {
            "how": f"{folds.get_n_splits(texts, y, groups)} folds, "
            + ("each by writers the model had not seen" if by_writer else "stratified, seed 0"),
            "accuracy": round(scores["accuracy"], 4),
            "macro_f1": round(scores["macro avg"]["f1-score"], 4),
            "classes": {c: {k.replace("f1-score", "f1"): round(v, 4) for k, v in scores[c].items()} for c in map(str, np.unique(y))},
        }
    model.fit(list(texts), y, groups=groups)
    return model, report


def train_parts(model: ComplaintClassifier, rows: Sequence[dict[str, Any]], *, threshold: float) -> ReaderParts:
    """Learn tactics, stage, respondents and payments from the corpus, over the features of a fitted classifier."""
    pack = load_pack()
    facts, finder = FactFinder(pack), TacticFinder(pack.lexicon)
    seen = view_texts([r["text"] for r in rows], [r.get("title") for r in rows], facts)
    views, bodies = seen.texts, seen.bodies
    fraud = [i for i, r in enumerate(rows) if r["label"] in pack.fraud_categories]
    features = model.features(views)
    schemes = SchemeHeads.fit(
        features[fraud],
        [facts.flags(bodies[i], finder.find(bodies[i])) for i in fraud],
        [bodies[i] for i in fraud],
        [[(s["tactic"], _folded(s["quote"])) for s in rows[i]["spans"] if s["tactic"]] for i in fraud],
        [rows[i]["stage"] for i in fraud],
        sorted(pack.tactic_labels),
        [rows[i]["writer"] for i in fraud],
        model.features,
    )
    names = [_folded(r["respondent"]) if r["respondent"] else None for r in rows]
    elderly = ElderlyHead.fit(features, [facts.elderly_flags(v) for v in views], [r["elderly"] for r in rows])
    writers = [r["writer"] for r in rows]
    payments = PaymentModel.fit(bodies, [r["amount_yuan"] for r in rows], features, writers)
    return ReaderParts(schemes, elderly, NameFinder.fit(bodies, names, features, writers), payments, threshold)


def _folded(words: str) -> str:
    return fold_text(mask_text(clean_text(words)))


def save_classifier(
    model: ComplaintClassifier, folder: Path, report: dict[str, Any], *, data: str, licence: str = "", parts: ReaderParts | None = None
) -> None:
    """Write the model's folder: weights of the columns that were seen, and a card with the per-class figures."""
    arrays = {
        "classes": model.classes_.astype(str),
        "columns": model.columns_,
        "weights": model.coef_,
        "idf": model.idf_,
        "intercept": model.intercept_,
    }
    meta = {
        "kind": "complaints",
        "settings": model.get_params(),
        "temperature": model.temperature_,
        "report": report,
        "data": data,
        "licence": licence,
    }
    if parts:
        arrays |= parts.arrays()
        meta["parts"] = parts.meta()
    save_bundle(folder, meta, arrays, _card(model, report, data, licence))


def _card(model: ComplaintClassifier, report: dict[str, Any], data: str, licence: str) -> str:
    lines = [
        "# Complaint classifier",
        "",
        f"Learned from: {data}. {licence}".strip(),
        "",
        f"Texts: {report['rows']}. Classes: {len(model.classes_)}. Settings: `{model.get_params()}`.",
        "",
        f"Measured out of fold ({report['how']}):",
    ]
    if "classes" in report:
        lines += [
            "",
            f"accuracy {report['accuracy']:.3f}, macro-F1 {report['macro_f1']:.3f}",
            "",
            "| class | precision | recall | F1 | texts |",
            "|---|---|---|---|---|",
        ]
        lines += [
            f"| {c} | {v['precision']:.3f} | {v['recall']:.3f} | {v['f1']:.3f} | {v['support']:.0f} |" for c, v in report["classes"].items()
        ]
    lines += [
        "",
        "The model holds hashed column numbers and weights, no words. It names leads, not findings: every clue is checked by people.",
        "",
    ]
    return "\n".join(lines)
