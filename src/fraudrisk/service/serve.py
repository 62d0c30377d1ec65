"""Starting the service: processes that share one socket, with figures that add up."""

from __future__ import annotations

import os
import tempfile
from typing import Any

from fraudrisk.errors import ConfigError
from fraudrisk.service.tables import open_store
from fraudrisk.workspace import Workspace

__all__ = ["serve"]

_GRACE = 15


def serve(
    workspace: Workspace,
    *,
    host: str | None = None,
    port: int | None = None,
    workers: int | None = None,
    target: str = "fraudrisk.service.app:app_from_environment",
) -> None:
    """Serve a workspace until told to stop; requests in hand are finished, and what waits for the audit log is written.

    Parameters
    ----------
    workspace : Workspace
    host, port, workers : optional
        The settings' where not given.
    target : str
        Factory of the application; for benchmarks.

    Raises
    ------
    ConfigError
        The server is not installed.
    InputError
        The store cannot be reached.
    """
    try:
        from granian import Granian
        from granian.constants import HTTPModes, Interfaces
        from granian.http import HTTP1Settings
    except ImportError as error:
        raise ConfigError("the server is not installed", mend="pip install 'fraudrisk[api]'") from error
    settings = workspace.settings
    open_store(workspace).dispose()
    os.environ["FRAUDRISK_WORKSPACE"] = str(workspace.path.resolve())
    with tempfile.TemporaryDirectory(prefix="fraudrisk-metrics-") as figures:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = figures
        server: Any = Granian(
            target, factory=True, interface=Interfaces.ASGI, http=HTTPModes.http1, address=host or settings.host, port=port or settings.port, workers=workers or settings.workers,
            websockets=False, respawn_failed_workers=True, respawn_interval=0.5, workers_kill_timeout=_GRACE, log_enabled=False, backlog=2048,
            http1_settings=HTTP1Settings(header_read_timeout=10_000, max_buffer_size=131_072),
        )  # fmt: skip
        server.serve()
