"""New text, read by the library's own reader: the same answer as on the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio
from fastapi import APIRouter, Request

from fraudrisk.service.auth import GuardedRoute
from fraudrisk.service.problems import ProblemError, answers
from fraudrisk.service.schemas import Complaint, ReadAnswer, Reading, ReadRequest

if TYPE_CHECKING:
    from fraudrisk.service.state import Service

__all__ = ["router"]

router = APIRouter(prefix="/v1", route_class=GuardedRoute, tags=["complaints"])


@router.post("/complaints:read", operation_id="read_complaints", response_model=ReadAnswer, responses=answers(400, 422))
async def read_complaints(request: Request, asked: ReadRequest) -> ReadAnswer:
    """Category, tactics with quotes, stage, amount and respondent of each text. Nothing of it is kept."""
    service: Service = request.app.state.service
    if len(asked.complaints) > (most := service.settings.batch_texts):
        raise ProblemError(422, f"at most {most} complaints at a time", mend="send them in parts")
    rows = await anyio.to_thread.run_sync(_read, service, list(asked.complaints.values()), limiter=service.batches)
    return ReadAnswer(notice=service.notice, model=service.text_reader.model_id, readings=dict(zip(asked.complaints, rows, strict=True)))


def _read(service: Service, complaints: list[Complaint]) -> list[Reading]:
    rows: list[dict[str, Any]] = list(service.text_reader.read_block([c.text for c in complaints], [c.title for c in complaints]))
    return [Reading.model_validate(row) for row in rows]
