"""What answers here, whether it is alive and ready, its figures, and the audit log for those who check it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import anyio
from fastapi import APIRouter, Query, Request
from starlette.responses import JSONResponse, Response

from fraudrisk.service.audit import audit_folder
from fraudrisk.service.auth import GuardedRoute
from fraudrisk.service.chain import Chain, segments
from fraudrisk.service.filling import versions_of
from fraudrisk.service.problems import answers
from fraudrisk.service.schemas import AuditPage, ModelAnswer, Status

if TYPE_CHECKING:
    from fraudrisk.service.state import Service

__all__ = ["open_router", "router"]

router = APIRouter(route_class=GuardedRoute, tags=["about"])
open_router = APIRouter(tags=["about"])

_BLOCK = 65_536


@router.get("/v1/model", operation_id="get_model", response_model=ModelAnswer, responses=answers())
async def get_model(request: Request) -> ModelAnswer:
    """The release, the versions that made it, grades, indicators and the features a score is made from."""
    service: Service = request.app.state.service
    release, pack, settings = service.shown(), service.pack, service.settings
    return ModelAnswer(
        notice=service.notice, release=release.number, as_of=release.as_of, published_at=release.published_at, versions=versions_of(release.manifest),
        leader=service.leader.label, grades={str(g): float(v) for g, v in pack.indicators.grades.items()}, counts=release.manifest["grades"],
        indicators=[{"id": i.id, "label": i.label, "index": i.index} for i in pack.indicators.indicators], features=[f.name for f in pack.features] + service.leader.categories,
        limits={"body_bytes": settings.body_limit, "texts": settings.batch_texts, "businesses": settings.batch_businesses, "page_rows": settings.page_rows},
    )  # fmt: skip


@router.get("/v1/audit", operation_id="list_audit", response_model=AuditPage, responses=answers(422))
async def list_audit(
    request: Request, limit: Annotated[int, Query(ge=1, le=200)] = 50, cursor: Annotated[str | None, Query(max_length=500)] = None
) -> AuditPage:
    """Lines of the audit log, latest first. Whether it is sound is checked by ``fraudrisk audit verify``."""
    service: Service = request.app.state.service
    _, place = service.cursors.read(cursor, "audit") if cursor else (0, {})
    folder, limit = audit_folder(service.workspace), min(limit, service.settings.page_rows)
    chain, lines, before = await anyio.to_thread.run_sync(_latest, folder, place, limit)
    made = service.cursors.make("audit", 0, before) if before else None
    return AuditPage(notice=service.notice, chain=chain, entries=[json.loads(line) for line in lines], next=made)


@router.get(
    "/metrics",
    operation_id="metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}, **answers()},
)
async def metrics(request: Request) -> Response:
    """Figures for Prometheus, of all processes."""
    service: Service = request.app.state.service
    service.metrics.flush()  # here, where requests are counted: in the thread, counts were lost or doubled
    return Response(await anyio.to_thread.run_sync(service.metrics.text), media_type="text/plain; version=0.0.4; charset=utf-8")


@router.get("/openapi.json", operation_id="openapi", include_in_schema=False)
async def openapi(request: Request) -> Response:
    """The interface, to make a client from."""
    return JSONResponse(request.app.openapi())


@open_router.get("/healthz", operation_id="healthz", response_model=Status)
async def healthz(request: Request) -> Status:
    """Alive: the process answers."""
    return Status(notice=request.app.state.service.notice, status="alive")


@open_router.get("/readyz", operation_id="readyz", response_model=Status, responses={503: {"model": Status, "description": "Not ready."}})
async def readyz(request: Request) -> Response:
    """Ready: warmed up, a run is shown, and the audit log can be written."""
    service: Service = request.app.state.service
    why = "" if service.ready else "warming up"
    why = why or ("the store cannot be read" if service.store_away else "")
    why = why or ("" if service.release else "no run was published yet") or service.audit.broken or ""
    said = Status(
        notice=service.notice, status="not ready" if why else "ready", release=service.release.number if service.release else None
    )
    return JSONResponse(said.model_dump(), 503 if why else 200)


def _latest(folder: Path, place: dict[str, Any], limit: int) -> tuple[str, list[bytes], dict[str, Any]]:
    """Whole lines before a place in the log, and the place before them."""
    head = Chain(folder).head()
    number, end = int(place.get("segment", head.segment)), int(place.get("end", head.bytes))
    paths = segments(folder, head.chain)
    lines: list[bytes] = []
    while 0 < number <= len(paths) and len(lines) < limit:
        with paths[number - 1].open("rb") as stream:
            start = max(0, end - _BLOCK)
            stream.seek(start)
            block = stream.read(end - start)
        cut = block.find(b"\n") + 1 if start else 0
        found = block[cut:].splitlines()[-(limit - len(lines)) :]
        end -= sum(len(line) + 1 for line in found)
        lines += reversed(found)
        if end <= 0 and number > 1:
            number -= 1
            end = paths[number - 1].stat().st_size
        elif end <= 0:
            break
    return head.chain, lines, {"segment": number, "end": end} if end > 0 and number <= len(paths) else {}
