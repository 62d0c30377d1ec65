"""A published office, served in process, with a key of every role."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from fraudrisk.run import RunResult
from fraudrisk.service.app import create_app
from fraudrisk.service.audit import Verified, verify_workspace
from fraudrisk.service.keys import add_key
from fraudrisk.service.releases import publish_release
from fraudrisk.workspace import Workspace


def wait_for(what: Callable[[], bool]) -> None:
    """Wait up to ten seconds: a fixed pause is too short on a busy machine."""
    for _ in range(200):
        if what():
            return
        time.sleep(0.05)
    raise AssertionError("it did not happen")


ROLES = ("inspector", "analyst", "auditor")


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory, office: Workspace, finished: RunResult) -> Path:
    """A workspace with one release. Read only: see ``served``."""
    assert finished
    folder = tmp_path_factory.mktemp("published") / "office"
    shutil.copytree(office.path, folder)
    publish_release(Workspace(folder))
    return folder


@dataclass
class Served:
    """An application and who may call it."""

    workspace: Workspace
    app: FastAPI
    client: TestClient
    keys: dict[str, str]

    def ask(self, role: str | None, method: str, path: str, **more: Any) -> Any:
        headers = dict(more.pop("headers", {}))
        if role is not None:
            headers["Authorization"] = f"Bearer {self.keys.get(role, role)}"
        return self.client.request(method, path, headers=headers, **more)

    def get(self, role: str | None, path: str, **more: Any) -> Any:
        return self.ask(role, "GET", path, **more)

    @property
    def some_code(self) -> str:
        return str(self.get("analyst", "/v1/clues?limit=1").json()["clues"][0]["code"])

    @property
    def some_clue(self) -> str:
        return str(self.get("analyst", "/v1/clues?limit=1").json()["clues"][0]["clue_id"])

    def verified(self) -> Verified:
        return verify_workspace(self.workspace)


@pytest.fixture
def serve(published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Served]]:
    """Serve a copy of the published office with settings of its own."""
    opened: list[TestClient] = []
    for name in [n for n in os.environ if n.startswith("FRAUDRISK_") and n != "FRAUDRISK_TEST_POSTGRES"]:
        monkeypatch.delenv(name)

    def start(**settings: Any) -> Served:
        folder = tmp_path / f"office{len(opened)}"
        shutil.copytree(published, folder)
        for name, value in (
            {"rate_per_second": 1e6, "rate_burst": 1_000_000, "key_cache_seconds": 0, "release_poll_seconds": 0.05} | settings
        ).items():
            monkeypatch.setenv(f"FRAUDRISK_{name.upper()}", str(value))
        workspace = Workspace(folder)
        keys = {role: add_key(workspace, label=role, role=role, divisions=["3302"] if role == "inspector" else [])[1] for role in ROLES}
        keys["stranger"] = add_key(workspace, label="stranger", role="inspector", divisions=["1101"])[1]
        app = create_app(workspace)
        client = TestClient(app, raise_server_exceptions=False)
        client.__enter__()
        opened.append(client)
        return Served(workspace, app, client, keys)

    yield start
    for client in opened:
        client.__exit__(None, None, None)


@pytest.fixture
def served(serve: Callable[..., Served]) -> Served:
    return serve()
