"""Publishing a run into the store: written beside under a new number, made visible by one change, taken back by another."""

from __future__ import annotations

import datetime as dt
import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from sqlalchemy import Connection, Engine, delete, func, insert, select, update

from fraudrisk import __version__
from fraudrisk.casework import casework
from fraudrisk.clues.card import CardInputs, build_cards, history_sql, months_sql, related_sql
from fraudrisk.clues.numbers import read_numbers
from fraudrisk.clues.routing import owners
from fraudrisk.clues.standing import detail_sql, standing_sql
from fraudrisk.engines import Duck
from fraudrisk.engines.dialect import text_literal
from fraudrisk.errors import ConflictError, NotFoundError
from fraudrisk.features.evidence import EVIDENCE, evidence_sql
from fraudrisk.publish import LIST, explained_features, open_views
from fraudrisk.scoring import Leader
from fraudrisk.service.names import build_index
from fraudrisk.service.schemas import SCHEMA_VERSION
from fraudrisk.service.tables import business, clue, current, fragment, now_text, open_store, release
from fraudrisk.taking_back import enter_list

if TYPE_CHECKING:
    import pandas as pd

    from fraudrisk.workspace import Workspace

__all__ = ["Published", "index_folder", "list_releases", "publish_release", "rollback"]

_BATCH = 50_000
_ROWS = 2_000
_DELETED = 5_000
_GRACE = dt.timedelta(minutes=2)
_TREND_RUNS = 60
_LOCK = 718295
_SHARED = ("as_of", "notice", "title", "category", "tactics", "checks", "gaps", "owner", "together", "conduct", "cap")
"""Keys of a card that many businesses have in common."""


@dataclass(frozen=True, slots=True)
class Published:
    """A release in the store."""

    number: int
    as_of: str
    published_at: str | None
    current: bool
    businesses: int
    digest: str


def index_folder(workspace: Workspace, number: int) -> Path:
    """Where the name index of a release is."""
    return workspace.path / "search" / f"r{number:06d}"


def publish_release(
    workspace: Workspace, as_of: dt.date | None = None, *, progress: Callable[[str, int, int], None] | None = None
) -> Published:
    """Write a finished run into the store and show it; readers see the old one until all of it is there.

    Cards are made for every scored business. Clues of this list and earlier ones enter the ledger. Releases beyond ``keep_releases`` are removed.

    Parameters
    ----------
    workspace : Workspace
    as_of : date, optional
        Which run; the latest where not given.
    progress : callable, optional
        Step, done, of how many.

    Raises
    ------
    NotFoundError
        No finished run.
    ConflictError
        Somebody else is publishing.
    """
    result = workspace.result(as_of)
    tell = progress or (lambda *_: None)
    engine = open_store(workspace)
    try:
        with _alone(workspace, engine):
            _sweep(engine, workspace)
            number = _begin(engine, workspace, result.manifest)
            _write(engine, workspace, number, result.folder, result.manifest, tell)
            for day in workspace.runs():
                if day.isoformat() <= result.manifest["as_of"]:
                    enter_list(workspace, day)
            _show(engine, number, fresh=True)
            _remove_old(engine, workspace)
        return next(r for r in list_releases(workspace) if r.number == number)
    finally:
        engine.dispose()


def list_releases(workspace: Workspace) -> list[Published]:
    """Releases in the store, oldest first."""
    engine = open_store(workspace)
    try:
        with engine.connect() as connection:
            shown = connection.scalar(select(current.c.release_id))
            rows = connection.execute(select(release).where(release.c.status == "ready").order_by(release.c.release_id)).mappings().all()
    finally:
        engine.dispose()
    return [
        Published(
            r["release_id"],
            r["as_of"],
            r["published_at"],
            r["release_id"] == shown,
            json.loads(r["manifest"])["businesses_scored"],
            json.loads(r["manifest"])["digest"],
        )
        for r in rows
    ]


def rollback(workspace: Workspace, to: int | None = None) -> Published:
    """Show an earlier release again: the one before the present one, or the one named.

    Raises
    ------
    NotFoundError
        There is none.
    """
    kept = list_releases(workspace)
    shown = next((r.number for r in kept if r.current), 0)
    found = [r for r in kept if (r.number == to if to is not None else r.number < shown)]
    if not found:
        raise NotFoundError(
            "there is no release to go back to" if to is None else f"there is no release {to}",
            mend="see fraudrisk releases WS; publish the run again if it was removed",
        )
    engine = open_store(workspace)
    try:
        with _alone(workspace, engine):
            _show(engine, found[-1].number, fresh=False)
    finally:
        engine.dispose()
    return next(r for r in list_releases(workspace) if r.number == found[-1].number)


# -- writing ---------------------------------------------------------------------------------------------------------------


@contextmanager
def _alone(workspace: Workspace, engine: Engine) -> Iterator[None]:
    """One publisher at a time, on this machine and on the database."""
    folder = workspace.path / "search"
    folder.mkdir(exist_ok=True)
    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    held: Connection | None = None
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ConflictError("somebody else is publishing", where=str(folder), mend="wait until it is done") from error
        if engine.dialect.name == "postgresql":
            held = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
            if not held.exec_driver_sql(f"SELECT pg_try_advisory_lock({_LOCK})").scalar():
                raise ConflictError("somebody else is publishing", where="the store", mend="wait until it is done")
        yield
    finally:
        if held is not None:
            held.exec_driver_sql(f"SELECT pg_advisory_unlock({_LOCK})")
            held.close()
        os.close(descriptor)


def _begin(engine: Engine, workspace: Workspace, manifest: dict[str, Any]) -> int:
    with engine.begin() as connection:
        row = {"as_of": manifest["as_of"], "status": "writing", "manifest": json.dumps(manifest, ensure_ascii=False), "head": b""}
        number = int(connection.execute(insert(release).values(**row)).inserted_primary_key[0])  # type: ignore[index]
        connection.execute(
            update(release).where(release.c.release_id == number).values(head=_head(number, manifest, workspace.pack.notice))
        )
    return number


def versions_of(manifest: dict[str, Any]) -> dict[str, str]:
    """What made a run: package, pack, text model, what ordered it, and the digest of all inputs."""
    return {"fraudrisk": manifest["version"], "service": __version__, "pack": manifest["pack"], "pack_digest": manifest["pack_digest"], "model": manifest["model"],
            "leader": manifest["leader"], "leader_digest": manifest["leader_digest"], "run": manifest["digest"]}  # fmt: skip


def _head(number: int, manifest: dict[str, Any], notice: str) -> bytes:
    """The first bytes of every card's answer; card and fragment complete it."""
    said = {
        "schema_version": SCHEMA_VERSION,
        "notice": notice,
        "release": number,
        "as_of": manifest["as_of"],
        "versions": versions_of(manifest),
    }
    return _dumps(said)[:-1] + b',"card":{'


def _dumps(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _write(
    engine: Engine, workspace: Workspace, number: int, folder: Path, manifest: dict[str, Any], tell: Callable[[str, int, int], None]
) -> None:
    day = dt.date.fromisoformat(manifest["as_of"])
    events = [t for t in manifest["inputs"] if t != "business"]
    leader = Leader.of_folder(folder / "leader", workspace.pack)
    numbers = read_numbers(workspace.path / "clues" / "numbers.jsonl")
    before = casework(workspace, day).before
    fragments: dict[bytes, int] = {}
    codes: list[str] = []
    names: list[list[str]] = []
    divisions: list[str] = []
    with Duck(memory=workspace.settings.engine_memory) as duck:
        open_views(duck, workspace, folder / "work" / manifest["digest"], events, manifest["model"])
        duck.execute(
            f"CREATE TEMP TABLE standing AS SELECT *, row_number() OVER (ORDER BY business_id) - 1 AS number FROM ({standing_sql(workspace.pack, day, events)})"
        )
        _trend(duck, workspace, day)
        total = manifest["businesses_scored"]
        for start in range(0, total, _BATCH):
            tell("写入服务库", start, total)
            duck.execute(
                f"CREATE OR REPLACE TEMP TABLE listed AS SELECT business_id FROM standing WHERE number >= {start} AND number < {start + _BATCH}"
            )
            frame, cards = _cards(duck, workspace, leader, day, events, before, numbers)
            rows = list(_rows(number, frame, cards, fragments, workspace.settings.division))
            codes += [r["business_id"] for r in rows]
            names += [[r["name"], *json.loads(r["former"] or "[]")] for r in rows]
            divisions += [r["division"] for r in rows]
            _insert(engine, business, rows)
        _insert(engine, fragment, [{"release_id": number, "fragment_id": n, "body": body} for body, n in fragments.items()])
        _insert(engine, clue, _clue_rows(duck, workspace, number, folder, numbers))
    build_index(index_folder(workspace, number), codes, names, divisions)
    tell("写入服务库", total, total)


def _trend(duck: Duck, workspace: Workspace, day: dt.date) -> None:
    """Scores on the days they changed, by business, from the runs up to this one."""
    runs = [d for d in workspace.runs() if d <= day][-_TREND_RUNS:]
    parts = " UNION ALL ".join(
        f"SELECT business_id, {text_literal(d.isoformat())} AS as_of, CAST(score AS DOUBLE) AS score, CAST(grade AS VARCHAR) AS grade "
        f"FROM read_parquet({text_literal(str(workspace.path / 'runs' / d.isoformat() / 'scores.parquet'))})"
        for d in runs
    )
    changed = f"SELECT *, lag(score) OVER (PARTITION BY business_id ORDER BY as_of) AS last_score, lag(grade) OVER (PARTITION BY business_id ORDER BY as_of) AS last_grade FROM ({parts})"
    duck.execute(
        f"CREATE TEMP TABLE trend AS SELECT business_id, CAST(to_json(list([as_of, CAST(score AS VARCHAR), grade] ORDER BY as_of)) AS VARCHAR) AS trend FROM ({changed}) "
        "WHERE last_score IS NULL OR last_score <> score OR last_grade <> grade GROUP BY business_id"
    )


def _cards(
    duck: Duck, workspace: Workspace, leader: Leader, day: dt.date, events: list[str], before: dict[str, float], numbers: dict[str, str]
) -> tuple[pd.DataFrame, list[dict[str, Any]]]:
    """Cards of the businesses in the table ``listed``, with the columns the store keeps beside them."""
    import pandas as pd

    pack, empty = workspace.pack, pd.DataFrame(columns=["business_id"])
    standing = duck.query("SELECT * FROM standing SEMI JOIN listed USING (business_id) ORDER BY business_id").to_pandas()
    detail = duck.query(detail_sql(day, events)).to_pandas()
    frame = standing.merge(detail, on="business_id", how="left")
    more = duck.query(
        "SELECT business_id, CAST(to_json(former_names) AS VARCHAR) AS former, trend FROM register SEMI JOIN listed USING (business_id) LEFT JOIN trend USING (business_id)"
    )
    frame = frame.merge(more.to_pandas(), on="business_id", how="left")
    features = explained_features(duck, leader)
    explained = leader.explain(features)
    history, months = history_sql(day, events), months_sql(pack, day) if "complaint" in events else None
    history_frame = duck.query(history).to_pandas() if history else empty
    months_frame = duck.query(months).to_pandas() if months else empty
    related = duck.query(related_sql(pack.indicators.hub_limit)).to_pandas()
    reasoned = explained.reasons["business_id"].unique()
    duck.view("reasoned", pa.table({"business_id": pa.array(reasoned.tolist(), pa.string())}))
    duck.execute("CREATE OR REPLACE TEMP TABLE listed AS SELECT business_id FROM reasoned")
    sql = evidence_sql(pack, day, events, explained.features)
    evidence = duck.query(sql).to_pandas() if sql else pd.DataFrame(columns=list(EVIDENCE))
    inputs = CardInputs(frame, features, explained.reasons, evidence, history_frame, months_frame, related, before, numbers)
    return frame, build_cards(inputs, pack, as_of=day, visits_per_year=workspace.settings.visits_per_year)


def _rows(
    number: int, frame: pd.DataFrame, cards: list[dict[str, Any]], fragments: dict[bytes, int], division: str
) -> Iterator[dict[str, Any]]:
    """Rows of the store; the shared part of a card is kept once."""
    columns = (frame[c].astype(object).where(frame[c].notna(), None) for c in ("division_code", "district", "former", "trend"))
    for card, code, district, former, trend in zip(cards, *columns, strict=True):
        shared = _dumps({k: card[k] for k in _SHARED})[1:] + b"}"
        own = _dumps({k: v for k, v in card.items() if k not in _SHARED})[1:-1] + b","
        digest = hashlib.sha256(own + shared).hexdigest()[:16]
        yield {
            "release_id": number, "business_id": card["business_id"], "uscc": card["uscc"], "name": card["name"], "former": None if former in (None, "null") else former,
            "division": str(code or district or division)[:12], "state": card["status"], "grade": card["grade"], "score": card["score"], "trend": trend or "[]",
            "etag": f'"r{number}-{digest}"', "fragment_id": fragments.setdefault(shared, len(fragments)), "card": own,
        }  # fmt: skip


def _clue_rows(duck: Duck, workspace: Workspace, number: int, folder: Path, numbers: dict[str, str]) -> list[dict[str, Any]]:
    """Every clue number ever given whose business is in the run."""
    lines: dict[str, Any] = {}
    with (folder / f"{LIST}.jsonl").open(encoding="utf-8") as stream:
        for raw in stream:
            line = json.loads(raw)
            lines[line["线索编号"]] = line
    duck.view(
        "numbered",
        pa.table({"business_id": pa.array(list(numbers), pa.string()), "clue_id": pa.array(list(numbers.values()), pa.string())}),
    )
    found = duck.query(
        "SELECT s.*, n.clue_id, r.division_code FROM standing s JOIN numbered n USING (business_id) JOIN register r USING (business_id) ORDER BY clue_id"
    ).to_pandas()
    if found.empty:
        return []
    found["owner"] = owners(found, workspace.pack)
    labels = workspace.pack.category_labels
    rows = []
    for row in found.astype(object).where(found.notna(), None).to_dict("records"):
        line = lines.get(row["clue_id"])
        rows.append(
            {
                "release_id": number, "clue_id": row["clue_id"], "business_id": row["business_id"], "name": row["name"] or "(无名称)",
                "division": str(row["division_code"] or row["district"] or workspace.settings.division)[:12], "owner": line["建议责任单位"] if line else row["owner"],
                "grade": row["grade"], "score": float(row["score"]), "category": labels.get(row["category"]), "place": int(line["序号"]) if line else 0,
                "line": json.dumps(line, ensure_ascii=False) if line else None,
            }
        )  # fmt: skip
    return rows


def _insert(engine: Engine, table: Any, rows: list[dict[str, Any]]) -> None:
    """In small transactions, so that other writers of the store wait a moment at most."""
    for start in range(0, len(rows), _ROWS):
        with engine.begin() as connection:
            connection.execute(insert(table), rows[start : start + _ROWS])


# -- showing and removing ----------------------------------------------------------------------------------------------------


def _show(engine: Engine, number: int, *, fresh: bool) -> None:
    """One transaction: from here on readers see `number`."""
    now = now_text()
    with engine.begin() as connection:
        shown = connection.scalar(select(current.c.release_id))
        values: dict[str, Any] = {"status": "ready", "retired_at": None} | ({"published_at": now} if fresh else {})
        connection.execute(update(release).where(release.c.release_id == number).values(**values))
        if shown is None:
            connection.execute(insert(current).values(one=1, release_id=number))
        elif shown != number:
            connection.execute(update(release).where(release.c.release_id == shown).values(retired_at=now))
            connection.execute(update(current).values(release_id=number))


def _sweep(engine: Engine, workspace: Workspace) -> None:
    """Remove what an interrupted publisher left."""
    with engine.connect() as connection:
        left = list(connection.scalars(select(release.c.release_id).where(release.c.status != "ready")))
    for number in left:
        _remove(engine, workspace, number)


def _remove_old(engine: Engine, workspace: Workspace) -> None:
    """Keep the newest; a release that was shown a moment ago stays, because some process may still read it."""
    long_ago = (dt.datetime.now(dt.UTC) - _GRACE).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    with engine.connect() as connection:
        shown = connection.scalar(select(current.c.release_id))
        ready = list(
            connection.execute(
                select(release.c.release_id, release.c.retired_at).where(release.c.status == "ready").order_by(release.c.release_id.desc())
            )
        )
    for number, retired in ready[workspace.settings.keep_releases :]:
        if number != shown and retired is not None and retired < long_ago:
            _remove(engine, workspace, number)


def _remove(engine: Engine, workspace: Workspace, number: int) -> None:
    with engine.begin() as connection:
        connection.execute(update(release).where(release.c.release_id == number).values(status="removing"))
    for table, key in ((business, business.c.business_id), (clue, clue.c.clue_id), (fragment, fragment.c.fragment_id)):
        while True:
            with engine.begin() as connection:
                some = select(key).where(table.c.release_id == number).limit(_DELETED)
                connection.execute(delete(table).where((table.c.release_id == number) & key.in_(some.scalar_subquery())))
                if not connection.scalar(
                    select(func.count()).select_from(select(key).where(table.c.release_id == number).limit(1).subquery())
                ):
                    break
    with engine.begin() as connection:
        connection.execute(delete(release).where(release.c.release_id == number))
    shutil.rmtree(index_folder(workspace, number), ignore_errors=True)
