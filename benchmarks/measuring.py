"""Time and peak memory of a piece of work, each in a process of its own."""

from __future__ import annotations

import multiprocessing as mp
import resource
import time
from collections.abc import Callable
from typing import Any


def _child(queue: Any, work: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    begin = time.perf_counter()
    try:
        result = work(*arguments)
    except BaseException as error:
        queue.put(repr(error))  # else the parent waits for good
        raise
    seconds = time.perf_counter() - begin
    queue.put((seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, result))


def apart(work: Callable[..., Any], *arguments: Any) -> tuple[float, float, Any]:
    """Seconds, peak GB and the answer of `work` in a fresh process."""
    context = mp.get_context("spawn")
    queue = context.Queue()
    process = context.Process(target=_child, args=(queue, work, arguments))
    process.start()
    answer: tuple[float, float, Any] | str = queue.get()
    process.join()
    if isinstance(answer, str):
        raise RuntimeError(answer)
    return answer


def best(work: Callable[..., Any], *arguments: Any, rounds: int = 3) -> tuple[float, float, Any]:
    """The quickest of several fresh runs."""
    return min((apart(work, *arguments) for _ in range(rounds)), key=lambda r: r[0])
