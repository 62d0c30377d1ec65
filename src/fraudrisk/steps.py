"""From imported tables to scores as of a date, in steps that survive being killed: what a run and a backtest share.

Every step writes one file, whole or not at all; a step whose file is there is not done again. Where no register was imported,
every subject the records name is a business: one table alone can be scored.
"""

from __future__ import annotations

import datetime as dt
import json
import shutil
from collections.abc import Callable, Iterator
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from fraudrisk import __version__
from fraudrisk.complaints.reader import ComplaintReader
from fraudrisk.engines import Duck
from fraudrisk.errors import InputError
from fraudrisk.features import fact_sql, feature_sql, register_sql
from fraudrisk.files import atomic_path, digest_bytes, write_parquet
from fraudrisk.linking import make_keys, resolve_complaints, resolve_records, subject_links, subject_rows
from fraudrisk.scoring import Leader, score_batches

if TYPE_CHECKING:
    from fraudrisk.workspace import Workspace

__all__ = ["READING_SCHEMA", "Steps"]

READING_SCHEMA = pa.schema(
    [
        ("record_id", pa.string()),
        ("category", pa.string()),
        ("confidence", pa.float64()),
        ("secondary", pa.string()),
        ("tactics", pa.list_(pa.string())),
        ("stage", pa.string()),
        ("elderly", pa.string()),
        ("amount_yuan", pa.float64()),
        ("respondent", pa.string()),
        ("evidence", pa.list_(pa.struct([("tactic", pa.string()), ("quote", pa.string()), ("start", pa.int64()), ("end", pa.int64())]))),
        ("promised_return", pa.float64()),
        ("professional_claim", pa.bool_()),
        ("text_key", pa.string()),
        ("stage_quote", pa.string()),
        ("amount_quote", pa.string()),
        ("return_quote", pa.string()),
        ("opening", pa.string()),
    ]
)
"""What is stored of a reading; the text itself is not stored again."""

_BLOCK = 8192
Progress = Callable[[str, int, int], None]


class Steps:
    """The steps of one date, each a file in the work folder.

    Parameters
    ----------
    workspace : Workspace
    as_of : datetime.date
    folder : Path
        Work folders, named by :attr:`digest`, are made below it.
    reader : ComplaintReader
    tell : callable
        Called with the step's name, what is done and what there is to do.
    leader : Leader, optional
        What scores; the pack's points where not given (a replay compares ways to order, and none of them leads yet).
    """

    def __init__(
        self, workspace: Workspace, as_of: dt.date, folder: Path, reader: ComplaintReader, tell: Progress, leader: Leader | None = None
    ) -> None:
        self.workspace, self.as_of, self.reader, self.tell = workspace, as_of, reader, tell
        self.pack = workspace.pack
        self.leader = leader or Leader.of_pack(self.pack)
        self.inputs = {t: [m["import_id"] for m in workspace.imports(t)] for t in workspace.loaded}
        self.events = [t for t in self.inputs if t != "business"]
        self.work = folder / self.digest
        self.work.mkdir(parents=True, exist_ok=True)

    @cached_property
    def digest(self) -> str:
        """Names everything the steps depend on."""
        return digest_bytes(
            json.dumps(self.inputs, sort_keys=True),
            self.pack.digest,
            self.reader.model_id,
            self.leader.digest,
            self.as_of.isoformat(),
            __version__,
        )

    def all(self) -> None:
        """Do what is not done yet: links, facts, features, scores."""
        self._upto("scores", self._score)

    def facts(self) -> None:
        """Only links and facts: what had happened by the date, and to whom."""
        self._upto(f"fact_{self.events[-1]}", lambda _: None)

    def _upto(self, last: str, finish: Callable[[Duck], None]) -> None:
        if (self.work / f"{last}.parquet").is_file():
            return
        if "complaint" in self.events:
            self.readings()
        with Duck(memory=self.workspace.settings.engine_memory, spill=self.work / "spill") as duck:
            self._rows(duck)
            self._register(duck)
            self._links(duck)
            self._facts(duck)
            finish(duck)
        shutil.rmtree(self.work / "spill", ignore_errors=True)

    def readings(self) -> None:
        """Read every complaint that this model has not read yet; each import is one file."""
        for source in self.workspace.files("complaint"):
            target = self.workspace.reading_path(self.reader.model_id, source)
            if not target.is_file():
                with atomic_path(target) as part, pq.ParquetWriter(part, READING_SCHEMA, compression="zstd") as writer:
                    for table in _read(self.reader, source, self.tell):
                        writer.write_table(table)

    def _rows(self, duck: Duck) -> None:
        for table in self.workspace.loaded:
            files = self.workspace.files(table)
            parts = " UNION ALL BY NAME ".join(f"SELECT *, {n} AS import_no FROM rows_{table}_{n}" for n in range(len(files)))
            for n, file in enumerate(files):
                duck.view(f"rows_{table}_{n}", [file])
            duck.execute(f"CREATE OR REPLACE VIEW {table}_rows AS {parts}")
        if "business" not in self.inputs:
            duck.view("business_rows", subject_rows(duck, self.events))
        if "complaint" in self.events:
            every = [self.workspace.reading_path(self.reader.model_id, f) for f in self.workspace.files("complaint")]
            duck.view("all_readings", every)
            duck.execute(
                "CREATE OR REPLACE VIEW readings AS SELECT * FROM all_readings QUALIFY row_number() OVER (PARTITION BY record_id ORDER BY text_key) = 1"
            )

    def _register(self, duck: Duck) -> None:
        path = self._step(duck, "register", lambda: register_sql(self.pack, self.as_of))
        if not pq.read_metadata(path).num_rows:
            first = duck.query("SELECT min(known_at) AS first FROM business_rows").column("first")[0].as_py()
            path.unlink()
            raise InputError(
                f"no business was known before {self.as_of}: the earliest row became known on {first}",
                where=f"as-of {self.as_of}",
                mend="choose a later date, or import the register with --known-at",
            )
        duck.view("register", [path])

    def _links(self, duck: Duck) -> None:
        if "business" not in self.inputs:
            for table in self.events:
                duck.view(f"link_{table}", [self._step(duck, f"link_{table}", partial(subject_links, table, self.as_of))])
            return
        missing = [t for t in self.events if not (self.work / f"link_{t}.parquet").is_file()]
        if missing:
            make_keys(duck, self.as_of)
        for number, table in enumerate(self.events):
            self.tell("关联", number, len(self.events))
            path = self.work / f"link_{table}.parquet"
            if table == "complaint" and not path.is_file():
                write_parquet(resolve_complaints(duck, self.as_of), path)
            else:
                self._step(duck, f"link_{table}", partial(resolve_records, duck, table, self.as_of))
            duck.view(f"link_{table}", [path])

    def _facts(self, duck: Duck) -> None:
        for number, table in enumerate(self.events):
            self.tell("事实", number, len(self.events))
            path = self._step(duck, f"fact_{table}", partial(fact_sql, table, self.pack, self.as_of))
            duck.view(f"fact_{table}", [path])

    def _score(self, duck: Duck) -> None:
        self.tell("评分", 0, 1)
        path = self._step(duck, "features", lambda: feature_sql(self.pack, self.as_of, self.events))
        if self.leader.categories:
            columns = ", ".join(f"r.{c}" for c in self.leader.categories)
            duck.view("features", [path])
            source = duck.batches(f"SELECT f.*, {columns} FROM features f JOIN register r USING (business_id) ORDER BY business_id")
        else:
            source = pq.ParquetFile(path).iter_batches(65_536)
        batches = score_batches(self.leader, source)
        first = next(batches)
        with atomic_path(self.work / "scores.parquet") as part, pq.ParquetWriter(part, first.schema, compression="zstd") as writer:
            writer.write_batch(first)
            for batch in batches:
                writer.write_batch(batch)
        self.tell("评分", 1, 1)

    def _step(self, duck: Duck, name: str, sql: Callable[[], str]) -> Path:
        path = self.work / f"{name}.parquet"
        if not path.is_file():
            duck.write(sql(), path)
        return path


def _read(reader: ComplaintReader, source: Path, tell: Progress) -> Iterator[pa.Table]:
    file = pq.ParquetFile(source)
    total, done = file.metadata.num_rows, 0
    for batch in file.iter_batches(_BLOCK, columns=["record_id", "title", "text"]):
        titles = [t or "" for t in batch.column("title").to_pylist()]
        texts = [t or title for t, title in zip(batch.column("text").to_pylist(), titles, strict=True)]
        rows = [
            {**row, "record_id": rid}
            for rid, row in zip(batch.column("record_id").to_pylist(), reader.read_block(texts, titles), strict=True)
        ]
        done += batch.num_rows
        tell("阅读诉求", done, total)
        yield pa.Table.from_pylist(rows, schema=READING_SCHEMA)
