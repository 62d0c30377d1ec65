"""Logs as JSON lines on standard error: what happened to the service, never what was asked or about whom."""

from __future__ import annotations

import json
import logging
import sys

from fraudrisk.service.tables import now_text

__all__ = ["JsonFormatter", "set_up"]

_FIELDS = ("operation", "status", "ms", "request", "release", "pid")


class JsonFormatter(logging.Formatter):
    """One JSON object a line; of an exception only its kind and place, because its words may quote data.

    Examples
    --------
    >>> record = logging.makeLogRecord({"msg": "release adopted", "levelname": "INFO", "release": 3})
    >>> sorted(json.loads(JsonFormatter().format(record)))
    ['at', 'level', 'message', 'release']
    """

    def format(self, record: logging.LogRecord) -> str:
        """A record as JSON."""
        said = {"at": now_text(), "level": record.levelname, "message": record.getMessage()}
        said |= {name: value for name in _FIELDS if (value := getattr(record, name, None)) is not None}
        if record.exc_info and record.exc_info[0]:
            said["error"] = record.exc_info[0].__name__
            trace = record.exc_info[2]
            while trace and trace.tb_next:
                trace = trace.tb_next
            said["place"] = f"{trace.tb_frame.f_code.co_name}:{trace.tb_lineno}" if trace else ""
        return json.dumps(said, ensure_ascii=False)


def set_up(level: int = logging.INFO) -> logging.Logger:
    """The service's logger; calling it again changes nothing."""
    logger = logging.getLogger("fraudrisk.service")
    if not logger.handlers:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(JsonFormatter())
        logger.addHandler(handler)
        logger.setLevel(level)
        logger.propagate = False
    return logger
