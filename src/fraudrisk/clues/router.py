"""Who owns a complaint, learned from cases that were decided before; the pack's rules give the reason and speak where there is no text."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from fraudrisk.bundle import load_bundle, save_bundle
from fraudrisk.complaints.classifier import ComplaintClassifier
from fraudrisk.complaints.grams import fold_text
from fraudrisk.complaints.reader import ComplaintReader, classifier_from
from fraudrisk.errors import InputError, NotFoundError
from fraudrisk.packs.loader import Pack
from fraudrisk.privacy import mask_text

__all__ = ["Router", "describe", "load_cases", "train_router"]

_SETTINGS = {"chars": (1, 2), "bits": 16}
"""Chosen over the hands: each was predicted by a model that learned from the others (docs/outcomes.md)."""
_KIND = "routes"
_VIEWS = ("text", "case")
_LEAST = 1e-6


class Router:
    """Two linear models, one over the words and one over words, business, category and tactics, each with half the say.

    Parameters
    ----------
    models : mapping of str to ComplaintClassifier
        ``text`` and ``case``.
    model_id : str

    Examples
    --------
    >>> router = Router.load()
    >>> told = "旅行社三十九元两日游，天天进店买玉石"
    >>> router.owners([told], [told])[0][0]
    '文旅'
    """

    def __init__(self, models: Mapping[str, ComplaintClassifier], model_id: str) -> None:
        self.models, self.model_id = dict(models), model_id

    @property
    def departments(self) -> list[str]:
        """Owners it knows."""
        return [str(c) for c in self.models["text"].classes_]

    @classmethod
    def load(cls, folder: str | Path | None = None) -> Router:
        """Load a router after checking every file; the shipped one where no folder is given.

        Raises
        ------
        NotFoundError, IntegrityError, InputError
            Not there; changed since it was saved; of another kind.
        """
        meta, arrays = load_bundle(Path(folder) if folder else _shipped(), _KIND)
        parts = {v: {k.removeprefix(f"{v}_"): a for k, a in arrays.items() if k.startswith(f"{v}_")} for v in _VIEWS}
        models = {v: classifier_from(meta[v], {**parts[v], "classes": arrays["classes"]}) for v in _VIEWS}
        return cls(models, str(meta["files"]["text_weights.npy"])[:16])

    def owners(self, texts: Sequence[str], cases: Sequence[str]) -> list[tuple[str, float, list[str]]]:
        """Owner, its probability, and the next likely ones (a tenth or more) of every case.

        Parameters
        ----------
        texts : sequence of str
            Masked and folded.
        cases : sequence of str
            As from :func:`describe`.
        """
        log = sum(np.log(self.models[v].predict_proba(given) + _LEAST) for v, given in (("text", texts), ("case", cases)))
        chance = np.exp(log / len(_VIEWS))
        chance /= chance.sum(axis=1, keepdims=True)
        order = np.argsort(-chance, axis=1, kind="stable")
        names = self.departments
        return [
            (names[row[0]], float(p[row[0]]), [names[k] for k in row[1:3] if p[k] >= 0.1]) for row, p in zip(order, chance, strict=True)
        ]

    def save(self, folder: Path, *, data: str, figures: Mapping[str, Any]) -> None:
        """Write the bundle: weights of the columns that were seen, no words."""
        arrays: dict[str, Any] = {"classes": self.models["text"].classes_.astype(str)}
        meta: dict[str, Any] = {"kind": _KIND, "data": data, "figures": dict(figures)}
        for view, model in self.models.items():
            arrays |= {
                f"{view}_columns": model.columns_,
                f"{view}_weights": model.coef_.astype(np.float16),
                f"{view}_idf": model.idf_,
                f"{view}_intercept": model.intercept_,
            }
            meta[view] = {"settings": model.get_params(), "temperature": model.temperature_}
        card = "\n".join(
            [
                "# Router", "", f"Learned from: {data}. Apache-2.0.", "", "Owner right on each hand, by a model that learned from the others:", "",
                *(f"- {hand}: {value}" for hand, value in figures.items()), "", "It proposes a department; people hand a clue on.", "",
            ]
        )  # fmt: skip
        save_bundle(folder, meta, arrays, card)


def describe(text: str, business: Mapping[str, Any] | None, category: str, tactics: Iterable[str], pack: Pack) -> str:
    """One case as the second model sees it: text, what is known of the business, category and tactics.

    Parameters
    ----------
    text : str
        Masked and folded.
    business : mapping, optional
        ``name, entity_type, scope, licences``.
    category : str
    tactics : iterable of str
    pack : Pack
    """
    firm = business or {}
    about = " ".join(str(firm[k]) for k in ("name", "entity_type", "scope") if firm.get(k)) + " " + " ".join(firm.get("licences") or ())
    short = {c.code: c.short for c in pack.taxonomy.categories}.get(category, "")
    return f"{text}\n{fold_text(mask_text(about)).strip()}\n{short}{category} {' '.join(tactics)}"


def load_cases(folder: Path) -> list[dict[str, Any]]:
    """Cases of every hand (``hand_*.jsonl``), each with its ``hand``.

    Raises
    ------
    InputError
        No such file, or a line without text or owner; names it.
    """
    rows = []
    for path in sorted(folder.glob("hand_*.jsonl")):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            row = json.loads(line)
            if not row.get("text") or not row.get("owner"):
                raise InputError("the case has no text or no owner", where=f"{path.name}, row {number}")
            rows.append({**row, "hand": path.stem})
    if not rows:
        raise InputError("there are no cases", where=str(folder), mend="name a folder with hand_*.jsonl")
    return rows


def train_router(rows: Sequence[Mapping[str, Any]], pack: Pack) -> tuple[Router, dict[str, str]]:
    """Learn from decided cases, and measure each hand by a router that learned from the others.

    Returns
    -------
    router, figures
        Hand to "right of all".
    """
    views = _views(rows, pack)
    owners = np.array([str(r["owner"]) for r in rows])
    hands = np.array([str(r["hand"]) for r in rows])
    figures = {}
    for hand in sorted(set(hands)) if len(set(hands)) > 1 else ():
        test = hands == hand
        learned = _fit(views, owners, hands, ~test)
        given = [[views[v][i] for i in np.flatnonzero(test)] for v in _VIEWS]
        right = sum(found[0] == owner for found, owner in zip(learned.owners(*given), owners[test], strict=True))
        figures[hand] = f"{right} of {int(test.sum())}"
    return _fit(views, owners, hands, np.ones(len(rows), bool)), figures


def _views(rows: Sequence[Mapping[str, Any]], pack: Pack) -> dict[str, list[str]]:
    reader = ComplaintReader.load(pack=pack)
    texts = [fold_text(mask_text(str(r["text"]))) for r in rows]
    read = reader.read_block([str(r["text"]) for r in rows], [""] * len(rows))
    cases = [
        describe(t, r.get("business"), str(r.get("category") or q["category"]), q["tactics"], pack)
        for t, r, q in zip(texts, rows, read, strict=True)
    ]
    return {"text": texts, "case": cases}


def _fit(views: Mapping[str, list[str]], owners: Any, hands: Any, rows: Any) -> Router:
    index = np.flatnonzero(rows)
    models = {
        v: ComplaintClassifier(**_SETTINGS).fit([views[v][i] for i in index], owners[rows], groups=list(hands[rows]))  # type: ignore[arg-type]
        for v in _VIEWS
    }
    return Router(models, "")


def _shipped() -> Path:
    inside = Path(str(files("fraudrisk"))) / "_models" / "routes"
    beside = Path(str(files("fraudrisk"))).parents[1] / "models" / "routes"
    for folder in (inside, beside):
        if (folder / "model.json").is_file():
            return folder
    raise NotFoundError(
        "the shipped router is missing", where=str(beside), mend="install the package again, or train one: fraudrisk train-routes"
    )
