"""Errors as RFC 9457 problem details: what is wrong, where, the mend; never the input itself, which may hold personal data."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from fraudrisk.errors import FraudRiskError
from fraudrisk.privacy import mask_text
from fraudrisk.service.schemas import SCHEMA_VERSION, Problem

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastapi import FastAPI
    from starlette.requests import Request

__all__ = ["MEDIA", "ProblemError", "answers", "install", "problem"]

MEDIA = "application/problem+json"
TITLES = {
    400: "Bad request",
    401: "Who are you?",
    403: "Not yours to see",
    404: "Not found",
    405: "Method not allowed",
    409: "Conflict",
    413: "Too large",
    415: "Wrong media type",
    422: "Not acceptable as it is",
    429: "Too many requests",
    500: "Our fault",
    503: "Not ready",
}


_STEP, _WORDS = 64, 300
"""Most letters of a step and of what is said, in the faults of a request."""


class ProblemError(Exception):
    """A refusal with its status.

    Parameters
    ----------
    status : int
    detail : str
    mend : str
    headers : mapping, optional
    """

    def __init__(self, status: int, detail: str, *, mend: str = "", headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status, self.detail, self.mend, self.headers = status, detail, mend, dict(headers or {})


def problem(
    status: int,
    detail: str,
    *,
    notice: str,
    mend: str = "",
    errors: list[dict[str, str]] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """A problem as a response.

    Examples
    --------
    >>> problem(404, "no such clue", notice="", mend="check the number").body[:60]
    b'{"type": "urn:fraudrisk:problem:404", "title": "Not found", '
    """
    body: dict[str, Any] = {
        "type": f"urn:fraudrisk:problem:{status}",
        "title": TITLES.get(status, "Error"),
        "status": status,
        "detail": detail,
    }
    body |= {"mend": mend} if mend else {}
    body |= {"errors": errors} if errors else {}
    body |= {"schema_version": SCHEMA_VERSION, "notice": notice}
    return Response(json.dumps(body, ensure_ascii=False), status, dict(headers or {}), MEDIA)


def answers(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Documentation of the errors an operation may give, for OpenAPI."""
    return {
        s: {"model": Problem, "description": TITLES[s], "content": {MEDIA: {"schema": {"$ref": "#/components/schemas/Problem"}}}}
        for s in sorted({*statuses, 401, 403, 413, 429, 500, 503})
    }


def _place(part: str | int) -> str:
    """A step to where the fault is; a caller's own key only as long as it tells which one, and never a number of somebody's."""
    return mask_text(str(part)[:_STEP]) if isinstance(part, str) else str(part)


def install(app: FastAPI, notice: str) -> None:
    """Map every error to a problem, in one place."""

    @app.exception_handler(ProblemError)
    async def _refused(_: Request, error: ProblemError) -> Response:
        return problem(error.status, error.detail, notice=notice, mend=error.mend, headers=error.headers)

    @app.exception_handler(FraudRiskError)
    async def _known(_: Request, error: FraudRiskError) -> Response:
        status = error.http_status
        detail = error.what if status < 500 else "the service met an error of its own"
        return problem(status, detail, notice=notice, mend=error.mend if status < 500 else "try again; tell the operator the request id")

    @app.exception_handler(RequestValidationError)
    async def _invalid(_: Request, error: RequestValidationError) -> Response:
        faults = [{"where": ".".join(_place(part) for part in e["loc"]), "what": str(e["msg"])[:_WORDS]} for e in error.errors()[:20]]
        return problem(422, "the request does not fit the schema", notice=notice, mend="see errors and /openapi.json", errors=faults)

    @app.exception_handler(HTTPException)
    async def _http(_: Request, error: HTTPException) -> Response:
        return problem(error.status_code, TITLES.get(error.status_code, "Error"), notice=notice, headers=error.headers)
