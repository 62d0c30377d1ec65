"""The application: routers behind the gate. The library never imports it."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI

from fraudrisk import __version__
from fraudrisk.errors import FraudRiskError
from fraudrisk.service import pages, routes_about, routes_businesses, routes_clues, routes_reading
from fraudrisk.service.gate import Gate
from fraudrisk.service.logs import set_up
from fraudrisk.service.openapi import describe
from fraudrisk.service.problems import install
from fraudrisk.service.state import Service
from fraudrisk.workspace import Workspace

__all__ = ["app_from_environment", "create_app"]


def create_app(workspace: Workspace | str | Path) -> FastAPI:
    """Make the service of a workspace; its settings are the workspace's.

    Parameters
    ----------
    workspace : Workspace or path

    Returns
    -------
    FastAPI
        Warms up in its lifespan: ``/readyz`` says when it is done.

    Raises
    ------
    NotFoundError, ConfigError
        No workspace there; a setting is wrong.
    """
    service = Service(workspace if isinstance(workspace, Workspace) else Workspace(workspace))

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        try:
            await service.start()
        except Exception as error:
            words = f": {error}" if isinstance(error, FraudRiskError) else ""
            set_up().critical("could not start%s", words, exc_info=True)
            raise
        try:
            yield
        finally:
            await service.stop()

    app = FastAPI(
        title="fraudrisk", version=__version__, lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False
    )
    app.state.service = service
    app.add_middleware(Gate, service=service)
    install(app, service.notice)
    app.router.routes[:0] = routes_businesses.direct.routes
    for router in (routes_businesses.router, routes_clues.router, routes_reading.router, routes_about.router, routes_about.open_router):
        app.include_router(router)
    app.include_router(pages.router)
    app.include_router(pages.open_router)
    service.refusal = pages.refusal
    describe(app)
    return app


def app_from_environment() -> FastAPI:
    """The service of the workspace ``FRAUDRISK_WORKSPACE`` names: what server processes call."""
    return create_app(os.environ["FRAUDRISK_WORKSPACE"])
