"""The audit log: one chain for several processes, and every kind of tampering is found."""

from __future__ import annotations

import json
import multiprocessing as mp
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fraudrisk.errors import IntegrityError
from fraudrisk.service.audit import AuditLog, verify
from fraudrisk.service.chain import Chain, Head
from fraudrisk.service.keys import add_key, revoke_key
from fraudrisk.workspace import Workspace
from tests.service.conftest import Served, wait_for

LINES = 12


def written(folder: Path, segment_bytes: int = 256_000_000) -> tuple[list[bytes], Head]:
    chain = Chain(folder, segment_bytes=segment_bytes)
    for n in range(LINES):
        head = chain.append([{"action": f"looked {n}", "object": "某某"}])
    return b"".join(p.read_bytes() for p in sorted(folder.glob("*.jsonl"))).splitlines(keepends=True), head


def faults(folder: Path, head: Head | None = None) -> tuple[str, ...]:
    return verify(folder, {head.chain: (head.seq, head.hash)} if head else {}).faults


def one_file(folder: Path) -> Path:
    return next(iter(folder.glob("*.jsonl")))


def test_a_sound_log_is_sound(tmp_path: Path) -> None:
    _, head = written(tmp_path)
    assert faults(tmp_path, head) == ()
    assert verify(tmp_path, {}).lines == LINES


def test_files_follow_one_another(tmp_path: Path) -> None:
    _, head = written(tmp_path, segment_bytes=700)
    assert len(list(tmp_path.glob("*.jsonl"))) > 2
    assert faults(tmp_path, head) == ()
    sorted(tmp_path.glob("*.jsonl"))[1].unlink()
    assert faults(tmp_path, head)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_change_of_a_byte_is_found(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    folder = tmp_path_factory.mktemp("log")
    lines, head = written(folder)
    raw = bytearray(b"".join(lines))
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at] ^= data.draw(st.integers(1, 255))
    one_file(folder).write_bytes(raw)
    assert faults(folder, head)


@settings(max_examples=100)
@given(what=st.sampled_from(["remove", "swap", "repeat", "cut", "insert"]), data=st.data())
def test_any_other_order_is_found(tmp_path_factory: pytest.TempPathFactory, what: str, data: st.DataObject) -> None:
    folder = tmp_path_factory.mktemp("log")
    lines, head = written(folder)
    i = data.draw(st.integers(0, LINES - 1))
    j = data.draw(st.integers(0, LINES - 1).filter(lambda k: k != i))
    if what == "remove":
        del lines[min(i, j) : max(i, j)]
    elif what == "swap":
        lines[i], lines[j] = lines[j], lines[i]
    elif what == "repeat":
        lines.insert(i, lines[j])
    elif what == "cut":
        del lines[i:]
    else:
        lines.insert(i, b'{"seq":1,"prev":"%s","hash":"%s"}\n' % (b"0" * 64, b"0" * 64))
    one_file(folder).write_bytes(b"".join(lines))
    assert faults(folder, head)


def test_a_cut_log_is_found_by_what_was_kept_apart(tmp_path: Path) -> None:
    """Somebody who also mends the head beside the log is found by the store."""
    lines, head = written(tmp_path)
    one_file(tmp_path).write_bytes(b"".join(lines[:-3]))
    (tmp_path / "head.json").unlink()
    assert faults(tmp_path) == ()
    assert faults(tmp_path, head) == (f"the log ends at line {LINES - 3}, and had come to line {LINES}",)
    one_file(tmp_path).unlink()
    assert any("missing" in f for f in faults(tmp_path, head))


def test_a_rewritten_chain_is_found_by_what_was_kept_apart(tmp_path: Path) -> None:
    _, head = written(tmp_path)
    one_file(tmp_path).unlink()
    (tmp_path / "head.json").write_text(json.dumps({"chain": head.chain, "segment": 1, "bytes": 0, "seq": 0, "hash": "0" * 64}))
    chain = Chain(tmp_path)
    for n in range(LINES):
        chain.append([{"action": f"looked elsewhere {n}"}])
    assert faults(tmp_path) == ()
    assert faults(tmp_path, head) == (f"line {LINES} is not the one that was kept apart",)


def test_nobody_appends_to_a_shortened_log(tmp_path: Path) -> None:
    lines, _ = written(tmp_path)
    one_file(tmp_path).write_bytes(b"".join(lines[:-1]))
    with pytest.raises(IntegrityError, match="shorter"):
        Chain(tmp_path).append([{"action": "looked"}])


def test_a_torn_line_is_cut_and_said(tmp_path: Path) -> None:
    _, head = written(tmp_path)
    with one_file(tmp_path).open("ab") as stream:
        stream.write(b'{"seq":13,"prev":"')
    assert faults(tmp_path, head)
    Chain(tmp_path).append([{"action": "looked"}])
    assert faults(tmp_path, head) == ()
    assert b'"action":"recovered","cut_bytes":18' in one_file(tmp_path).read_bytes()


def append_many(folder: str, who: int) -> None:
    chain = Chain(Path(folder))
    for n in range(30):
        chain.append([{"who": who, "n": n}, {"who": who, "n": -n}])


def test_processes_share_a_chain(tmp_path: Path) -> None:
    context = mp.get_context("spawn")
    processes = [context.Process(target=append_many, args=(str(tmp_path), k)) for k in range(2)]
    for p in processes:
        p.start()
    for p in processes:
        p.join()
    assert verify(tmp_path, {}).faults == ()
    assert verify(tmp_path, {}).lines == 120


def test_a_full_queue_refuses(serve: Callable[..., Served], monkeypatch: pytest.MonkeyPatch) -> None:
    served = serve(audit_queue=3)
    code = served.some_code
    time.sleep(0.2)
    monkeypatch.setattr(AuditLog, "_flush", lambda *_, **__: None)
    answers = [served.get("analyst", f"/v1/businesses/{code}").status_code for _ in range(6)]
    assert answers == [200, 200, 200, 503, 503, 503]
    monkeypatch.undo()


def test_a_log_that_cannot_be_written_refuses(serve: Callable[..., Served], monkeypatch: pytest.MonkeyPatch) -> None:
    served = serve()
    code, clue = served.some_code, served.some_clue

    def full(*_: Any) -> Head:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Chain, "append", full)
        move = served.ask("inspector", "POST", f"/v1/clues/{clue}/outcome", json={"to": "已转办"}, headers={"Idempotency-Key": "key-00001"})
        assert move.status_code == 503
        assert served.get("analyst", f"/v1/businesses/{code}").status_code == 503
        assert served.get(None, "/readyz").status_code == 503
    wait_for(lambda: served.get(None, "/readyz").status_code == 200)
    assert served.get("analyst", f"/v1/clues/{clue}").json()["clue"]["status"] == "待分办"


def entries(served: Served) -> list[dict[str, Any]]:
    found, cursor = [], None
    while True:
        answer = served.get("auditor", "/v1/audit", params={"limit": 7} | ({"cursor": cursor} if cursor else {})).json()
        found += answer["entries"]
        cursor = answer["next"]
        if not cursor or len(found) > 60:
            return found


def test_every_look_up_and_change_is_written_without_personal_data(served: Served) -> None:
    code, clue = served.some_code, served.some_clue
    served.get("inspector", f"/v1/businesses/{code}", headers={"X-Purpose": "现场核查 电话13812345678".encode()})
    served.get("inspector", "/v1/businesses", params={"q": "康寿13912345678"})
    served.get("stranger", f"/v1/businesses/{code}")
    served.get(None, "/v1/businesses/13712345678")
    served.ask(
        "inspector",
        "POST",
        f"/v1/clues/{clue}/outcome",
        json={"to": "已转办", "why": "王小明 13612345678"},
        headers={"Idempotency-Key": "key-00001"},
    )
    expected = {
        ("get_business", "done", 200),
        ("search_businesses", "done", 200),
        ("get_business", "done", 403),
        ("", "done", 401),
        ("post_outcome", "asked", 0),
        ("post_outcome", "done", 200),
    }
    wait_for(lambda: expected <= {(e["action"], e.get("phase"), e["status"]) for e in entries(served)})
    lines = entries(served)
    looked = next(e for e in lines if e["action"] == "get_business" and e["status"] == 200)
    assert (looked["object"], looked["role"], looked["purpose"]) == (code, "inspector", "现场核查 电话138****5678")
    assert looked["model"]
    assert looked["rules"]
    assert looked["input"]
    assert looked["output"]
    asked = [e for e in lines if e["action"] == "post_outcome"]
    assert len({e["request"] for e in asked}) == 1
    raw = one_file(served.workspace.path / "audit").read_text()
    said = re.sub(r'"[0-9a-f]{16,64}"', '""', raw)  # in one digest of fifty there are eleven digits that look like a number
    assert said != raw
    assert re.findall(r"1[3-9]\d{9}(?!\d)", said) == []
    assert "王小明" not in raw
    assert "康寿" not in raw
    assert served.verified().faults == ()


def test_keys_are_audited(published: Path, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(published, tmp_path / "office")
    workspace = Workspace(tmp_path / "office")
    info, _ = add_key(workspace, label="desk", role="analyst")
    revoke_key(workspace, info.key_id)
    raw = one_file(workspace.path / "audit").read_text()
    assert '"action":"key_added"' in raw
    assert '"action":"key_revoked"' in raw
