"""Clues as they stand, and the one verb that writes: an outcome, through the ledger's own rules."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Header, Path, Query, Request

from fraudrisk.errors import ConflictError, InputError, NotFoundError
from fraudrisk.outcomes.states import MOVES, STATES
from fraudrisk.privacy import mask_text
from fraudrisk.service.auth import GuardedRoute
from fraudrisk.service.problems import ProblemError, answers
from fraudrisk.service.schemas import ClueAnswer, CluePage, ClueRow, Outcome, OutcomeAnswer

if TYPE_CHECKING:
    from fraudrisk.service.auth import Principal
    from fraudrisk.service.state import Service
    from fraudrisk.service.store import Row

__all__ = ["DIVISION", "router"]

router = APIRouter(prefix="/v1", route_class=GuardedRoute, tags=["clues"])

ClueId = Annotated[str, Path(pattern=r"^[0-9A-Za-z\-]{1,40}$", description="Clue number.", examples=["YL-330299-202611-0001"])]
Key = Annotated[
    str,
    Header(
        alias="Idempotency-Key",
        min_length=8,
        max_length=80,
        pattern=r"^[0-9A-Za-z_\-]+$",
        description="Of the caller's choice; the same again changes nothing.",
        examples=["5f2c9a4e-outcome-1"],
    ),
]
_ID, _BUSINESS, _NAME, DIVISION, _OWNER, _GRADE, _SCORE, _CATEGORY, _PLACE, _LINE = range(1, 11)
_MANY = 500
"""Clues whose state is asked for at once where only some states are wanted."""
_NOT_HERE = ProblemError(404, "there is no such clue", mend="check the number on the list")


@router.get("/clues", operation_id="list_clues", response_model=CluePage, responses=answers(422))
async def list_clues(
    request: Request,
    status: Annotated[Literal[STATES] | None, Query(description="State in the ledger.")] = None,  # type: ignore[valid-type]
    grade: Annotated[Literal["A", "B", "C", "D"] | None, Query()] = None,
    owner: Annotated[str | None, Query(max_length=32, description="Department that owns it.")] = None,
    division: Annotated[str | None, Query(pattern=r"^[0-9]{2,12}$", description="Division code, or its beginning.")] = None,
    listed: Annotated[bool | None, Query(description="Only those on this run's list, or only the others.")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 20,
    cursor: Annotated[str | None, Query(max_length=500)] = None,
) -> CluePage:
    """Clues, those on the list first, in its order. Inspectors see those of their own divisions."""
    service: Service = request.app.state.service
    principal, release = request.scope["visit"].principal, service.shown()
    wanted = [
        r for r in release.clues
        if principal.sees(r[DIVISION]) and r[DIVISION].startswith(division or "")
        and (not grade or r[_GRADE] == grade) and (not owner or r[_OWNER] == owner) and (listed is None or (r[_PLACE] > 0) is listed)
    ]  # fmt: skip
    kind = f"clues{release.number}" + service.hashed(repr((status, grade, owner, division, listed)).encode("utf-8", "replace"))
    depth, place = service.cursors.read(cursor, kind) if cursor else (0, {"from": 0})
    limit, start = min(limit, service.settings.page_rows), int(place["from"])
    if principal.role == "inspector" and (limit := min(limit, service.settings.depth_rows - depth)) <= 0:
        raise ProblemError(422, f"nobody pages deeper than {service.settings.depth_rows} rows", mend="filter")
    rows: list[ClueRow] = []
    while start < len(wanted) and len(rows) < limit:
        some = wanted[start : start + (_MANY if status else limit)]
        states = await service.states([r[_ID] for r in some])
        for r in some:
            start += 1
            row = _row(r, states)
            if status is None or row.status == status:
                rows.append(row)
                if len(rows) == limit:
                    break
    made = service.cursors.make(kind, depth + len(rows), {"from": start}) if start < len(wanted) else None
    return CluePage(notice=service.notice, release=release.number, as_of=release.as_of, clues=rows, next=made)


@router.get("/clues/{clue_id}", operation_id="get_clue", response_model=ClueAnswer, responses=answers(404, 422))
async def get_clue(request: Request, clue_id: ClueId) -> ClueAnswer:
    """A clue with its line on the list, its moves, and where it may go."""
    service: Service = request.app.state.service
    release, r = service.shown(), _theirs(request, clue_id)
    row = _row(r, await service.states([clue_id]))
    line = json.loads(r[_LINE]) if r[_LINE] else None
    moves = await service.moves(clue_id)
    return ClueAnswer(
        notice=service.notice,
        release=release.number,
        as_of=release.as_of,
        clue=row,
        line=line,
        moves=moves,
        allowed=list(MOVES.get(row.status, ())),
    )


@router.post("/clues/{clue_id}/outcome", operation_id="post_outcome", response_model=OutcomeAnswer, responses=answers(400, 404, 409, 422))
async def post_outcome(request: Request, clue_id: ClueId, outcome: Outcome, key: Key) -> OutcomeAnswer:
    """Move a clue. The same key again gives the same answer and changes nothing; another content under it is refused."""
    service: Service = request.app.state.service
    _theirs(request, clue_id)
    if outcome.on and outcome.on > dt.datetime.now().astimezone().date():
        raise ProblemError(422, "the day lies in the future", mend="give the day on which it was done")
    who: Principal = request.scope["visit"].principal
    own_key = hashlib.sha256(f"{who.who}\n{key}".encode()).hexdigest()
    details = {
        k: v
        for k, v in (
            ("measures", mask_text(outcome.measures or "") or None),
            ("involved_yuan", outcome.involved_yuan),
            ("recovered_yuan", outcome.recovered_yuan),
        )
        if v is not None
    }

    def file() -> dict[str, Any]:
        now = service.ledger.move(
            clue_id,
            outcome.to,
            who=who.who,
            why=mask_text(outcome.why),
            conclusion=outcome.conclusion,
            details=details,
            key=own_key,
            on=outcome.on,
        )
        if outcome.on and service.day_of(own_key) != outcome.on:
            raise ConflictError("the key was used for another day", where=f"key {key}", mend="use a new key")
        return now

    try:
        now = await service.in_ledger(file)
    except (NotFoundError, ConflictError):
        raise
    except InputError as error:
        raise ProblemError(422, error.what, mend=error.mend) from error
    return OutcomeAnswer(
        notice=service.notice, clue_id=clue_id, status=now["status"], since=now["since"].isoformat(),
        due_on=now["due_on"].isoformat() if now["due_on"] else None, conclusion=now["conclusion"],
    )  # fmt: skip


def _theirs(request: Request, clue_id: str) -> Row:
    """A clue the caller may see; that somebody else has one is not said."""
    service: Service = request.app.state.service
    visit = request.scope["visit"]
    found = service.shown().clue(clue_id)
    visit.about(clue_id, known=found is not None)
    if found is None or not visit.principal.sees(found[DIVISION]):
        raise _NOT_HERE
    return found


def _row(r: Row, states: dict[str, dict[str, Any]]) -> ClueRow:
    now = states.get(r[_ID], {"status": STATES[0], "since": None, "due_on": None, "conclusion": None})
    return ClueRow(
        clue_id=r[_ID], code=r[_BUSINESS], name=r[_NAME], grade=r[_GRADE], score=r[_SCORE], category=r[_CATEGORY], division=r[DIVISION],
        owner=r[_OWNER], place=r[_PLACE], status=now["status"],
        since=_day(now["since"]), due_on=_day(now["due_on"]), conclusion=now["conclusion"],
    )  # fmt: skip


def _day(value: Any) -> str | None:
    return value.isoformat() if value else None
