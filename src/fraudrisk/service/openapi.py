"""The OpenAPI document: complete enough to make a client from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi.openapi.utils import get_openapi

from fraudrisk.service.problems import MEDIA

if TYPE_CHECKING:
    from fastapi import FastAPI

__all__ = ["describe"]

_ABOUT = (
    "Look-ups over the last published run. A score is a lead, not a finding: every answer carries the notice. "
    "Send 'Authorization: Bearer KEY' and, where it is wanted, 'X-Purpose'."
)


def describe(app: FastAPI) -> None:
    """Give `app` its document: who may call, and errors as problems only."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            said = get_openapi(title=app.title, version=app.version, description=_ABOUT, routes=app.routes, openapi_version="3.1.0")
            said["components"].setdefault("securitySchemes", {})["bearer"] = {
                "type": "http",
                "scheme": "bearer",
                "description": "An API key, or a token of the issuer.",
            }
            for path, operations in said["paths"].items():
                for operation in operations.values():
                    if path not in ("/healthz", "/readyz"):
                        operation["security"] = [{"bearer": []}]
                    _only_problems(operation)
            for name in ("HTTPValidationError", "ValidationError"):
                said["components"]["schemas"].pop(name, None)
            app.openapi_schema = said
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _only_problems(operation: dict[str, Any]) -> None:
    """Errors are problems and nothing else; FastAPI would add its own kind."""
    for status, answer in operation["responses"].items():
        if status.isdigit() and int(status) >= 400 and MEDIA in answer.get("content", {}):
            answer["content"] = {MEDIA: {"schema": {"$ref": "#/components/schemas/Problem"}}}
