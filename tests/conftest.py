"""Shared parts: a small synthetic office, run once."""

from __future__ import annotations

import datetime as dt
import json
import os
from pathlib import Path

import pytest
from hypothesis import settings

from fraudrisk.packs import Pack, load_pack
from fraudrisk.run import RunResult
from fraudrisk.workspace import Workspace

settings.register_profile("ci", deadline=None, print_blob=True)
settings.load_profile("ci")

TINY = Path(__file__).parent / "packs" / "prepaid_cards"
AS_OF = dt.date(2026, 11, 1)


@pytest.fixture(scope="session")
def tiny_pack() -> Pack:
    """A second, tiny field of fraud: data only."""
    return load_pack(TINY)


@pytest.fixture(scope="session")
def pack() -> Pack:
    return load_pack("elder_fraud")


@pytest.fixture(scope="session")
def city_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Dirty files of a synthetic city of 1,500 businesses."""
    from fraudrisk.simulate import CitySpec, simulate_city, write_city

    folder = tmp_path_factory.mktemp("city")
    write_city(simulate_city(CitySpec(seed=11, businesses=1500)), folder)
    return folder


def import_all(workspace: Workspace, files: Path) -> None:
    catalogue = json.loads((files / "目录.json").read_text(encoding="utf-8"))["tables"]
    for table, names in catalogue.items():
        for name in names:
            workspace.import_table(table, files / name)


@pytest.fixture(scope="session")
def office(tmp_path_factory: pytest.TempPathFactory, city_files: Path) -> Workspace:
    """A workspace with the whole city imported. Read only: copy it before changing it."""
    workspace = Workspace.create(tmp_path_factory.mktemp("ws") / "office", division="330299")
    import_all(workspace, city_files)
    return workspace


@pytest.fixture(scope="session")
def finished(office: Workspace) -> RunResult:
    return office.run(AS_OF, 40)


@pytest.fixture
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [n for n in os.environ if n.startswith("FRAUDRISK_")]:
        monkeypatch.delenv(name)
