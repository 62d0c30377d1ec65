"""The whole schema, asked at random: no 5xx, no undocumented answer; and a generated client that works."""

from __future__ import annotations

import importlib
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import CHECKS
from schemathesis.generation import GenerationMode

from fraudrisk.service.audit import verify_workspace
from fraudrisk.service.keys import add_key
from fraudrisk.workspace import Workspace
from tests.service.conftest import Served
from tests.service.test_server import running, send

EXAMPLES = 60
OPERATIONS = [
    "get_business",
    "search_businesses",
    "get_business_history",
    "list_clues",
    "get_clue",
    "post_outcome",
    "read_complaints",
    "score_businesses",
    "get_model",
    "list_audit",
]
WANTED = ("not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance")
ROLE = {"post_outcome": "inspector", "list_audit": "auditor"}


@dataclass
class Live:
    """A real server, its keys, and somebody who exists."""

    workspace: Workspace
    address: str
    keys: dict[str, str]
    known: dict[str, str]
    document: dict[str, Any]


@pytest.fixture(scope="module")
def live(published: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    folder = tmp_path_factory.mktemp("live") / "office"
    shutil.copytree(published, folder)
    workspace = Workspace(folder)
    keys = {
        role: add_key(workspace, label=role, role=role, divisions=["33"] if role == "inspector" else [])[1]
        for role in ("inspector", "analyst", "auditor")
    }
    with running(workspace, workers=1) as (address, _):
        clue = send(address, keys["analyst"], "GET", "/v1/clues?limit=1").json()["clues"][0]
        document = send(address, keys["auditor"], "GET", "/openapi.json").json()
        yield Live(workspace, address, keys, {"code": clue["code"], "clue_id": clue["clue_id"]}, document)
    assert verify_workspace(workspace).faults == ()


@pytest.mark.slow
@pytest.mark.parametrize("operation", OPERATIONS)
def test_no_answer_is_undocumented(live: Live, operation: str) -> None:
    found = next(
        o.ok()
        for o in schemathesis.openapi.from_dict(live.document).get_all_operations()
        if o.ok().definition.raw["operationId"] == operation
    )
    headers = {"Authorization": f"Bearer {live.keys[ROLE.get(operation, 'analyst')]}"}
    statuses: set[int] = set()
    checks = [c for c in CHECKS.get_all() if c.__name__ in WANTED]
    assert len(checks) == len(WANTED)
    modes = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)

    @settings(max_examples=EXAMPLES, deadline=None, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(case=st.one_of(*(found.as_strategy(generation_mode=m) for m in modes)), known=st.booleans())
    def run(case: Any, known: bool) -> None:
        if known and case.path_parameters:  # half of the requests are about somebody who exists
            case.path_parameters = {n: live.known.get(n, v) for n, v in case.path_parameters.items()}
        answer = case.call(base_url=live.address, headers=headers)
        statuses.add(answer.status_code)
        case.validate_response(answer, checks=checks)

    run()
    assert statuses - {401}


def test_a_generated_client_works(served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("openapi_python_client")
    document = tmp_path / "openapi.json"
    document.write_text(json.dumps(served.get("auditor", "/openapi.json").json(), ensure_ascii=False))
    made = subprocess.run(
        [sys.executable, "-m", "openapi_python_client", "generate", "--path", str(document), "--output-path", str(tmp_path / "client"), "--meta", "none"],
        capture_output=True, text=True, cwd=tmp_path,
    )  # fmt: skip
    assert made.returncode == 0, made.stdout + made.stderr
    assert "WARNING" not in made.stdout + made.stderr
    monkeypatch.syspath_prepend(str(tmp_path))
    client = importlib.import_module("client").Client(
        base_url="http://testserver", headers={"Authorization": f"Bearer {served.keys['inspector']}"}
    )
    client.set_httpx_client(served.client)
    served.client.headers["Authorization"] = f"Bearer {served.keys['inspector']}"
    get_business = importlib.import_module("client.api.businesses.get_business")
    card = get_business.sync(served.some_code, client=client)
    assert card.card.business_id == served.some_code
    post = importlib.import_module("client.api.clues.post_outcome")
    outcome = importlib.import_module("client.models").Outcome.from_dict({"to": "已转办"})
    moved = post.sync(served.some_clue, client=client, body=outcome, idempotency_key="client-0001")
    assert moved.status == "已转办"
    assert post.sync("YL-0", client=client, body=outcome, idempotency_key="client-0002").status == 404
