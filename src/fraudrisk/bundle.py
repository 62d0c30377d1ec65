"""A model as a folder: ``model.json`` names every file with its SHA-256; nothing is read before the digests agree."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from fraudrisk.errors import InputError, IntegrityError, NotFoundError
from fraudrisk.files import atomic_path, atomic_text, digest_file

__all__ = ["FORMAT", "load_bundle", "save_bundle"]

FORMAT = 1


def save_bundle(folder: Path, meta: dict[str, Any], arrays: dict[str, Any], card: str, *, texts: dict[str, str] | None = None) -> None:
    """Write a bundle whole: arrays without pickling, a card for people, and the manifest last.

    Parameters
    ----------
    folder : Path
        Replaced when it exists.
    meta : dict
        Plain JSON: kind, versions, metrics, data. Digests and ``format`` are added.
    arrays : dict of str to ndarray
        Numbers and fixed-width strings only.
    card : str
        Markdown for ``CARD.md``.
    texts : dict of str to str, optional
        Plain text parts, such as a LightGBM model.
    """
    building = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(building, ignore_errors=True)
    building.mkdir(parents=True)
    for name, array in arrays.items():
        with atomic_path(building / f"{name}.npy") as part, part.open("wb") as stream:
            np.save(stream, np.ascontiguousarray(array), allow_pickle=False)
    for name, text in {"CARD.md": card, **{f"{n}.txt": t for n, t in (texts or {}).items()}}.items():
        with atomic_text(building / name) as stream:
            stream.write(text)
    names = sorted(p.name for p in building.iterdir())
    manifest = {"format": FORMAT, **meta, "files": {n: digest_file(building / n) for n in names}}
    with atomic_text(building / "model.json") as stream:
        json.dump(manifest, stream, ensure_ascii=False, indent=1, sort_keys=True)
        stream.write("\n")
    shutil.rmtree(folder, ignore_errors=True)
    building.rename(folder)


def load_bundle(folder: Path, kind: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Read a bundle after checking every file against its digest.

    Returns
    -------
    meta, arrays
        The manifest, and the arrays and plain texts by name.

    Raises
    ------
    NotFoundError
        No bundle there.
    IntegrityError
        A file is missing, added or changed; names it.
    InputError
        Of another kind, or of a newer format.
    """
    path = folder / "model.json"
    if not path.is_file():
        raise NotFoundError("there is no model", where=str(folder), mend="name a folder that holds model.json")
    try:
        meta = json.loads(path.read_text(encoding="utf-8"))
        listed: dict[str, str] = dict(meta["files"])
    except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError, ValueError) as error:
        raise IntegrityError("the model's manifest is damaged", where=str(path), mend="take the model from its source again") from error
    if meta.get("format", 0) > FORMAT:
        raise InputError(
            f"the model is of format {meta['format']}, newer than this version reads", where=str(path), mend="upgrade fraudrisk"
        )
    if meta.get("kind") != kind:
        raise InputError(f"this is a model of kind '{meta.get('kind')}', not '{kind}'", where=str(path))
    present = {p.name for p in folder.iterdir() if p.is_file()} - {"model.json"}
    for name in sorted(present ^ set(listed)):
        raise IntegrityError(
            f"a file is {'missing' if name in listed else 'not of this model'}",
            where=str(folder / name),
            mend="take the model from its source again",
        )
    arrays: dict[str, Any] = {}
    for name, digest in listed.items():
        raw = (folder / name).read_bytes()  # read once: what is checked is what is loaded
        if hashlib.sha256(raw).hexdigest() != digest:
            raise IntegrityError(
                "a file was changed since the model was saved", where=str(folder / name), mend="take the model from its source again"
            )
        if name.endswith(".npy"):
            arrays[name[:-4]] = np.load(io.BytesIO(raw), allow_pickle=False)
        elif name.endswith(".txt"):
            arrays[name[:-4]] = raw.decode("utf-8")
    return meta, arrays
