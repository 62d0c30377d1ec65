"""Minutes of mixed requests at a steady rate, with a run published in the middle: no error, no half card, memory flat.

``python -m benchmarks.service_load WORKSPACE [minutes] [rate] [workers]``. The mix: 70 % cards, 10 % searches, 10 % clue lists, 5 % histories, 4 % texts read,
1 % outcomes. The workspace is written to: give it a copy.
"""

from __future__ import annotations

import json
import random
import sys
import threading
import time
from collections import Counter

import psutil

from benchmarks.service import PORT, codes, said, server
from benchmarks.service_client import hammer, raw
from fraudrisk.outcomes.states import MOVES
from fraudrisk.service.audit import verify_workspace
from fraudrisk.service.keys import add_key
from fraudrisk.service.releases import list_releases, publish_release
from fraudrisk.workspace import Workspace


def requests(workspace: Workspace, analyst: str, inspector: str) -> list[bytes]:
    draw, some = random.Random(9), codes(workspace, 5000)
    mine, theirs = {"Authorization": f"Bearer {analyst}"}, {"Authorization": f"Bearer {inspector}"}
    clues = [json.loads(line)["clue"] for line in (workspace.path / "clues" / "numbers.jsonl").read_text().splitlines()]
    texts = workspace.table("complaint")["text"].dropna().head(500).tolist()
    names = workspace.table("business")["name"].dropna().head(3000).tolist()
    out = []
    for n in range(20_000):
        kind = draw.random()
        if kind < 0.70:
            out.append(raw("GET", f"/v1/businesses/{draw.choice(some)}", mine))
        elif kind < 0.80:
            name = draw.choice(names)
            out.append(raw("GET", "/v1/businesses?q=" + "".join(f"%{b:02X}" for b in name[: draw.randint(4, 12)].encode()), mine))
        elif kind < 0.90:
            out.append(raw("GET", "/v1/clues?limit=20", theirs))
        elif kind < 0.95:
            out.append(raw("GET", f"/v1/businesses/{draw.choice(some)}/history", mine))
        elif kind < 0.99:
            out.append(raw("POST", "/v1/complaints:read", mine, json.dumps({"complaints": {"a": {"text": draw.choice(texts)}}}).encode()))
        else:
            body = {"to": draw.choice([m for some in MOVES.values() for m in some if m != "已反馈"])}
            out.append(
                raw(
                    "POST",
                    f"/v1/clues/{draw.choice(clues)}/outcome",
                    theirs | {"Idempotency-Key": f"load-{n:06d}"},
                    json.dumps(body).encode(),
                )
            )
    return out


def memory(pid: int) -> float:
    """Proportional megabytes of the server's processes."""
    family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    return sum(p.memory_full_info().uss for p in family) / 1e6


def main() -> None:
    path, minutes, rate, workers = (
        sys.argv[1],
        float((sys.argv[2:] or ["2"])[0]),
        float((sys.argv[3:] or ["300"])[0]),
        int((sys.argv[4:] or ["1"])[0]),
    )
    workspace = Workspace(path)
    analyst, inspector = (
        add_key(workspace, label="load", role="analyst", days=1)[1],
        add_key(workspace, label="load", role="inspector", divisions=["33"], days=1)[1],
    )
    asked, halves, used, stop = requests(workspace, analyst, inspector), Counter(), [], threading.Event()

    def whole(status: int, body: bytes) -> None:
        if status >= 500:
            halves[f"status {status}"] += 1
        try:
            answer = json.loads(body)
            halves["half a card"] += "card" in answer and len(answer["card"]) != 31
        except ValueError:
            halves["no JSON"] += 1

    with server(path, workers=workers) as pid:
        hammer(PORT, asked[:2000], 5, rate=rate)

        def watch() -> None:
            begin = time.perf_counter()
            while not stop.wait(5):
                used.append((time.perf_counter() - begin, memory(pid)))

        watcher, publisher = threading.Thread(target=watch), threading.Timer(minutes * 30, lambda: publish_release(Workspace(path)))
        watcher.start()
        publisher.start()
        load = hammer(PORT, asked, minutes * 60, rate=rate, connections=32, check=whole)
        publisher.join()
        stop.set()
        watcher.join()
    print(said(f"{minutes:g} minutes at {rate:g}/s asked", load))
    print(
        f"statuses {dict(load.statuses)} (409, 422: moves the ledger does not allow), errors {dict(load.errors)}, wrong answers {dict(+halves)}"
    )
    first, last = used[len(used) // 10 : len(used) // 10 + 3], used[-3:]
    print(
        f"memory {sum(m for _, m in first) / len(first):,.0f} MB at the beginning, {sum(m for _, m in last) / len(last):,.0f} MB at the end, {max(m for _, m in used):,.0f} MB at most"
    )
    print(
        f"releases {[r.number for r in list_releases(workspace)]}; audit log: {verify_workspace(workspace).lines:,} lines, faults {verify_workspace(workspace).faults}"
    )


if __name__ == "__main__":
    main()
