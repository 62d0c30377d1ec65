"""Read complaints: each text once, everything that is wanted of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fraudrisk.bundle import load_bundle
from fraudrisk.complaints.classifier import ComplaintClassifier, as_texts
from fraudrisk.complaints.facts import FactFinder
from fraudrisk.complaints.grams import fold_text
from fraudrisk.complaints.lexicon import Span, TacticFinder
from fraudrisk.errors import InputError, NotFoundError
from fraudrisk.files import digest_bytes
from fraudrisk.packs import Pack, load_pack
from fraudrisk.privacy import mask_text
from fraudrisk.records.cleaning import clean_text

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["COLUMNS", "ComplaintReader"]

COLUMNS = ("id", "category", "confidence", "secondary", "tactics", "stage", "elderly", "amount_yuan", "respondent", "evidence")
"""What reading gives, in this order."""

_SECONDARY = 0.2
_BLOCK = 4096
_LONGEST = 20_000
"""Characters of one text that are read; nobody's complaint is longer, and time stays bounded."""


class ComplaintReader:
    """Reads complaint texts: category, tactics with quoted words, stage, elderly, amount, respondent.

    Parameters
    ----------
    classifier : ComplaintClassifier
        Fitted; its labels are the categories.
    pack : Pack
        Whose lexicon finds the tactics.
    model_id : str
        Names the model and the pack: readings with the same id are alike.

    Examples
    --------
    >>> reader = ComplaintReader.load()
    >>> reading = reader.read(["来电人称其父亲每天早上去听课领鸡蛋,花了三万六买磷虾肽,降压药都停了"]).iloc[0]
    >>> reading["category"], float(reading["amount_yuan"])
    ('EF3', 36000.0)
    """

    def __init__(self, classifier: ComplaintClassifier, pack: Pack, model_id: str = "") -> None:
        self.classifier, self.pack = classifier, pack
        self.model_id = digest_bytes(model_id, pack.digest)
        self._facts = FactFinder(pack)
        self._tactics = TacticFinder(pack.lexicon)
        self._fraud = np.isin(classifier.classes_, pack.fraud_categories)
        self._plain = pack.taxonomy.default_category
        # where a fraud complaint names no stage, money is being taken: the stage that must not be missed
        self._usual = max(pack.taxonomy.stages, key=lambda s: s.urgency).code if pack.taxonomy.stages else None

    @classmethod
    def load(cls, path: str | Path | None = None, pack: Pack | None = None) -> ComplaintReader:
        """Load a model folder; the shipped default where no path is given.

        Raises
        ------
        NotFoundError, IntegrityError
            No model there, or one whose files are not what its manifest says.
        """
        folder = Path(path) if path else default_model()
        meta, arrays = load_bundle(folder, "complaints")
        classifier = classifier_from(meta, arrays)
        return cls(classifier, pack or load_pack(), digest_bytes(*(f"{k}{v}" for k, v in sorted(meta["files"].items()))))

    def read(self, texts: Any, *, titles: Sequence[str | None] | None = None, ids: Sequence[Any] | None = None) -> pd.DataFrame:
        """Read texts, one row each, in order.

        Parameters
        ----------
        texts : sequence of str, or data frame
            A frame has ``text`` and, optionally, ``title`` and ``id``.
        titles, ids : sequences, optional

        Returns
        -------
        pandas.DataFrame
            :data:`COLUMNS`; ``evidence`` is a list of ``{tactic, quote, start, end}`` with offsets into the masked text,
            which ``frame.attrs["masked"]`` holds.

        Raises
        ------
        InputError
            A frame without ``text``, or something that is no text; names the position.
        """
        import pandas as pd

        if not isinstance(texts, str) and hasattr(texts, "columns"):
            texts, titles, ids = _from_frame(texts)
        given = as_texts(texts)
        names = [""] * len(given) if titles is None else as_texts(titles)
        rows = [
            row
            for start in range(0, len(given), _BLOCK)
            for row in self.read_block(given[start : start + _BLOCK], names[start : start + _BLOCK])
        ]
        frame = pd.DataFrame(rows, columns=[*COLUMNS[1:], *DETAILS])
        frame.insert(0, "id", list(ids) if ids is not None else list(range(len(given))))
        masked = frame.pop("masked").tolist()
        frame = frame[list(COLUMNS)]
        frame.attrs["masked"] = masked
        return frame

    def read_block(self, texts: list[str], titles: list[str]) -> Iterator[dict[str, Any]]:
        """Read some texts; every row has :data:`COLUMNS` (without ``id``) and :data:`DETAILS`."""
        masked = [mask_text(clean_text(t[:_LONGEST])) for t in texts]
        heads = [mask_text(clean_text(t[:200])) for t in titles]
        folded = [fold_text(t) for t in masked]
        cores = [self._facts.core(t) for t in folded]
        views = [_view(h, f[a:b]) for h, f, (a, b) in zip(heads, folded, cores, strict=True)]
        probabilities = self.classifier.predict_proba(views) if views else np.empty((0, len(self.classifier.classes_)))
        for i in range(len(texts)):
            yield self._row(masked[i], folded[i], cores[i], views[i], probabilities[i])

    def _row(self, masked: str, folded: str, core: tuple[int, int], view: str, p: Any) -> dict[str, Any]:
        classes = self.classifier.classes_
        place = core[0]
        text = folded[place : core[1]]
        best = int(p.argmax())
        if not any(c.isalpha() for c in view):  # nothing to read: emoji, digits, punctuation
            best, p = (
                int(np.flatnonzero(classes == self._plain)[0]) if self._plain in classes else best,
                np.full(len(classes), 1 / len(classes)),
            )
        fraud = bool(self._fraud[best])
        professional = self._facts.professional(text)
        spans = self._tactics.find(text) if fraud and not professional else []
        amount = self._facts.amount(folded[place:])
        stage = self._facts.stage(folded[place:]) if fraud else None
        promised = self._facts.promised_return(text, float(str(amount.value)) if amount else None) if fraud else None
        respondent = self._facts.respondent(folded[place:])
        return {
            "category": str(classes[best]),
            "confidence": round(float(p[best]), 4),
            "secondary": self._second(p, best) if fraud else None,
            "tactics": sorted({s.tactic for s in spans}),
            "stage": stage.value if stage else self._usual if fraud else None,
            "elderly": self._facts.elderly(view),
            "amount_yuan": amount.value if amount else None,
            "respondent": _quote(masked, respondent, place),
            "evidence": _evidence(spans, masked, place),
            "promised_return": promised.value if promised else None,
            "professional_claim": professional,
            "text_key": digest_bytes("".join(c for c in folded[core[0] : core[1]] if c.isalnum())),
            "stage_quote": _quote(masked, stage, place),
            "amount_quote": _quote(masked, amount, place),
            "return_quote": _quote(masked, promised, place),
            "opening": masked[core[0] : core[1]][:40] or None,
            "masked": masked,
        }

    def _second(self, p: Any, best: int) -> str | None:
        rest = np.where(self._fraud, p, 0.0)
        rest[best] = 0.0
        second = int(rest.argmax())
        return str(self.classifier.classes_[second]) if rest[second] >= _SECONDARY else None


DETAILS = ("promised_return", "professional_claim", "text_key", "stage_quote", "amount_quote", "return_quote", "opening", "masked")
"""What the workspace stores beside :data:`COLUMNS`."""


def default_model() -> Path:
    """Folder of the shipped model: in the installed package, or ``models/complaints`` of the source tree."""
    inside = Path(str(files("fraudrisk"))) / "_models" / "complaints"
    beside = Path(str(files("fraudrisk"))).parents[1] / "models" / "complaints"
    for folder in (inside, beside):
        if (folder / "model.json").is_file():
            return folder
    raise NotFoundError(
        "the shipped model is missing", where=str(beside), mend="install the package again, or train one: fraudrisk train-classifier"
    )


def classifier_from(meta: dict[str, Any], arrays: dict[str, Any]) -> ComplaintClassifier:
    """Rebuild a classifier from its bundle."""
    settings = dict(meta["settings"])
    settings["chars"] = tuple(settings["chars"])
    model = ComplaintClassifier(**settings)
    width = 1 << model.bits
    model.classes_ = arrays["classes"]
    model.coef_ = np.zeros((len(model.classes_), width), np.float32)
    model.coef_[:, arrays["columns"]] = arrays["weights"]
    model.idf_ = np.zeros(width, np.float32)
    model.idf_[arrays["columns"]] = arrays["idf"]
    model.intercept_ = arrays["intercept"]
    model.temperature_ = float(meta["temperature"])
    model.n_features_in_ = 1
    return model


def _from_frame(frame: Any) -> tuple[Any, Any, Any]:
    if "text" not in frame.columns:
        raise InputError(
            "there is no column 'text'",
            where=f"columns {', '.join(map(str, list(frame.columns)[:12]))}",
            mend="name the text column 'text'",
        )
    return frame["text"], frame["title"] if "title" in frame.columns else None, frame["id"] if "id" in frame.columns else None


def _view(title: str, text: str) -> str:
    """What the classifier sees: the title, where it says more than the text, and the text."""
    title = "" if title in ("无", "") or title in text else title
    return f"{title}\n{text}" if title else text


def _evidence(spans: list[Span], masked: str, offset: int) -> list[dict[str, Any]]:
    return [
        {"tactic": s.tactic, "quote": masked[offset + s.start : offset + s.end], "start": offset + s.start, "end": offset + s.end}
        for s in spans
    ]


def _quote(masked: str, found: Any, offset: int) -> str | None:
    return masked[offset + found.start : offset + found.start + len(found.quote)] if found else None
