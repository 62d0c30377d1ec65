"""Look-ups: a card by code, a search by name, what was said and found before; and scores of features that are sent."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import anyio
from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from fraudrisk.errors import InputError
from fraudrisk.service.auth import GuardedRoute, Principal
from fraudrisk.service.problems import ProblemError, answers
from fraudrisk.service.schemas import Assessment, BusinessHit, BusinessPage, CardAnswer, HistoryAnswer, ScoreAnswer, ScoreRequest
from fraudrisk.service.store import Release, by_codes

if TYPE_CHECKING:
    from fraudrisk.service.state import Service

__all__ = ["CODE", "direct", "router"]

router = APIRouter(prefix="/v1", route_class=GuardedRoute, tags=["businesses"])
direct = APIRouter(prefix="/v1", route_class=GuardedRoute, tags=["businesses"])
"""Routes the application looks at first."""

CODE = r"^[0-9A-Za-z\-]{1,64}$"
Code = Annotated[str, Path(pattern=CODE, description="Unified social credit code, or the register's id.", examples=["91330299334701878K"])]
_NO_CACHE = b"private, no-cache"
_PREFIX = 8
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
"""What a feature's name looks like; anything else is not repeated in an error."""
_FOUND = 200
_UNTIED = b'"related":[]'
_HIDDEN = "?"
"""In place of a grade that is another division's to see."""


@direct.get(
    "/businesses/{code}",
    operation_id="get_business",
    response_model=CardAnswer,
    responses={304: {"description": "Not changed."}, **answers(404, 422)},
)
async def get_business(request: Request, code: Code) -> Response:
    """The card of a business. Its ETag stays the same until another run is published."""
    service: Service = request.app.state.service
    visit = request.scope["visit"]
    code = code.upper()
    found = await service.shown().card(service.reader, code)
    visit.about(code, known=found is not None)
    if found is None:
        raise ProblemError(404, "no business has this code", mend="check the code, or search by name")
    division, etag, body = found
    _theirs(visit.principal, division)
    if visit.principal.role == "inspector" and _UNTIED not in body:
        etag, body = _own_only(visit.principal, etag, body)
    visit.output = etag
    if etag.encode() in visit.headers.get(b"if-none-match", b""):
        return _Bytes(b"", 304, etag)
    return _Bytes(body, 200, etag)


def _own_only(principal: Principal, etag: str, body: bytes) -> tuple[str, bytes]:
    """The card without the grades of tied businesses of other divisions; it has an ETag of its own where that changes it."""
    said = json.loads(body)
    hidden = [r for r in said["card"]["related"] if not principal.sees(r.get("division") or "-")]
    if not hidden:
        return etag, body
    for r in hidden:
        r["grade"] = _HIDDEN
    own = json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode()
    return f'{etag[:-1]}-{hashlib.sha256(own).hexdigest()[:8]}"', own


class _Bytes(Response):
    """Bytes sent as they are."""

    def __init__(self, body: bytes, status: int, etag: str) -> None:
        self.status_code, self.body, self.background = status, body, None
        self.raw_headers = [(b"etag", etag.encode()), (b"cache-control", _NO_CACHE)]
        if status == 200:
            self.raw_headers += [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]


@router.get("/businesses", operation_id="search_businesses", response_model=BusinessPage, responses=answers(422))
async def search_businesses(
    request: Request,
    q: Annotated[
        str,
        Query(
            min_length=2,
            max_length=64,
            description="Name, former name, part of one, pinyin initials, or the beginning of a code.",
            examples=["康寿健康"],
        ),
    ],
    limit: Annotated[int, Query(ge=1, le=200, description="Rows of a page; the service's own limit holds where it is lower.")] = 20,
    cursor: Annotated[str | None, Query(max_length=500, description="'next' of the page before.")] = None,
) -> BusinessPage:
    """Businesses whose name or code fits, best first. Inspectors find those of their own divisions."""
    service: Service = request.app.state.service
    visit, release = request.scope["visit"], service.shown()
    visit.about(q, known=False)
    limit = min(limit, service.settings.page_rows)
    depth, place = service.cursors.read(cursor, f"q{release.number}" + service.hashed(q.encode("utf-8", "replace"))) if cursor else (0, {})
    deepest = service.settings.depth_rows if visit.principal.role == "inspector" else 1 << 40
    limit = min(limit, deepest - depth)
    if limit <= 0:
        raise ProblemError(422, f"nobody pages deeper than {deepest} rows", mend="ask a narrower question")
    find = _by_prefix if _is_code(q) else _by_name
    hits, more = await find(service, release, visit.principal, q.strip(), depth, place, limit)
    after = {"after": hits[-1].code} if hits else {}
    made = (
        service.cursors.make(f"q{release.number}" + service.hashed(q.encode("utf-8", "replace")), depth + len(hits), after)
        if more
        else None
    )
    return BusinessPage(notice=service.notice, release=release.number, as_of=release.as_of, businesses=hits, next=made)


@router.get("/businesses/{code}/history", operation_id="get_business_history", response_model=HistoryAnswer, responses=answers(404, 422))
async def get_business_history(request: Request, code: Code) -> HistoryAnswer:
    """Scores on the days they changed, records of the register, and the moves of its clue."""
    service: Service = request.app.state.service
    visit, release, code = request.scope["visit"], service.shown(), code.upper()
    row = await release.full(service.reader, code)
    visit.about(code, known=row is not None)
    if row is None:
        raise ProblemError(404, "no business has this code", mend="check the code, or search by name")
    division, name, trend, card = row
    _theirs(visit.principal, division)
    said = json.loads(b"{" + bytes(card)[:-1] + b"}")
    scores = [Assessment(as_of=day, score=float(score), grade=grade) for day, score, grade in json.loads(trend)]
    moves = await service.moves(said["clue"]) if said["clue"] else []
    return HistoryAnswer(
        notice=service.notice, release=release.number, as_of=release.as_of, code=code, name=name, assessments=scores, records=said["history"], clue=said["clue"], moves=moves,
    )  # fmt: skip


@router.post("/businesses:score", operation_id="score_businesses", response_model=ScoreAnswer, responses=answers(400, 422))
async def score_businesses(request: Request, asked: ScoreRequest) -> ScoreAnswer:
    """Scores and reasons of features that are sent, by whatever orders the list now."""
    service: Service = request.app.state.service
    service.shown()
    if len(asked.businesses) > (most := service.settings.batch_businesses):
        raise ProblemError(422, f"at most {most} businesses at a time", mend="send them in parts")
    scores = await anyio.to_thread.run_sync(_score, service, asked.businesses, limiter=service.batches)
    return ScoreAnswer(notice=service.notice, leader=service.leader.kind, scores=scores)


def _score(service: Service, businesses: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The library's own functions over a frame of the batch."""
    import pandas as pd

    leader = service.leader
    numbers, words = {f.name for f in service.pack.features}, set(leader.categories)
    for place, features in enumerate(businesses.values(), 1):
        if unknown := sorted(set(features) - numbers - words):
            named = [n if _NAME.fullmatch(n) else "(not shown)" for n in unknown[:5]]
            raise ProblemError(
                422, f"the business in place {place} has features nobody knows: {', '.join(named)}", mend="GET /v1/model lists the features"
            )
        if wrong := sorted(n for n, v in features.items() if v is not None and isinstance(v, str) is not (n in words)):
            raise ProblemError(
                422,
                f"the business in place {place}: {', '.join(wrong[:5])} is of the wrong kind",
                mend="features are numbers, the register's categories words",
            )
    frame = pd.DataFrame({"business_id": list(businesses)})
    for name in sorted(numbers):
        frame[name] = pd.Series([row.get(name) for row in businesses.values()], dtype="float64")
    for name in sorted(words):
        frame[name] = pd.Series([row.get(name) for row in businesses.values()], dtype=object)
    try:
        scored = leader.score_arrays({n: frame[n].to_numpy() for n in sorted(numbers | words)}, len(frame))
        reasons = leader.explain(frame).reasons
    except InputError as error:
        raise ProblemError(422, error.what, mend=error.mend) from error
    out = {
        key: {
            "score": float(scored["score"][i]),
            "grade": str(scored["grade"][i]),
            "probability": float(scored["probability"][i]),
            "reasons": [],
        }
        for i, key in enumerate(businesses)
    }
    for r in reasons.to_dict("records"):
        out[r["business_id"]]["reasons"].append({"indicator": r["indicator"], "sentence": r["sentence"], "points": float(r["points"])})  # type: ignore[attr-defined]
    return out


def _theirs(principal: Principal, division: str) -> None:
    """The register is public, so that a business of another division is said to be one; its card is not shown."""
    if not principal.sees(division):
        raise ProblemError(403, "this business belongs to another division", mend="ask an inspector of its division, or an analyst")


def _is_code(q: str) -> bool:
    q = q.strip()
    return len(q) >= _PREFIX and q.isascii() and q.isalnum() and any(c.isdigit() for c in q)


async def _by_prefix(
    service: Service, release: Release, principal: Principal, q: str, _: int, place: Mapping[str, Any], limit: int
) -> tuple[list[BusinessHit], bool]:
    divisions = principal.divisions if principal.role == "inspector" else None
    after = str(place.get("after", ""))
    find = partial(release.names.with_prefix, q.upper(), divisions=divisions, after=after, most=limit + 1)
    found = await anyio.to_thread.run_sync(find, limiter=service.searches)
    return await _hits(service, release, [(code, 1.0) for code in found[:limit]]), len(found) > limit


async def _by_name(
    service: Service, release: Release, principal: Principal, q: str, depth: int, _: Mapping[str, Any], limit: int
) -> tuple[list[BusinessHit], bool]:
    divisions = principal.divisions if principal.role == "inspector" else None
    found = await anyio.to_thread.run_sync(lambda: release.names.search(q, divisions=divisions, most=_FOUND), limiter=service.searches)
    return await _hits(service, release, found[depth : depth + limit]), len(found) > depth + limit


async def _hits(service: Service, release: Release, page: Sequence[tuple[str, float]]) -> list[BusinessHit]:
    if not page:
        return []
    rows = await service.reader.all(by_codes(len(page)), {"release": release.number} | {f"c{i}": code for i, (code, _) in enumerate(page)})
    known = {r[0]: r for r in rows}
    return [_hit(known[code], fit) for code, fit in page if code in known]


def _hit(row: tuple[Any, ...], match: float) -> BusinessHit:
    code, name, former, state, grade, score, division = row
    former_names = json.loads(former or "[]")
    return BusinessHit(
        code=code, name=name, former_names=former_names, state=state, grade=grade, score=score, division=division, match=match
    )
