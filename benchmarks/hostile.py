"""Five hundred hostile requests against a real server: all refused with the right status, all audited.

``python -m benchmarks.hostile WORKSPACE``: injections in every field, path traversal, oversized and malformed bodies, forged and wrong keys, other
divisions' ids. The workspace is written to: give it a copy. Questions that are merely odd (a search for ``' OR 1=1``) may be answered with nothing found.
"""

from __future__ import annotations

import json
import random
import socket
import sys
import time
from collections import Counter
from contextlib import suppress
from urllib.parse import quote

from benchmarks.service import PORT, server
from benchmarks.service_client import raw
from fraudrisk.service.audit import verify_workspace
from fraudrisk.service.keys import add_key
from fraudrisk.workspace import Workspace

WANTED = 500
WORDS = [
    "' OR 1=1 --", "'; DROP TABLE store_key; --", "1 UNION SELECT digest FROM store_key", "\" OR \"\"=\"", "%00", "..%2f..%2f..%2fetc%2fpasswd", "../../../etc/shadow", "<img src=x onerror=alert(1)>",
    "${jndi:ldap://127.0.0.1/a}", "{{config}}", "=HYPERLINK(\"x\")", "A" * 4000, "%ff%fe", "$(id)", "`id`", "|id", "\\\\host\\share", "%0d%0aSet-Cookie:a=1", "*", "%25%32%65",
]  # fmt: skip


def cases(keys: dict[str, str], code: str, clue: str) -> list[tuple[bytes, set[int]]]:
    draw = random.Random(2)

    def who(role: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {keys[role]}"}

    def body(value: object) -> bytes:
        return json.dumps(value).encode()

    move, head = f"/v1/clues/{clue}/outcome", {"Idempotency-Key": "hostile-0001"}
    out: list[tuple[bytes, set[int]]] = []
    for word in WORDS:
        safe = quote(word, safe="%/.")
        out += [
            (raw("GET", f"/v1/businesses/{quote(word, safe='%')}", who("analyst")), {404, 422}),
            (raw("GET", f"/v1/businesses/{safe}/history", who("analyst")), {404, 422}),
            (raw("GET", f"/v1/clues/{quote(word, safe='%')}", who("inspector")), {404, 422}),
            (raw("GET", f"/v1/businesses?q={quote(word)}", who("inspector")), {200, 422}),
            (raw("GET", f"/v1/businesses?q=91330299&limit={quote(word)}", who("inspector")), {422}),
            (raw("GET", f"/v1/businesses?q=91330299&cursor={quote(word)}", who("inspector")), {422}),
            (raw("GET", f"/v1/clues?status={quote(word)}", who("inspector")), {422}),
            (raw("GET", f"/v1/clues?owner={quote(word)}", who("inspector")), {200, 422}),
            (raw("GET", f"/v1/audit?cursor={quote(word)}", who("auditor")), {422}),
            (raw("POST", move, who("inspector") | head, body({"to": word})), {422}),
            (raw("POST", move, who("inspector") | head, body({"to": "已反馈", "conclusion": word})), {422}),
            (raw("POST", move, who("inspector") | head, body({"to": "已反馈", "conclusion": "属实", "why": word + "\x00"})), {422}),
            (raw("POST", move, who("inspector") | {"Idempotency-Key": quote(word, safe="'")[:70] + "'"}, body({"to": "已转办"})), {422}),
            (raw("POST", "/v1/businesses:score", who("analyst"), body({"businesses": {"a": {word[:60]: 1}}})), {422}),
            (raw("POST", "/v1/complaints:read", who("analyst"), body({"complaints": {"a": {"text": "x", word[:60]: "y"}}})), {422}),
            (raw("GET", f"/{safe}", who("analyst")), {400, 404, 422}),
            (raw("GET", f"/v1/businesses/{code}", {"Authorization": f"Bearer {quote(word)}"}), {401}),
            (raw("GET", f"/v1/businesses/{code}", {"Authorization": f"Basic {quote(word)}"}), {401}),
        ]
    for n in range(30):
        forged = f"fk_{''.join(draw.choices('abcdefgh234567', k=8))}_{''.join(draw.choices('abcDEF123_-', k=43))}"
        stolen = keys["analyst"][:-1] + ("A" if keys["analyst"][-1] != "A" else "B")
        out += [(raw("GET", f"/v1/businesses/{code}", {"Authorization": f"Bearer {k}"}), {401}) for k in (forged, stolen)]
        out.append((raw("GET", f"/v1/businesses/{code}", who("stranger")), {403}))
        out.append((raw("POST", move, who("stranger") | {"Idempotency-Key": f"hostile-{n:04d}"}, body({"to": "已转办"})), {404}))
        out.append((raw("POST", "/v1/complaints:read", who("analyst"), bytes(draw.randrange(256) for _ in range(40))), {400, 422}))
        out.append((raw(draw.choice(("PUT", "DELETE", "PATCH")), move, who("inspector")), {405}))
    out += [
        (raw("POST", "/v1/complaints:read", who("analyst"), b"[" * 100_000), {400, 422}),
        (raw("POST", "/v1/complaints:read", who("analyst"), b"x" * 1_100_000), {413}),
    ]
    return out[:WANTED]


def ask(request: bytes) -> int:
    with socket.create_connection(("127.0.0.1", PORT), timeout=20) as s:
        with suppress(OSError):  # refused before all of it was sent
            s.sendall(request)
        return int((s.recv(65536) or b"HTTP/1.1 000")[9:12])


def main() -> None:
    workspace = Workspace(sys.argv[1])
    keys = {
        r: add_key(workspace, label="hostile", role=r, divisions=["33"] if r == "inspector" else [], days=1)[1]
        for r in ("inspector", "analyst", "auditor")
    }
    keys["stranger"] = add_key(workspace, label="hostile", role="inspector", divisions=["11"], days=1)[1]
    first = json.loads((workspace.path / "clues" / "numbers.jsonl").read_text().splitlines()[0])
    with server(sys.argv[1], env={"FRAUDRISK_ANONYMOUS_PER_SECOND": "1000000"}):
        asked = cases(keys, first["business_id"], first["clue"])
        before = verify_workspace(workspace).lines
        statuses, wrong = Counter(), []
        for request, right in asked:
            status = ask(request)
            statuses[status] += 1
            if status not in right:
                wrong.append((status, request[:120]))
        time.sleep(1)
        changes = sum(b"POST /v1/clues/" in r[:20] for r, _ in asked)
    said = verify_workspace(workspace)
    print(f"{len(asked)} hostile requests: {dict(sorted(statuses.items()))}; wrong statuses {len(wrong)}")
    print(
        f"audit log: {said.lines - before} new lines ({changes} changes were asked, those that reached their operation have two), faults {said.faults}"
    )
    for line in wrong:
        print(line)


if __name__ == "__main__":
    main()
