"""One folder = one jurisdiction's tables, readings and runs; the notebook's way in."""

from __future__ import annotations

import datetime as dt
import json
import os
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fraudrisk.config import Settings, load_settings
from fraudrisk.errors import InputError, IntegrityError, NotFoundError
from fraudrisk.files import atomic_text, digest_bytes, digest_file, sweep
from fraudrisk.packs import Pack, load_pack
from fraudrisk.privacy import KeyedHash
from fraudrisk.records.importing import write_source
from fraudrisk.records.rejects import RejectReport
from fraudrisk.records.tables import TABLES, get_table

if TYPE_CHECKING:
    import pandas as pd

    from fraudrisk.run import RunResult

__all__ = ["Import", "Workspace"]

_MARK = "workspace.json"
FORMAT = 1


@dataclass(frozen=True, slots=True)
class Import:
    """One import into a table."""

    table: str
    import_id: str
    source: str
    rows_in: int
    rows_kept: int
    rows_rejected: int
    notices: tuple[str, ...] = ()
    repeated: bool = False


class Workspace:
    """A folder of cleaned tables, readings and runs.

    Parameters
    ----------
    path : str or Path
        Made by :meth:`create`.

    Raises
    ------
    NotFoundError
        No workspace there.
    IntegrityError
        Half written, or of a newer format.

    Examples
    --------
    >>> import tempfile, pandas as pd, datetime as dt
    >>> ws = Workspace.create(tempfile.mkdtemp() + "/office", division="330299")
    >>> done = ws.import_table("business", pd.DataFrame({"企业名称": ["云州康寿健康咨询有限公司"], "成立日期": ["2025-03-01"]}))
    >>> done.rows_in, done.rows_kept, ws.loaded
    (1, 1, ('business',))
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        mark = self.path / _MARK
        if not mark.is_file():
            raise NotFoundError("there is no workspace here", where=str(self.path), mend=f"make one: fraudrisk init {self.path}")
        try:
            self.meta: dict[str, Any] = json.loads(mark.read_text(encoding="utf-8"))
            newer = int(self.meta["format"]) > FORMAT
        except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError, ValueError) as error:
            raise IntegrityError(
                "the workspace is half written or damaged", where=str(mark), mend="restore the folder, or make a new one and import again"
            ) from error
        if newer:
            raise IntegrityError(
                f"the workspace is of format {self.meta['format']}, newer than this version reads",
                where=str(mark),
                mend="upgrade fraudrisk",
            )
        self.settings: Settings = load_settings(self.path)

    @classmethod
    def create(cls, path: str | Path, *, division: str = "000000", pack: str = "elder_fraud") -> Workspace:
        """Make a new workspace; an existing one is opened as it is.

        Raises
        ------
        InputError
            The folder holds something else, or a setting is wrong.
        """
        folder = Path(path)
        if (folder / _MARK).is_file():
            return cls(folder)
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise InputError("the folder is not empty and no workspace", where=str(folder), mend="name a new folder")
        load_pack(pack)
        Settings(division=division, pack=pack) if division.isdigit() and len(division) == 6 else _bad_division(division)
        with atomic_text(folder / "fraudrisk.toml") as stream:
            stream.write(
                f'# Settings of this workspace; docs/settings.md explains each.\ndivision = "{division}"\npack = {json.dumps(pack, ensure_ascii=False)}\n'
            )
        key = folder / ".hash_key"
        descriptor = os.open(key, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as secret:
            secret.write(secrets.token_hex(32))
        with atomic_text(folder / _MARK) as stream:
            json.dump({"format": FORMAT}, stream)
        return cls(folder)

    # -- what is in it -------------------------------------------------------------------------------------------------

    @cached_property
    def pack(self) -> Pack:
        """The pack of this workspace."""
        named = self.path / self.settings.pack
        return load_pack(named if (named / "taxonomy.yaml").is_file() else self.settings.pack)

    @property
    def loaded(self) -> tuple[str, ...]:
        """Tables that hold rows."""
        return tuple(t for t in TABLES if self.imports(t))

    def imports(self, table: str) -> list[dict[str, Any]]:
        """Manifests of a table's imports, in the order they were made.

        Raises
        ------
        IntegrityError
            An import whose file is missing or damaged; names it.
        """
        found = []
        for path in sorted((self.path / "tables" / get_table(table).name).glob("*.json")):
            try:
                manifest = json.loads(path.read_text(encoding="utf-8"))
                data = path.with_suffix(".parquet")
                if data.stat().st_size != manifest["bytes"]:
                    raise IntegrityError(
                        "an imported table is damaged", where=str(data), mend="delete it and its .json, and import the file again"
                    )
            except (json.JSONDecodeError, KeyError, OSError) as error:
                raise IntegrityError("an import is half written", where=str(path), mend="delete it and import the file again") from error
            found.append(manifest)
        return sorted(found, key=lambda m: m["number"])

    def files(self, table: str) -> list[Path]:
        """Parquet files of a table, in import order."""
        return [self.path / "tables" / table / f"{m['import_id']}.parquet" for m in self.imports(table)]

    def reading_path(self, model_id: str, source: Path) -> Path:
        """Where the readings of a complaint import are kept: by model, so that a new model reads anew."""
        return self.path / "derived" / "readings" / model_id / source.name

    def table(self, name: str) -> pd.DataFrame:
        """All imported rows of a table.

        Raises
        ------
        NotFoundError
            The table is unknown, or nothing was imported into it.
        """
        import pandas as pd

        files = self.files(get_table(name).name)
        if not files:
            raise NotFoundError(f"nothing was imported into '{name}'", mend=f"fraudrisk import {self.path} {name} FILE")
        return pd.concat([pd.read_parquet(f) for f in files], ignore_index=True)

    # -- reading files in ----------------------------------------------------------------------------------------------

    def import_table(
        self,
        table: str,
        source: Any,
        *,
        known_at: dt.date | None = None,
        rename: Mapping[str, str] | None = None,
        sheet: str | None = None,
        query: str | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> Import:
        """Clean a source into a table of this workspace; the same source again changes nothing.

        Parameters
        ----------
        table : str
            Canonical or Chinese name.
        source : path, SQLAlchemy URL, or data frame
        known_at, rename, sheet, query
            As for :func:`fraudrisk.records.importing.clean_source`.

        Raises
        ------
        InputError
            Names file, row, column and the mend; earlier imports stay as they are.
        """
        declared = get_table(table)
        folder = self.path / "tables" / declared.name
        sweep(folder)
        known = self.imports(declared.name)
        import_id = _identity(source, declared.name, (known_at, rename, sheet, query))
        for manifest in known:
            if manifest["import_id"] == import_id:
                return Import(
                    declared.name,
                    import_id,
                    manifest["source"],
                    manifest["rows_in"],
                    manifest["rows_kept"],
                    manifest["rows_rejected"],
                    repeated=True,
                )
        data = folder / f"{import_id}.parquet"
        settings = self.settings
        report = write_source(
            source, declared, data, hasher=KeyedHash(self._key()), known_at=known_at, rename=rename, sheet=sheet, query=query,
            batch_rows=settings.batch_rows, max_chars=settings.max_cell_chars, progress=progress,
        )  # fmt: skip
        report.write(self.path / "rejects" / declared.name / f"{import_id}.csv")
        self._record(report, declared.name, import_id, len(known) + 1, data)
        return Import(declared.name, import_id, report.file, report.rows_in, report.rows_kept, report.rows_rejected, tuple(report.notices))

    def _record(self, report: RejectReport, table: str, import_id: str, number: int, data: Path) -> None:
        """The manifest is written last: without it an import does not exist."""
        manifest = {
            "import_id": import_id, "number": number, "table": table, "source": report.file, "rows_in": report.rows_in, "rows_kept": report.rows_kept,
            "rows_rejected": report.rows_rejected, "bytes": data.stat().st_size, "reasons": report.reasons("row"), "repairs": report.reasons("repair"),
            "cells": report.reasons("cell"), "notices": report.notices,
        }  # fmt: skip
        with atomic_text(data.with_suffix(".json")) as stream:
            json.dump(manifest, stream, ensure_ascii=False, indent=1)

    def _key(self) -> bytes:
        if self.settings.hash_key:
            return self.settings.hash_key.get_secret_value().encode()
        path = self.path / ".hash_key"
        if not path.is_file():
            raise IntegrityError("the workspace's hash key is missing", where=str(path), mend="restore it, or set FRAUDRISK_HASH_KEY")
        return bytes.fromhex(path.read_text().strip())

    # -- working -------------------------------------------------------------------------------------------------------

    def run(self, as_of: dt.date, capacity: int, *, progress: Callable[[str, int, int], None] | None = None) -> RunResult:
        """Read, link, score and list as of a date; see :func:`fraudrisk.run.run`."""
        from fraudrisk.run import run

        return run(self, as_of, capacity, progress=progress)

    def explain(self, business: str, as_of: dt.date | None = None) -> str:
        """Why a business has its score; see :func:`fraudrisk.explaining.explain_business`."""
        from fraudrisk.explaining import explain_business

        return explain_business(self, business, as_of)

    def runs(self) -> list[dt.date]:
        """Dates of the finished runs, oldest first."""
        return sorted(dt.date.fromisoformat(p.parent.name) for p in (self.path / "runs").glob("*/manifest.json"))

    def result(self, as_of: dt.date | None = None) -> RunResult:
        """The finished run of a date, or the latest.

        Raises
        ------
        NotFoundError
            No such run.
        """
        from fraudrisk.run import RunResult

        done = self.runs()
        if not done or (as_of and as_of not in done):
            raise NotFoundError(
                "there is no finished run" + (f" of {as_of}" if as_of else ""),
                where=str(self.path),
                mend=f"fraudrisk run {self.path} --as-of DATE --capacity N",
            )
        return RunResult.open(self.path / "runs" / (as_of or done[-1]).isoformat())


def _bad_division(division: str) -> None:
    raise InputError("a division code has six digits", where=f"division '{division}'", mend="give the GB/T 2260 code, such as 330299")


def _identity(source: Any, table: str, options: tuple[Any, ...]) -> str:
    """A name for what is imported: the file's bytes, or the frame's content, with everything that changes its meaning."""
    if isinstance(source, str | Path) and Path(source).is_file():
        content = digest_file(Path(source))
    elif isinstance(source, str | Path):
        content = f"{source} {dt.datetime.now().astimezone().isoformat()}" if "://" in str(source) else str(source)
    else:
        import pyarrow as pa

        sink = pa.BufferOutputStream()
        frame = source if isinstance(source, pa.Table) else pa.table(source)
        with pa.ipc.new_stream(sink, frame.schema) as writer:
            writer.write_table(frame)
        content = digest_bytes(sink.getvalue().to_pybytes())
    return digest_bytes(content, table, repr(options))
