"""What the service answers: cards as the library makes them, searches, clues, outcomes, readings and scores; errors as problems."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from fraudrisk.complaints.reader import COLUMNS, ComplaintReader
from fraudrisk.outcomes.ledger import Ledger
from fraudrisk.run import RunResult
from fraudrisk.scoring import Leader
from fraudrisk.service.releases import list_releases, publish_release, rollback
from fraudrisk.workspace import Workspace
from tests.service.conftest import Served, wait_for

PHONE = "13812345678"


def test_a_card_is_what_the_run_wrote(served: Served, finished: RunResult) -> None:
    for card in finished.cards()[:5]:
        answer = served.get("inspector", f"/v1/businesses/{card['business_id']}")
        assert answer.status_code == 200, answer.text
        shown = answer.json()["card"]
        for tied in shown["related"]:
            assert tied.pop("division").startswith("3302")
        assert shown == card
        assert answer.json()["notice"] == served.workspace.pack.notice


def test_every_scored_business_has_a_card_with_its_score(served: Served, finished: RunResult) -> None:
    scores = finished.scores()
    for row in scores.iloc[:: len(scores) // 40].itertuples():
        answer = served.get("analyst", f"/v1/businesses/{row.business_id}")
        assert answer.status_code == 200
        assert (answer.json()["card"]["score"], answer.json()["card"]["grade"]) == (row.score, row.grade)


def test_a_card_is_not_sent_twice(served: Served) -> None:
    path = f"/v1/businesses/{served.some_code}"
    first = served.get("analyst", path)
    again = served.get("analyst", path, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
    assert served.get("analyst", path, headers={"If-None-Match": '"other"'}).status_code == 200


def test_lower_case_codes_are_found(served: Served) -> None:
    assert served.get("analyst", f"/v1/businesses/{served.some_code.lower()}").status_code == 200


def test_search(served: Served, finished: RunResult) -> None:
    card = finished.cards()[0]
    name, code = card["name"], card["business_id"]
    for question in (name, name[2:8], name[:5] + name[6:], code[:12]):
        found = served.get("analyst", "/v1/businesses", params={"q": question}).json()
        assert code in [b["code"] for b in found["businesses"]], question
    assert served.get("analyst", "/v1/businesses", params={"q": name}).json()["businesses"][0]["code"] == code
    assert served.get("stranger", "/v1/businesses", params={"q": name}).json()["businesses"] == []


def test_pages_hold_everything_once(served: Served) -> None:
    whole = served.get("analyst", "/v1/clues?limit=50").json()["clues"]
    paged, cursor = [], None
    while True:
        answer = served.get("analyst", "/v1/clues", params={"limit": 7} | ({"cursor": cursor} if cursor else {})).json()
        paged += answer["clues"]
        cursor = answer["next"]
        if not cursor:
            break
    assert [c["clue_id"] for c in paged][: len(whole)] == [c["clue_id"] for c in whole]
    assert len({c["clue_id"] for c in paged}) == len(paged)
    codes, cursor = [], None
    for _ in range(6):
        answer = served.get(
            "analyst", "/v1/businesses", params={"q": "91330299", "limit": 9} | ({"cursor": cursor} if cursor else {})
        ).json()
        codes += [b["code"] for b in answer["businesses"]]
        cursor = answer["next"]
    assert len(codes) == 54
    assert codes == sorted(set(codes))


def test_inspectors_do_not_page_deep(serve: Callable[..., Served]) -> None:
    served = serve(depth_rows=20)
    cursor, rows = None, 0
    for _ in range(4):
        answer = served.get("inspector", "/v1/businesses", params={"q": "91330299", "limit": 9} | ({"cursor": cursor} if cursor else {}))
        if answer.status_code != 200:
            break
        rows, cursor = rows + len(answer.json()["businesses"]), answer.json()["next"]
    assert (answer.status_code, rows) == (422, 20)
    forged = cursor[:-4] + "0000"
    assert served.get("inspector", "/v1/businesses", params={"q": "91330299", "cursor": forged}).status_code == 422


def test_an_outcome_goes_through_the_ledger_once(served: Served) -> None:
    clue = served.some_clue
    path = f"/v1/clues/{clue}/outcome"
    steps = [({"to": "已转办"}, "key-00001"), ({"to": "核查中"}, "key-00002")]
    for body, key in steps:
        assert served.ask("inspector", "POST", path, json=body, headers={"Idempotency-Key": key}).status_code == 200
    found = {"to": "已反馈", "conclusion": "属实", "why": f"张三说，电话{PHONE}", "measures": "责令改正", "involved_yuan": 36000}
    first = served.ask("inspector", "POST", path, json=found, headers={"Idempotency-Key": "key-00003"})
    again = served.ask("inspector", "POST", path, json=found, headers={"Idempotency-Key": "key-00003"})
    assert first.status_code == again.status_code == 200
    assert first.json() == again.json()
    other = served.ask("inspector", "POST", path, json=found | {"involved_yuan": 1}, headers={"Idempotency-Key": "key-00003"})
    assert (other.status_code, other.headers["content-type"]) == (409, "application/problem+json")
    history = Ledger(served.workspace.path / "ledger.db").history(clue)
    assert history["after"].tolist() == ["待分办", "已转办", "核查中", "已反馈"]
    assert PHONE not in history.to_string()
    seen = served.get("inspector", f"/v1/clues/{clue}").json()
    assert (seen["clue"]["status"], seen["clue"]["conclusion"], seen["allowed"]) == ("已反馈", "属实", ["已办结", "核查中"])
    assert [m["after"] for m in seen["moves"]] == history["after"].tolist()


@pytest.mark.parametrize(
    ("body", "mend"),
    [({"to": "已办结"}, "it goes to"), ({"to": "已转办", "conclusion": "属实"}, "")],
)
def test_illegal_moves_are_refused_with_the_mend(served: Served, body: dict[str, str], mend: str) -> None:
    answer = served.ask("inspector", "POST", f"/v1/clues/{served.some_clue}/outcome", json=body, headers={"Idempotency-Key": "key-00009"})
    assert answer.status_code == 422
    assert mend in answer.json().get("mend", "")


def test_texts_are_read_as_by_the_library(served: Served, office: Workspace) -> None:
    texts = office.table("complaint")["text"].dropna().head(64).tolist()
    answer = served.ask("analyst", "POST", "/v1/complaints:read", json={"complaints": {f"k{i}": {"text": t} for i, t in enumerate(texts)}})
    assert answer.status_code == 200
    frame = ComplaintReader.load(pack=served.workspace.pack).read(texts)
    for i, row in enumerate(frame.astype(object).where(frame.notna(), None).to_dict("records")):
        reading = answer.json()["readings"][f"k{i}"]
        assert {k: reading[k] for k in COLUMNS[1:]} == {k: row[k] for k in COLUMNS[1:]}
        assert all(e["quote"] == reading["masked"][e["start"] : e["end"]] for e in reading["evidence"])


def test_scores_are_the_librarys_to_the_last_bit(served: Served, finished: RunResult) -> None:
    features = finished.features().head(50)
    leader = Leader.of_pack(served.workspace.pack)
    columns = [f.name for f in served.workspace.pack.features if f.name in features]
    scored = leader.score_arrays({c: features[c].to_numpy(dtype="float64", na_value=float("nan")) for c in columns}, len(features))
    rows = {
        b: {c: None if pd.isna(v) else float(v) for c, v in zip(columns, values, strict=True)}
        for b, *values in features[["business_id", *columns]].itertuples(index=False)
    }
    answer = served.ask("analyst", "POST", "/v1/businesses:score", json={"businesses": rows}).json()["scores"]
    for i, business in enumerate(features["business_id"]):
        got = answer[business]
        assert (got["score"], got["grade"], got["probability"]) == (scored["score"][i], scored["grade"][i], scored["probability"][i])
        assert sum(r["points"] for r in got["reasons"]) == pytest.approx(got["score"])


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        ("/v1/complaints:read", {"complaints": {str(i): {"text": "x"} for i in range(65)}}, "at most 64"),
        ("/v1/businesses:score", {"businesses": {str(i): {} for i in range(1001)}}, "at most 1000"),
        ("/v1/businesses:score", {"businesses": {"a": {"no_such": 1}}}, "no_such"),
        ("/v1/businesses:score", {"businesses": {"a": {"lost_contact": "x"}}}, "wrong kind"),
        ("/v1/complaints:read", {"complaints": {"a": {"text": "x" * 1_000_001}}}, "1000000 bytes"),
    ],
)
def test_limits_stand_in_the_error(served: Served, path: str, body: object, words: str) -> None:
    answer = served.ask("analyst", "POST", path, json=body)
    assert answer.status_code in (413, 422)
    assert words in answer.json()["detail"]
    assert answer.json()["notice"] == served.workspace.pack.notice


def test_history(served: Served) -> None:
    said = served.get("inspector", f"/v1/businesses/{served.some_code}/history").json()
    assert said["assessments"][-1]["as_of"] == "2026-11-01"
    assert said["clue"]
    assert said["moves"][0]["after"] == "待分办"


def test_a_new_run_is_shown_and_taken_back(served: Served) -> None:
    before = served.get("analyst", "/v1/model").json()["release"]
    path = f"/v1/businesses/{served.some_code}"
    tag = served.get("analyst", path).headers["etag"]
    made = publish_release(Workspace(served.workspace.path))
    assert made.number > before
    wait_for(lambda: served.get("analyst", "/v1/model").json()["release"] == made.number)
    assert served.get("analyst", path, headers={"If-None-Match": tag}).status_code == 200
    assert rollback(served.workspace).number == before
    wait_for(lambda: served.get("analyst", "/v1/model").json()["release"] == before)
    assert served.get("analyst", path, headers={"If-None-Match": tag}).status_code == 304
    assert [r.current for r in list_releases(served.workspace)] == [True, False]


def test_no_run_yet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from starlette.testclient import TestClient

    from fraudrisk.service.app import create_app
    from fraudrisk.service.keys import add_key

    workspace = Workspace.create(tmp_path / "new", division="330299")
    _, key = add_key(workspace, label="desk", role="analyst")
    with TestClient(create_app(workspace)) as client:
        assert client.get("/healthz").status_code == 200
        assert client.get("/readyz").status_code == 503
        answer = client.get("/v1/businesses/91330299MA0000001X", headers={"Authorization": f"Bearer {key}"})
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "10")


def test_complainants_are_nowhere(served: Served, office: Workspace) -> None:
    """Reporter identity never: nothing of the complainant's columns stands in any card, list or clue."""
    complaints = office.table("complaint")
    hidden = {str(v) for c in complaints if c.startswith("complainant") for v in complaints[c].dropna().unique() if len(str(v)) > 6}
    texts = []
    for clue in served.get("analyst", "/v1/clues?limit=50").json()["clues"]:
        texts.append(served.get("analyst", f"/v1/clues/{clue['clue_id']}").text)
        texts.append(served.get("analyst", f"/v1/businesses/{clue['code']}").text)
        texts.append(served.get("analyst", f"/v1/businesses/{clue['code']}/history").text)
    assert len(texts) > 30
    assert hidden
    whole = "\n".join(texts)
    assert [h for h in hidden if h in whole] == []
    assert "person_key" not in whole
    assert "complainant" not in whole


def test_every_answer_carries_version_and_notice(served: Served) -> None:
    answers = [
        served.get("analyst", p)
        for p in ("/v1/model", "/v1/clues", "/v1/businesses?q=91330299", "/v1/nothing", f"/v1/businesses/{served.some_code}", "/healthz")
    ]
    for answer in answers:
        assert answer.json()["schema_version"] == "1"
        assert answer.json()["notice"] == served.workspace.pack.notice
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert "strict-transport-security" not in answer.headers


def test_tls_in_front_is_said_to_browsers(serve: Callable[..., Served]) -> None:
    assert "max-age" in serve(behind_tls=True).get(None, "/healthz").headers["strict-transport-security"]


def test_figures(served: Served) -> None:
    served.get("analyst", f"/v1/businesses/{served.some_code}")
    text = served.get("auditor", "/metrics").text
    assert 'fraudrisk_requests_total{operation="get_business",status="200"} 1.0' in text
    assert 'fraudrisk_request_seconds_count{operation="get_business"} 1.0' in text


def test_the_document_is_complete(served: Served) -> None:
    said = served.get("auditor", "/openapi.json").json()
    operations = {o["operationId"]: o for p in said["paths"].values() for o in p.values()}
    assert set(operations) == {
        "get_business", "search_businesses", "get_business_history", "list_clues", "get_clue", "post_outcome", "read_complaints", "score_businesses", "get_model",
        "list_audit", "metrics", "healthz", "readyz",
    }  # fmt: skip
    for name, operation in operations.items():
        assert operation["summary"]
        assert name in ("healthz", "readyz") or {"401", "403", "429", "503"} <= set(operation["responses"])
        for status, answer in operation["responses"].items():
            if status >= "400" and name not in ("healthz", "readyz"):
                assert list(answer["content"]) == ["application/problem+json"]
    assert "HTTPValidationError" not in json.dumps(said)


def test_another_machine_makes_its_own_index(served: Served) -> None:
    import shutil

    from starlette.testclient import TestClient

    from fraudrisk.service.app import create_app

    question = {"q": served.get("analyst", "/v1/clues?limit=1").json()["clues"][0]["name"]}
    expected = served.get("analyst", "/v1/businesses", params=question).json()
    shutil.rmtree(served.workspace.path / "search")
    with TestClient(create_app(served.workspace)) as client:
        answer = client.get("/v1/businesses", params=question, headers={"Authorization": f"Bearer {served.keys['analyst']}"})
    assert answer.json() == expected
