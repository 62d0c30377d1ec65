"""The ledger of clues: who has it, since when, by when it is due, how it ended; every move kept for good."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, func, insert, select, update
from sqlalchemy.exc import IntegrityError as SqlIntegrityError

from fraudrisk.errors import ConflictError, InputError, NotFoundError
from fraudrisk.outcomes.schema import clue, migrate, move, open_engine
from fraudrisk.outcomes.states import STATES, check_conclusion, check_move, deadline, due_on
from fraudrisk.outcomes.workdays import working_days_left

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Ledger"]


class Ledger:
    """Clues and their moves in SQLite (a path) or any database SQLAlchemy reaches (a URL).

    Parameters
    ----------
    address : path or str
        A file, or a URL such as ``postgresql+psycopg://host/name``.

    Examples
    --------
    >>> import tempfile, datetime as dt
    >>> ledger = Ledger(tempfile.mkdtemp() + "/ledger.db")
    >>> ledger.add([{"clue_id": "YL-330299-202611-0001", "business_id": "b1", "name": "某某健康馆", "owner": "市场监管"}], who="desk", on=dt.date(2026, 11, 2))
    1
    >>> ledger.move("YL-330299-202611-0001", "已转办", who="desk", on=dt.date(2026, 11, 3))["due_on"]
    datetime.date(2026, 11, 6)
    """

    def __init__(self, address: str | Path) -> None:
        url = str(address) if "://" in str(address) else f"sqlite:///{Path(address)}"
        self.engine = open_engine(url)
        migrate(self.engine)

    def close(self) -> None:
        """Give connections back."""
        self.engine.dispose()

    # -- writing -------------------------------------------------------------------------------------------------------

    def add(self, clues: Sequence[Mapping[str, Any]], *, who: str, on: dt.date | None = None) -> int:
        """Enter new clues as 待分办; those that are there already stay as they are.

        Parameters
        ----------
        clues : sequence of mappings
            ``clue_id``, ``business_id``, ``name``, ``owner``.
        who : str
        on : date, optional
            Today where not given.

        Returns
        -------
        int
            How many were new.
        """
        day = on or _today()
        with self.engine.begin() as connection:
            known = set(connection.scalars(select(clue.c.clue_id).where(clue.c.clue_id.in_([c["clue_id"] for c in clues]))))
            new = [c for c in clues if c["clue_id"] not in known]
            if new:
                row = {
                    "status": STATES[0],
                    "since": day,
                    "due_on": due_on(STATES[0], day),
                    "listed_on": day,
                    "version": 0,
                    "conclusion": None,
                }
                connection.execute(insert(clue), [{k: c[k] for k in ("clue_id", "business_id", "name", "owner")} | row for c in new])
                connection.execute(insert(move), [_entry(c["clue_id"], "entered", who, None, STATES[0], "", {}, None, day) for c in new])
        return len(new)

    def move(
        self, clue_id: str, to: str, *, who: str, why: str = "", conclusion: str | None = None, details: Mapping[str, Any] | None = None,
        key: str | None = None, on: dt.date | None = None,
    ) -> dict[str, Any]:  # fmt: skip
        """Move a clue to another state; all of it happens or nothing.

        Parameters
        ----------
        clue_id, to : str
        who, why : str
        conclusion : str, optional
            Owed when going to 已反馈; from the closed list.
        details : mapping, optional
            What else was found: measures, amounts, dates. Plain JSON.
        key : str, optional
            The same key again changes nothing and gives the same answer; with other content it is refused.
        on : date, optional
            Today where not given.

        Returns
        -------
        dict
            The clue as it stands now.

        Raises
        ------
        NotFoundError, InputError, ConflictError
            No such clue; a move or conclusion that is not allowed; somebody else moved it in between, or a key used for something else.
        """
        if not who.strip():
            raise InputError("nobody is named as having moved it", where="who")
        day, content = on or _today(), dict(details or {})
        if to == "已反馈":
            check_conclusion(conclusion, why)
            content["conclusion"] = conclusion
        elif conclusion is not None:
            raise InputError(f"a conclusion belongs to 已反馈, not to {to}", where="核查结论")
        try:
            with self.engine.begin() as connection:
                if key and (done := connection.execute(select(move).where(move.c.key == key)).mappings().first()):
                    if (done["clue_id"], done["after"], done["why"], done["details"]) != (clue_id, to, why, content):
                        raise ConflictError("the key was used for something else", where=f"key {key}", mend="use a new key")
                    return self._one(connection, clue_id)
                now = self._one(connection, clue_id, lock=True)
                check_move(now["status"], to)
                values: dict[str, Any] = {"status": to, "since": day, "due_on": due_on(to, day), "version": now["version"] + 1}
                if to == "已反馈":
                    values["conclusion"] = conclusion
                where = (clue.c.clue_id == clue_id) & (clue.c.version == now["version"])
                if connection.execute(update(clue).where(where).values(**values)).rowcount != 1:
                    raise ConflictError("somebody moved the clue in between", where=clue_id, mend="look at it again")
                connection.execute(insert(move), [_entry(clue_id, "moved", who, now["status"], to, why, content, key, day)])
                return self._one(connection, clue_id)
        except SqlIntegrityError as error:
            raise ConflictError("the same key arrived twice at once", where=f"key {key}", mend="send it again") from error

    def remind(
        self, clue_id: str, *, who: str, why: str = "", key: str | None = None, superior: bool = False, on: dt.date | None = None
    ) -> bool:
        """Note that whoever has the clue was reminded, or that the superior was told.

        Parameters
        ----------
        clue_id, who, why : str
        key : str, optional
            The same key again notes nothing.
        superior : bool
            The superior was told (``raised`` in the history), not the holder (``reminded``).
        on : date, optional
            Today where not given.

        Returns
        -------
        bool
            Whether it was noted now.
        """
        kind = "raised" if superior else "reminded"
        with self.engine.begin() as connection:
            now = self._one(connection, clue_id, lock=True)
            if key and connection.execute(select(move.c.number).where(move.c.key == key)).first():
                return False
            connection.execute(insert(move), [_entry(clue_id, kind, who, now["status"], now["status"], why, {}, key, on or _today())])
        return True

    # -- reading -------------------------------------------------------------------------------------------------------

    def state(self, clue_id: str) -> dict[str, Any]:
        """A clue as it stands.

        Raises
        ------
        NotFoundError
        """
        with self.engine.connect() as connection:
            return self._one(connection, clue_id)

    def history(self, clue_id: str | None = None) -> pd.DataFrame:
        """Moves in order, of one clue or of all."""
        return self._frame(select(move).where(move.c.clue_id == clue_id) if clue_id else select(move), "number")

    def clues(self) -> pd.DataFrame:
        """All clues as they stand, by number."""
        return self._frame(select(clue), "clue_id")

    def pending(self, today: dt.date | None = None) -> pd.DataFrame:
        """The 催办 list: open clues with working days left, most overdue first.

        Returns
        -------
        DataFrame
            ``clue_id, name, owner, status, due_on, days_left, overdue, reminders, escalate``.
        """
        import pandas as pd

        today = today or _today()
        reminded = (
            select(move.c.clue_id, func.count().label("reminders")).where(move.c.kind == "reminded").group_by(move.c.clue_id).subquery()
        )
        query = select(clue, func.coalesce(reminded.c.reminders, 0).label("reminders")).outerjoin(
            reminded, reminded.c.clue_id == clue.c.clue_id
        )
        rows = self._frame(query.where(clue.c.due_on.is_not(None)), "clue_id")
        left = [working_days_left(today, d) for d in rows["due_on"]]
        limits = [deadline(d).escalate_after for d in rows["since"]]
        rows = rows.assign(days_left=left, overdue=[d < 0 for d in left], escalate=[-d > m for d, m in zip(left, limits, strict=True)])
        columns = ["clue_id", "name", "owner", "status", "due_on", "days_left", "overdue", "reminders", "escalate"]
        return pd.DataFrame(rows.sort_values(["days_left", "clue_id"], kind="stable")[columns]).reset_index(drop=True)

    def _one(self, connection: Connection, clue_id: str, *, lock: bool = False) -> dict[str, Any]:
        query = select(clue).where(clue.c.clue_id == clue_id)
        row = connection.execute(query.with_for_update() if lock else query).mappings().first()
        if row is None:
            raise NotFoundError(f"the ledger has no clue '{clue_id}'", mend="check the number on the list")
        return dict(row)

    def _frame(self, query: Any, order: str) -> pd.DataFrame:
        import pandas as pd

        with self.engine.connect() as connection:
            rows = connection.execute(query.order_by(order)).mappings().all()
            names = list(query.selected_columns.keys())
        return pd.DataFrame([dict(r) for r in rows], columns=names)


def _entry(
    clue_id: str, kind: str, who: str, before: str | None, after: str, why: str, details: dict[str, Any], key: str | None, day: dt.date
) -> dict[str, Any]:
    return {
        "clue_id": clue_id, "key": key, "at": dt.datetime.now(dt.UTC), "who": who, "kind": kind, "before": before, "after": after, "why": why,
        "details": details, "day": day,
    }  # fmt: skip


def _today() -> dt.date:
    return dt.datetime.now().astimezone().date()
