"""Figures for Prometheus: requests, seconds, refusals, the audit queue, the release shown. Several processes add up."""

from __future__ import annotations

import os
from bisect import bisect_left
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest, multiprocess

__all__ = ["Metrics"]

_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5)


class Metrics:
    """The service's figures. With ``PROMETHEUS_MULTIPROC_DIR`` set, as ``serve`` does, they are those of all processes.

    Examples
    --------
    >>> metrics = Metrics()
    >>> metrics.seen("get_business", 200, 0.002)
    >>> metrics.flush()
    >>> b'fraudrisk_requests_total{operation="get_business",status="200"} 1.0' in metrics.text()
    True
    """

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        shared: dict[str, Any] = {"registry": self._registry}
        self._requests = Counter("fraudrisk_requests_total", "Requests answered.", ["operation", "status"], **shared)
        self._seconds = Histogram(
            "fraudrisk_request_seconds", "Seconds to the first byte of the answer.", ["operation"], buckets=_SECONDS, **shared
        )
        self._release = Gauge("fraudrisk_release", "Number of the release shown.", multiprocess_mode="livemin", **shared)
        self._waiting = Gauge("fraudrisk_audit_waiting", "Lines waiting for the audit log.", multiprocess_mode="livesum", **shared)
        self._counts: dict[tuple[str, int], int] = {}
        self._times: dict[str, list[float]] = {}

    def seen(self, operation: str, status: int, seconds: float) -> None:
        """Count a request; :meth:`flush` hands the counts on."""
        pair = (operation, status)
        self._counts[pair] = self._counts.get(pair, 0) + 1
        times = self._times.get(operation)
        if times is None:
            times = self._times[operation] = [0.0] * (len(_SECONDS) + 2)
        times[bisect_left(_SECONDS, seconds)] += 1
        times[-1] += seconds

    def flush(self) -> None:
        """Hand on what was counted: once a second, because a shared counter costs ten times a plain one."""
        counts, self._counts = self._counts, {}
        times, self._times = self._times, {}
        for (operation, status), n in counts.items():
            self._requests.labels(operation, str(status)).inc(n)
        for operation, per_bucket in times.items():
            child: Any = self._seconds.labels(operation)
            for bucket, times_in in zip(child._buckets, per_bucket[:-1], strict=True):
                if times_in:
                    bucket.inc(times_in)
            child._sum.inc(per_bucket[-1])

    def release(self, number: int) -> None:
        """Which release is shown."""
        self._release.set(number)

    def waiting(self, lines: int) -> None:
        """Length of the audit queue."""
        self._waiting.set(lines)

    def text(self) -> bytes:
        """The exposition format, of what was flushed; may run in another thread than :meth:`seen`."""
        if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
            return generate_latest(self._registry)
        _forget_dead(os.environ["PROMETHEUS_MULTIPROC_DIR"])
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)


def _forget_dead(folder: str) -> None:
    """A process that died shows no release and has no queue; what it counted goes on being counted."""
    for path in Path(folder).glob("gauge_live*_*.db"):
        pid = int(path.stem.rpartition("_")[2])
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            multiprocess.mark_process_dead(pid, folder)  # type: ignore[no-untyped-call]
