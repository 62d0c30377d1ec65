"""Read complaints: each text once, everything that is wanted of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fraudrisk.bundle import load_bundle
from fraudrisk.complaints.classifier import ComplaintClassifier, as_texts
from fraudrisk.complaints.facts import FactFinder, Found
from fraudrisk.complaints.grams import letters_of
from fraudrisk.complaints.lexicon import Span, TacticFinder
from fraudrisk.complaints.parts import ReaderParts
from fraudrisk.complaints.views import view_texts
from fraudrisk.errors import InputError, NotFoundError
from fraudrisk.files import digest_bytes
from fraudrisk.packs import Pack, load_pack

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["COLUMNS", "ComplaintReader"]

COLUMNS = ("id", "category", "confidence", "secondary", "tactics", "stage", "elderly", "amount_yuan", "respondent", "evidence")
"""What reading gives, in this order."""

_SECONDARY = 0.2
_SENTENCE = re.compile(r"[\u3002\uff01\uff1f!?\uff1b;\n]")
_DILUTED, _PART = 220, 160
"""Characters from which a text is also read in parts, and the least length of a part."""
_BLOCK = 4096
_TOGETHER = 512
"""Fraud texts whose clauses are weighed together: bounds memory where every text is long."""


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
    parts : ReaderParts, optional
        What the model learned beside the category; without it the pack's patterns and rules do the work.
    abstain : float
        The category is left empty (None) where its confidence is below this; 0 always answers. Everything else is still given,
        so that a person can decide quickly.

    Examples
    --------
    >>> reader = ComplaintReader.load()
    >>> reading = reader.read(["来电人称其父亲每天早上去听课领鸡蛋,花了三万六买磷虾肽,降压药都停了"]).iloc[0]
    >>> reading["category"], float(reading["amount_yuan"])
    ('EF3', 36000.0)
    """

    def __init__(
        self, classifier: ComplaintClassifier, pack: Pack, model_id: str = "", parts: ReaderParts | None = None, *, abstain: float = 0.0
    ) -> None:
        if not 0 <= abstain <= 1:
            raise InputError("abstain is no probability", where=f"abstain={abstain}", mend="give a number from 0 to 1")
        self.classifier, self.pack, self.parts, self.abstain = classifier, pack, parts, abstain
        self.model_id = digest_bytes(model_id, pack.digest)
        self._facts = FactFinder(pack)
        self._tactics = TacticFinder(pack.lexicon)
        self._fraud = np.isin(classifier.classes_, pack.fraud_categories)
        self._is_fraud = {str(c): bool(f) for c, f in zip(classifier.classes_, self._fraud, strict=True)}
        self._threshold = parts.threshold if parts else 0.5
        self._plain = pack.taxonomy.default_category
        # where a fraud complaint names no stage, money is being taken: the stage that must not be missed
        self._usual = max(pack.taxonomy.stages, key=lambda s: s.urgency).code if pack.taxonomy.stages else None

    @classmethod
    def load(cls, path: str | Path | None = None, pack: Pack | None = None, *, abstain: float = 0.0) -> ComplaintReader:
        """Load a model folder; the shipped default where no path is given.

        Raises
        ------
        NotFoundError, IntegrityError, InputError
            No model there; one whose files are not what its manifest says; one of another version.
        """
        folder = Path(path) if path else default_model()
        meta, arrays = load_bundle(folder, "complaints")
        try:
            classifier = classifier_from(meta, arrays)
            parts = ReaderParts.from_arrays(meta, arrays) if "parts" in meta else None
        except KeyError as error:
            raise InputError(
                "another version of fraudrisk made this model", where=f"{folder}: {error} is not in it", mend="train it again"
            ) from error
        model_id = digest_bytes(*(f"{k}{v}" for k, v in sorted(meta["files"].items())))
        return cls(classifier, pack or load_pack(), model_id, parts, abstain=abstain)

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
        columns: dict[str, Any] = {"id": list(ids) if ids is not None else list(range(len(given)))}
        columns |= {name: [row[name] for row in rows] for name in COLUMNS[1:]}
        frame = pd.DataFrame(columns)
        frame.attrs["masked"] = [row["masked"] for row in rows]
        return frame

    def read_block(self, texts: list[str], titles: list[str]) -> Iterator[dict[str, Any]]:
        """Read some texts; every row has :data:`COLUMNS` (without ``id``), what a run stores beside them, and the masked text."""
        seen = view_texts(texts, titles, self._facts)
        views, bodies = seen.texts, seen.bodies
        if not views:
            return
        features = self.classifier.features(views)
        probabilities = self._probabilities(features, views)
        chosen = self._categories(probabilities, views)
        shown = self._shown(features, bodies, [self._is_fraud[c] for c, _ in chosen])
        columns = zip(
            seen.masked,
            bodies,
            seen.starts,
            chosen,
            probabilities,
            shown,
            self._amounts(features, bodies),
            self.respondents(bodies, features),
            self._elderly(features, views),
            self._facts.professionals(bodies),
            letters_of(bodies),
            strict=True,
        )
        for text, body, start, (category, confidence), p, tactics, amount, respondent, elderly, professional, letters in columns:
            yield self._row(
                _Body(text, body, start), category, confidence, p, tactics, amount, respondent, elderly, professional, digest_bytes(letters)
            )

    def _probabilities(self, features: Any, views: list[str]) -> Any:
        """Of each category. A long text is also read in parts, so that what matters is not drowned by what surrounds it.

        The part that speaks most for fraud counts as much as the whole.
        """
        scores = self.classifier.scores(features)
        parts = [(i, part) for i, view in enumerate(views) if len(view) > _DILUTED for part in _parts(view)]
        if parts and self._fraud.any() and not self._fraud.all():
            owner = np.array([i for i, _ in parts])
            apart = self.classifier.scores(self.classifier.features([part for _, part in parts]))
            margin = apart[:, self._fraud].max(axis=1) - apart[:, ~self._fraud].max(axis=1)
            first = np.flatnonzero(np.diff(owner, prepend=-1))
            best = np.lexsort((-margin, owner))[first]
            scores[owner[first]] = (scores[owner[first]] + apart[best]) / 2
        return self.classifier.probabilities(scores)

    def _categories(self, p: Any, views: list[str]) -> list[tuple[str, float]]:
        """The most probable category of each text; a fraud one where fraud as a whole is probable enough."""
        classes = [str(c) for c in self.classifier.classes_]
        if self._fraud.any() and not self._fraud.all():
            is_fraud = p[:, self._fraud].sum(axis=1) >= self._threshold
            best = np.where(is_fraud[:, None] == self._fraud, p, -1.0).argmax(axis=1)
        else:
            best = p.argmax(axis=1)
        sure = p[np.arange(len(p)), best].tolist()
        chosen = [(classes[k], round(q, 4)) for k, q in zip(best.tolist(), sure, strict=True)]
        for i, view in enumerate(views):
            if not any(map(str.isalpha, view)):  # nothing to read: emoji, digits, punctuation
                plain = self._plain if self._plain in classes else classes[int(p[i].argmax())]
                chosen[i] = plain, round(1 / len(classes), 4)
        return chosen

    def _shown(self, features: Any, bodies: list[str], fraud: list[bool]) -> list[_Shown]:
        """Spans, stage and the words of the stage of every text; only fraud is looked into."""
        out: list[_Shown] = [([], None, None)] * len(bodies)
        which = [i for i, is_fraud in enumerate(fraud) if is_fraud]
        for start in range(0, len(which), _TOGETHER):
            some = which[start : start + _TOGETHER]
            for i, shown in zip(some, self._look(features[some], [bodies[i] for i in some]), strict=True):
                out[i] = shown
        return out

    def _look(self, features: Any, texts: list[str]) -> list[_Shown]:
        """Spans, stage and the words of the stage of fraud texts."""
        found = [self._tactics.find(t) for t in texts]
        said = [self._facts.stage(t) for t in texts]
        if self.parts is None:
            return [(spans, str(words.value) if words else self._usual, words) for spans, words in zip(found, said, strict=True)]
        flags = [self._facts.flags(t, spans) for t, spans in zip(texts, found, strict=True)]
        tactics, stages, quote = self.parts.schemes.decide(features, flags, texts, self.classifier.features)
        out: list[_Shown] = []
        for k, (spans, words, wanted, stage) in enumerate(zip(found, said, tactics, stages, strict=True)):
            missing = [t for t in wanted if t not in {s.tactic for s in spans}]
            unsaid = [] if stage is None or (words and words.value == stage) else [stage]
            more = quote(k, missing + unsaid)
            shown = [s for s in spans if s.tactic in wanted] + [s for s in more if s.tactic != stage]
            of_stage = words if words and words.value == stage else None
            of_stage = next((Found(s.tactic, s.quote, s.start) for s in more if s.tactic == stage), of_stage)
            out.append((sorted(shown, key=lambda s: (s.start, s.end, s.tactic)), stage, of_stage))
        return out

    def _amounts(self, features: Any, bodies: list[str]) -> list[Found | None]:
        if self.parts is None:
            return [self._facts.amount(b) for b in bodies]
        return [
            None if a is None else Found(a.yuan, b[a.start : a.end], a.start)
            for a, b in zip(self.parts.payments.total(bodies, features), bodies, strict=True)
        ]

    def _elderly(self, features: Any, views: list[str]) -> list[str]:
        if self.parts is None:
            return [self._facts.elderly(v) for v in views]
        return self.parts.elderly.decide(features, self._facts.elderly_flags_of(views))

    def respondents(self, bodies: list[str], features: Any = None) -> list[Found | None]:
        """Who is complained of in each folded text; `features` as the classifier weighs them, where they are at hand."""
        if self.parts is None:
            return [self._facts.respondent(b) for b in bodies]
        places = self.parts.names.find(bodies, self.classifier.features(bodies) if features is None else features)
        return [Found(b[slice(*p)], b[slice(*p)], p[0]) if p else None for b, p in zip(bodies, places, strict=True)]

    def _row(
        self,
        body: _Body,
        category: str,
        confidence: float,
        p: Any,
        shown: _Shown,
        amount: Found | None,
        respondent: Found | None,
        elderly: str,
        professional: bool,
        text_key: str,
    ) -> dict[str, Any]:
        spans, stage, stage_words = shown
        fraud = self._is_fraud[category]
        if professional:
            spans = []
        paid = float(str(amount.value)) if amount else None
        promised = self._facts.promised_return(body.text, paid) if fraud else None
        return {
            "category": category if confidence >= self.abstain else None,
            "confidence": confidence,
            "secondary": self._second(p, category) if fraud else None,
            "tactics": sorted({s.tactic for s in spans}),
            "stage": stage,
            "elderly": elderly,
            "amount_yuan": paid,
            "respondent": body.quote(respondent),
            "evidence": [
                {"tactic": s.tactic, "quote": body.words(s.start, s.end), "start": body.place + s.start, "end": body.place + s.end}
                for s in spans
            ],
            "promised_return": promised.value if promised else None,
            "professional_claim": professional,
            "text_key": text_key,
            "stage_quote": body.quote(stage_words),
            "amount_quote": body.quote(amount),
            "return_quote": body.quote(promised),
            "opening": body.words(0, 40) or None,
            "masked": body.masked,
        }

    def _second(self, p: Any, category: str) -> str | None:
        rest = np.where(self._fraud & (self.classifier.classes_ != category), p, 0.0)
        second = int(rest.argmax())
        return str(self.classifier.classes_[second]) if rest[second] >= _SECONDARY else None


_Shown = tuple[list[Span], str | None, Found | None]


@dataclass(frozen=True, slots=True)
class _Body:
    """A text without its ticket template: folded for matching, masked for quoting; places differ by ``place``."""

    masked: str
    text: str
    place: int

    def words(self, start: int, end: int) -> str:
        return self.masked[self.place + start : self.place + min(end, len(self.text))]

    def quote(self, found: Found | None) -> str | None:
        return self.words(found.start, found.start + len(found.quote)) if found else None


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
    model.classes_, model.columns_, model.idf_ = arrays["classes"], arrays["columns"], arrays["idf"]
    model.coef_ = arrays["weights"].astype(np.float32)
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


def _parts(text: str) -> list[str]:
    """Whole sentences joined to parts of some length."""
    parts, start = [], 0
    for end in [m.end() for m in _SENTENCE.finditer(text)] + [len(text)]:
        if end - start >= _PART or (end == len(text) and end - start > _PART // 8):
            parts.append(text[start:end])
            start = end
    return parts or [text]
