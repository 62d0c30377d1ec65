"""Pages for people with a phone. Each asks the interface's own functions, so that roles, divisions, audit and limits are the same."""

from __future__ import annotations

import datetime as dt
import hmac
import json
import secrets
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Query, Request
from fastapi.exceptions import RequestValidationError
from starlette.responses import RedirectResponse, Response

from fraudrisk.errors import ConflictError, FraudRiskError
from fraudrisk.outcomes.states import CONCLUSIONS, STATES
from fraudrisk.service import routes_businesses, routes_clues
from fraudrisk.service.auth import GuardedRoute, Principal
from fraudrisk.service.forms import REPORTED, Filled, fill_in, read_form
from fraudrisk.service.problems import ProblemError
from fraudrisk.service.routes_businesses import Code
from fraudrisk.service.routes_clues import ClueId
from fraudrisk.service.sessions import LOGIN, is_page
from fraudrisk.service.shell import page, shell
from fraudrisk.service.words import REFUSED, days_left, districts, who_words

if TYPE_CHECKING:
    from fraudrisk.service.gate import Scope
    from fraudrisk.service.schemas import Outcome, OutcomeAnswer
    from fraudrisk.service.sessions import Session
    from fraudrisk.service.state import Service

__all__ = ["open_router", "refusal", "router"]

_ROWS = 20
_SHORTEST, _LONGEST = 2, 64
_KEEP, _FORGET = "x-fraudrisk-keep", "x-fraudrisk-forget"
"""What the service worker is told: for whom, how long, how many, as of when; and to forget."""


class PageRoute(GuardedRoute):
    """A route under the guard of the operation it shows; what goes wrong is said on a page, in Chinese."""

    def get_route_handler(self) -> Callable[[Request], Awaitable[Response]]:  # type: ignore[override]
        """The guarded handler, with pages for refusals."""
        inner = super().get_route_handler()

        async def shown(request: Request) -> Response:
            try:
                return await inner(request)
            except ProblemError as error:
                return _failure(request.scope, error.status, error.headers)
            except RequestValidationError:
                return _failure(request.scope, 422)
            except FraudRiskError as error:
                return _failure(request.scope, error.http_status)

        return shown


router = APIRouter(route_class=PageRoute, include_in_schema=False)
open_router = APIRouter(include_in_schema=False)


def refusal(scope: Scope, error: ProblemError) -> Response | None:
    """A refusal of the gate as a page: strangers are led to the login, and back to where they were going."""
    if not is_page(scope["path"]):
        return None
    if error.status != 401:
        return _failure(scope, error.status, error.headers)
    wanted = scope["path"] + ("?" + scope["query_string"].decode("latin-1") if scope["query_string"] else "")
    back = "?" + urlencode({"next": wanted}) if scope["method"] == "GET" else ""
    return RedirectResponse(LOGIN + back, 303, {"cache-control": "no-store"})


# -- coming and going -----------------------------------------------------------------------------------------------------------


@open_router.get(LOGIN)
async def login_page(request: Request) -> Response:
    """Ask for a key or a token."""
    if request.scope["visit"].session:
        return RedirectResponse(_local(request), 303)
    request.scope["visit"].action = "login_page"
    return _login(request)


@open_router.post(LOGIN)
async def login(request: Request) -> Response:
    """Take a key or a token once, and give a session for it."""
    service: Service = request.app.state.service
    visit = request.scope["visit"]
    visit.action = "login"
    if not _same_site(request):
        return _failure(request.scope, 403)
    try:
        token = (await read_form(await request.body())).get("key", "").strip()
        principal, _ = await service.auth.recognise(b"Bearer " + token.encode("utf-8", "replace"))
    except ProblemError:
        principal = None
    if principal is None:
        return _login(request, wrong=True)
    visit.principal = principal
    cookie = service.sessions.begin(principal, await service.auth.ends(token))
    return RedirectResponse(_local(request), 303, {"set-cookie": cookie, "cache-control": "no-store"})


@open_router.post("/logout")
async def logout(request: Request) -> Response:
    """End the session, and have the phone forget what it kept."""
    service: Service = request.app.state.service
    visit = request.scope["visit"]
    visit.action = "logout"
    if not _ours(request, await read_form(await request.body())):
        return _failure(request.scope, 403)
    cookie = await service.sessions.end(visit.session)
    headers = {"set-cookie": cookie, "clear-site-data": '"storage"', "cache-control": "no-store"}
    return RedirectResponse(LOGIN + "?left=1", 303, headers)


# -- looking up -----------------------------------------------------------------------------------------------------------------


@router.get("/", operation_id="search_businesses")
async def search_page(request: Request, q: str = "", cursor: str | None = None) -> Response:
    """Search, and what was found."""
    q = " ".join(q.split())
    fault = "" if not q or _SHORTEST <= len(q) <= _LONGEST else f"请输入{_SHORTEST}到{_LONGEST}个字"
    found = await routes_businesses.search_businesses(request, q, _ROWS, cursor) if q and not fault else None
    more = "/?" + urlencode({"q": q, "cursor": found.next}) if found and found.next else ""
    names = districts(_service(request).settings, [h.division for h in found.businesses] if found else [])
    return _page(
        request, "search.html.j2", 422 if fault else 200, q=q, found=found, fault=fault, more=more, later=bool(cursor), names=names
    )


@router.get("/b/{code}", operation_id="get_business")
async def card_page(request: Request, code: Code) -> Response:
    """The card of a business."""
    request.scope["visit"].headers.pop(b"if-none-match", None)
    body: Any = (await routes_businesses.get_business(request, code)).body
    said = json.loads(bytes(body))
    return _page(request, "business.html.j2", c=said["card"], versions=said["versions"])


@router.get("/clues", operation_id="list_clues")
async def clues_page(
    request: Request, status: str = "", division: str = "", whole: bool = False, cursor: Annotated[str | None, Query(max_length=500)] = None
) -> Response:
    """Today's clues: this run's list, or every clue that has a number."""
    service = _service(request)
    chosen = status if status in STATES else None
    area = division if division.isascii() and division.isdigit() and 2 <= len(division) <= 12 else None
    found = await routes_clues.list_clues(
        request, status=chosen, grade=None, owner=None, division=area, listed=None if whole else True, limit=_ROWS, cursor=cursor
    )
    principal: Principal = request.scope["visit"].principal
    areas = {r[routes_clues.DIVISION] for r in service.shown().clues}
    names = districts(service.settings, {a for a in areas if principal.sees(a)})
    asked = {"status": chosen or "", "division": area or "", "whole": "1" if whole else ""}
    more = "/clues?" + urlencode({k: v for k, v in (asked | {"cursor": found.next or ""}).items() if v}) if found.next else ""
    left = {c.clue_id: days_left(c.due_on) for c in found.clues}
    return _page(request, "clues.html.j2", found=found, names=names, states=STATES, asked=asked, more=more, later=bool(cursor), left=left)


@router.get("/clues/{clue_id}", operation_id="get_clue")
async def clue_page(request: Request, clue_id: ClueId, filed: str = "") -> Response:
    """A clue, its moves, and the form to report on it."""
    return await _clue(request, clue_id, Filled(), filed=filed in STATES and filed)


@router.post("/clues/{clue_id}", operation_id="post_outcome")
async def file_outcome(request: Request, clue_id: ClueId) -> Response:
    """File an outcome; the form's own key makes the same form count once, however often it is sent."""
    sent = await read_form(await request.body())
    if not _ours(request, sent):
        raise ProblemError(403, "the form does not belong to this session", mend="open the page anew")
    filled = fill_in(sent)
    key = sent.get("key", "")
    if not (8 <= len(key) <= 80 and key.isascii() and key.replace("-", "").replace("_", "").isalnum()):
        raise ProblemError(422, "the form has lost its key", mend="open the page anew")
    if filled.outcome is None:
        return await _clue(request, clue_id, filled, status=422, key=key)
    try:
        done = await _post(request, clue_id, filled.outcome, key)
    except ConflictError:
        filled.errors = {"to": "这条线索刚被他人更新，或同一表单已用不同内容提交过。请核对当前状态后再提交"}
        return await _clue(request, clue_id, filled, status=409)
    except ProblemError as error:
        if error.status != 422:
            raise
        filled.errors = {"to": "线索当前状态不能这样办理，请核对当前状态后重新选择"}
        return await _clue(request, clue_id, filled, status=422)
    return RedirectResponse(f"/clues/{clue_id}?" + urlencode({"filed": done.status}), 303, {"cache-control": "no-store"})


async def _post(request: Request, clue_id: str, outcome: Outcome, key: str) -> OutcomeAnswer:
    """File it; where the same form came in twice at the same moment, look once more: then one of the two stands."""
    try:
        return await routes_clues.post_outcome(request, clue_id, outcome, key)
    except ConflictError as error:
        if not error.where.startswith("key"):
            raise
    return await routes_clues.post_outcome(request, clue_id, outcome, key)


async def _clue(request: Request, clue_id: str, filled: Filled, *, status: int = 200, key: str = "", filed: Any = "") -> Response:
    said = await routes_clues.get_clue(request, clue_id)
    may_file = request.scope["visit"].principal.role == "inspector"
    today = dt.datetime.now().astimezone().date().isoformat()
    return _page(
        request, "clue.html.j2", status, said=said, filled=filled, key=key or secrets.token_hex(16), filed=filed, may_file=may_file, today=today,
        left=days_left(said.clue.due_on), conclusions=CONCLUSIONS, reported=REPORTED,
    )  # fmt: skip


# -- what anybody may fetch -----------------------------------------------------------------------------------------------------


@open_router.get("/static/{name}")
async def static_file(request: Request, name: str) -> Response:
    """Style, script and icon."""
    return shell().answer(request.url.path) or Response(status_code=404)


@open_router.get("/sw.js")
async def worker() -> Response:
    """The service worker."""
    return shell().worker_answer()


@open_router.get("/manifest.webmanifest")
async def manifest() -> Response:
    """The web manifest."""
    return shell().manifest_answer()


@open_router.get("/offline")
async def offline_page(request: Request) -> Response:
    """What the phone shows without network where it kept nothing: the same for everybody."""
    return page("offline.html.j2", notice=_service(request).notice, session=None, who="", as_of="")


# -- parts ------------------------------------------------------------------------------------------------------------------------


def _page(request: Request, template: str, status: int = 200, **values: Any) -> Response:
    """A page of somebody's; the phone may keep it under their name, if it came out well."""
    service, session = _service(request), request.scope["visit"].session
    as_of = service.shown().as_of
    settings = service.settings
    keep = {_KEEP: f"{session.user} {settings.offline_hours:g} {settings.offline_pages} {as_of}"} if status == 200 else {}
    return page(
        template, status=status, headers=keep, notice=service.notice, session=session, who=who_words(session.principal), as_of=as_of,
        hours=f"{settings.offline_hours:g}", **values,
    )  # fmt: skip


def _login(request: Request, *, wrong: bool = False) -> Response:
    """The login; where a session is over, the phone is told to forget what it kept under it."""
    service = _service(request)
    ended = bool(service.sessions.raw(request.scope["visit"].headers.get(b"cookie", b"")))
    headers = {_FORGET: "1", "set-cookie": service.sessions.gone()} if ended else {}
    settings = service.settings
    left = request.query_params.get("left") == "1"
    return page(
        "login.html.j2", status=401 if wrong else 200, headers=headers, notice=service.notice, session=None, who="", as_of="", oidc=bool(settings.oidc_jwks),
        hours=f"{settings.session_hours:g}", next=_local(request), ended=ended, wrong=wrong, left=left,
    )  # fmt: skip


def _failure(scope: Scope, status: int, headers: dict[str, str] | None = None) -> Response:
    """A refusal as a page; it names nothing of what was asked."""
    visit, notice = scope["visit"], scope["app"].state.service.notice
    title, mend = REFUSED.get(status, REFUSED[500])
    session: Session | None = visit.session
    who = who_words(session.principal) if session else ""
    more = {k: v for k, v in (headers or {}).items() if k.lower() == "retry-after"}
    return page(
        "failure.html.j2",
        status=status,
        headers=more,
        notice=notice,
        session=session,
        who=who,
        as_of="",
        title=title,
        mend=mend,
        number=visit.request,
    )


def _service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


def _local(request: Request) -> str:
    """Where to go after the login: a page of ours, or the search."""
    wanted = request.query_params.get("next", "/")
    path, _, query = wanted.partition("?")
    if not is_page(path) or path.startswith("//") or path in (LOGIN, "/logout") or not wanted.isprintable() or "\\" in wanted:
        return "/"
    return quote(path, safe="/") + (f"?{quote(query, safe='=&%+-_.~')}" if query else "")


def _same_site(request: Request) -> bool:
    """Browsers say where a form stands; another site's is refused, whatever else it holds.

    Older ones say ``null``, because pages send no referrer; there the form's token and the cookie's ``SameSite`` must do.
    """
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin", "null")
    if site is not None:
        return site in ("same-origin", "none")
    return origin == "null" or origin.partition("://")[2] == request.headers.get("host", "")


def _ours(request: Request, sent: dict[str, str]) -> bool:
    """Whether a form is one this session was given."""
    session = request.scope["visit"].session
    return bool(session) and _same_site(request) and hmac.compare_digest(sent.get("token", "").encode(), session.token.encode())
