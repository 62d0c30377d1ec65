"""A run: from imported tables to a clue list, as of a date.

The steps work in a folder named by a digest of everything the run depends on, so a run that was interrupted goes on where it
stopped and ends with the same bytes.
"""

from __future__ import annotations

import datetime as dt
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fraudrisk.complaints.reader import ComplaintReader
from fraudrisk.errors import InputError
from fraudrisk.files import sweep
from fraudrisk.publish import publish
from fraudrisk.scoring import Leader
from fraudrisk.steps import Steps

if TYPE_CHECKING:
    import pandas as pd

    from fraudrisk.workspace import Workspace

__all__ = ["RunResult", "run"]

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class RunResult:
    """A finished run.

    Parameters
    ----------
    folder : Path
        Holds ``scores``, ``features``, ``contributions``, ``evidence``, ``selection`` and ``held`` as Parquet, ``线索清单.xlsx``, ``.csv`` and
        ``.jsonl``, ``暂缓核查.csv``, ``重点线索卡.html`` and ``cards.jsonl``.
    manifest : dict
        As-of date, inputs, versions, counts, settings, purpose.
    """

    folder: Path
    manifest: dict[str, Any]

    @classmethod
    def open(cls, folder: Path) -> RunResult:
        """Open a finished run."""
        return cls(folder, json.loads((folder / "manifest.json").read_text(encoding="utf-8")))

    def scores(self) -> pd.DataFrame:
        """Score, grade and index points of every business, by business."""
        return self._frame("scores")

    def features(self) -> pd.DataFrame:
        """Features of every business."""
        return self._frame("features")

    def clues(self) -> pd.DataFrame:
        """The clue list, in its Chinese columns, ids as text."""
        import pandas as pd

        return pd.read_csv(
            self.folder / "线索清单.csv", dtype={"线索编号": str, "统一社会信用代码": str, "街道/社区/网格": str}, encoding="utf-8-sig"
        )

    def evidence(self) -> pd.DataFrame:
        """Quoted records behind the listed businesses' points."""
        return self._frame("evidence")

    def contributions(self) -> pd.DataFrame:
        """Points of every indicator, for the listed businesses; a row sums to its score."""
        return self._frame("contributions")

    def selection(self) -> pd.DataFrame:
        """Why each listed business was chosen (定向 or 探索), with what chance, and of how many it was drawn (``pool``)."""
        return self._frame("selection")

    def held(self) -> pd.DataFrame:
        """Businesses that would be on the list and are not visited now, with the reason and what to do instead."""
        return self._frame("held")

    def cards(self) -> list[dict[str, Any]]:
        """Cards of the top clues, as plain JSON."""
        with (self.folder / "cards.jsonl").open(encoding="utf-8") as stream:
            return [json.loads(line) for line in stream]

    def _frame(self, name: str) -> pd.DataFrame:
        import pandas as pd

        return pd.read_parquet(self.folder / f"{name}.parquet")


def run(workspace: Workspace, as_of: dt.date, capacity: int, *, progress: Progress | None = None) -> RunResult:
    """Read, link, score and list.

    Parameters
    ----------
    workspace : Workspace
    as_of : datetime.date
        Nothing known on or after this day is used.
    capacity : int
        Most businesses on the list.
    progress : callable, optional
        Called with the step's name, what is done and what there is to do.

    Returns
    -------
    RunResult

    Raises
    ------
    InputError
        A capacity below 1, a date after tomorrow, no register, or no business known before the date.
    """
    _check(workspace, as_of, capacity)
    tell = progress or (lambda *_: None)
    folder = workspace.path / "runs" / as_of.isoformat()
    sweep(workspace.path)
    reader = ComplaintReader.load(pack=workspace.pack)
    leader = Leader.of_folder(workspace.path / "models", workspace.pack)
    steps = Steps(workspace, as_of, folder / "work", reader, tell, leader)
    steps.all()
    manifest = {
        "as_of": as_of.isoformat(),
        "capacity": capacity,
        "digest": steps.digest,
        "inputs": steps.inputs,
        "model": reader.model_id,
        "purpose": workspace.settings.purpose,
    }
    published = publish(workspace, steps.work, folder, as_of, capacity, manifest, leader, tell)
    for old in (folder / "work").iterdir():
        if old.name != steps.digest:
            shutil.rmtree(old, ignore_errors=True)
    return RunResult(folder, published)


def _check(workspace: Workspace, as_of: dt.date, capacity: int) -> None:
    if capacity < 1:
        raise InputError(
            f"a capacity of {capacity} leaves no list", where="capacity", mend="give the number of visits the team can make, at least 1"
        )
    tomorrow = dt.datetime.now().astimezone().date() + dt.timedelta(days=1)
    if as_of > tomorrow:
        raise InputError("the date lies in the future", where=f"as-of {as_of}", mend=f"give {tomorrow} or an earlier day")
    if "business" not in workspace.loaded:
        raise InputError(
            "there is no register to score", where=str(workspace.path), mend=f"import one: fraudrisk import {workspace.path} business FILE"
        )
