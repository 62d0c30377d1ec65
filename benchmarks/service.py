"""Look-ups, reading and search of the service, each against a base in the same minute.

``python -m benchmarks.service WORKSPACE [look-ups|reading]``: the workspace has a published release. The base of look-ups is a bare FastAPI
JSON route in the same server process, behind none of our middleware. Goals: 70 % of its requests a second (aim 90 %), p99 within three
times its p99 at half load; texts read through the service at 70 % of the reader's own speed.
"""

from __future__ import annotations

import json
import multiprocessing as mp
import os
import random
import statistics
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from benchmarks.service_client import Load, hammer, raw
from fraudrisk.service.keys import add_key
from fraudrisk.service.tables import open_store
from fraudrisk.workspace import Workspace

PORT = 18321
ROUNDS = 5
FREE = {"FRAUDRISK_RATE_PER_SECOND": "1000000", "FRAUDRISK_RATE_BURST": "1000000"}


def both() -> Any:
    """Our application, and beside it, under /bare, a FastAPI application with nothing around it."""
    from fastapi import FastAPI

    from fraudrisk.service.app import app_from_environment

    ours, bare = app_from_environment(), FastAPI()

    @bare.get("/bare/{code}")
    async def plain(code: str) -> dict[str, str]:
        return {"code": code}

    async def either(scope: Any, receive: Any, send: Any) -> None:
        await (bare if scope["type"] == "http" and scope["path"].startswith("/bare/") else ours)(scope, receive, send)

    return either


def _granian(path: str, workers: int) -> None:
    from fraudrisk.service.serve import serve

    serve(Workspace(path), port=PORT, workers=workers, target="benchmarks.service:both")


def _uvicorn(path: str, workers: int) -> None:
    import uvicorn

    os.environ["FRAUDRISK_WORKSPACE"] = path
    uvicorn.run(
        "benchmarks.service:both", factory=True, port=PORT, workers=workers if workers > 1 else None, log_level="critical", access_log=False
    )


@contextmanager
def server(path: str, *, workers: int = 1, kind: str = "granian", env: dict[str, str] | None = None) -> Iterator[int]:
    """A running server; gives its process id."""
    os.environ.update(FREE | (env or {}))
    process = mp.get_context("spawn").Process(target={"granian": _granian, "uvicorn": _uvicorn}[kind], args=(path, workers))
    process.start()
    try:
        for _ in range(600):
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{PORT}/readyz") as answer:
                    if answer.status == 200:
                        break
            except OSError:
                time.sleep(0.1)
        yield process.pid or 0
    finally:
        process.terminate()
        process.join(30)


def codes(workspace: Workspace, n: int) -> list[str]:
    """Some businesses, drawn by a fixed seed."""
    engine = open_store(workspace)
    with engine.connect() as connection:
        known = connection.exec_driver_sql("SELECT business_id FROM store_business ORDER BY business_id").scalars().all()
    engine.dispose()
    return random.Random(5).choices([str(k) for k in known], k=n)


def said(name: str, load: Load) -> str:
    bad = {s: n for s, n in load.statuses.items() if s != 200} or ""
    return f"{name}: {load.rate:,.0f} requests/s, p50 {load.at(0.5):.2f} ms, p99 {load.at(0.99):.2f} ms {bad}"


def look_ups(path: str, kind: str = "granian") -> None:
    workspace = Workspace(path)
    _, key = add_key(workspace, label="benchmark", role="analyst", days=1)
    some = codes(workspace, 20_000)
    ours = [raw("GET", f"/v1/businesses/{c}", {"Authorization": f"Bearer {key}"}) for c in some]
    bare = [raw("GET", f"/bare/{c}") for c in some]
    with server(path, kind=kind):
        for requests in (ours, bare):
            hammer(PORT, requests, 2)
        pairs = [(hammer(PORT, bare, 3), hammer(PORT, ours, 3)) for _ in range(ROUNDS)]
        ratios = [o.rate / b.rate for b, o in pairs]
        print(said(f"{kind}: bare route", pairs[-1][0]))
        print(said(f"{kind}: card", pairs[-1][1]))
        print(
            f"{kind}: card / bare, {ROUNDS} turns: median {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}) (goal 0.70, aim 0.90)"
        )
        half = statistics.median(b.rate for b, _ in pairs) / 2
        base = [hammer(PORT, bare, 5, rate=half) for _ in range(3)]
        mine = [hammer(PORT, ours, 5, rate=half) for _ in range(3)]
        times = statistics.median(m.at(0.99) for m in mine) / statistics.median(b.at(0.99) for b in base)
        print(said(f"{kind}: bare route at half load", base[-1]))
        print(said(f"{kind}: card at the same load", mine[-1]))
        print(f"{kind}: p99 of cards {times:.1f} times the bare route's at half its load (goal at most 3)")


def reading(path: str) -> None:
    """Batches of 64 texts through the service, against the reader in the service's own kind of process."""
    from fraudrisk.complaints.reader import ComplaintReader

    workspace = Workspace(path)
    _, key = add_key(workspace, label="benchmark", role="analyst", days=1)
    texts = workspace.table("complaint")["text"].dropna().head(64 * 40).tolist()
    blocks = [texts[i : i + 64] for i in range(0, len(texts), 64)]
    bodies = [json.dumps({"complaints": {str(i): {"text": t} for i, t in enumerate(b)}}).encode() for b in blocks]
    requests = [raw("POST", "/v1/complaints:read", {"Authorization": f"Bearer {key}"}, b) for b in bodies]
    reader = ComplaintReader.load(pack=workspace.pack)
    with server(path):
        hammer(PORT, requests, 2, connections=1)
        ratios = []
        for _ in range(ROUNDS):
            begin, n = time.perf_counter(), 0
            while time.perf_counter() - begin < 3:
                n += len(list(reader.read_block(blocks[n // 64 % len(blocks)], [""] * 64)))
            own = n / (time.perf_counter() - begin)
            through = hammer(PORT, requests, 3, connections=2)
            ratios.append(64 * through.rate / own)
        print(
            f"reading through the service {64 * through.rate:,.0f} texts/s, the reader alone {own:,.0f}; ratio, {ROUNDS} turns: median {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}) (goal 0.70) {dict(through.statuses)}"
        )


def main() -> None:
    path, what = sys.argv[1], sys.argv[2:] or ["look-ups", "reading"]
    if "look-ups" in what:
        for kind in [w for w in what if w in ("uvicorn", "granian")] or ["granian"]:
            look_ups(path, kind)
    if "reading" in what:
        reading(path)


if __name__ == "__main__":
    main()
