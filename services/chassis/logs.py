"""The log: JSON lines on standard output, each with its trace, pilot and event, and nothing that may be personal."""

import faulthandler
import json
import logging
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime

from opentelemetry import trace

from services.chassis.business import Lines
from services.chassis.masking import opaque
from services.chassis.saying import message_of, trace_of

log = logging.getLogger(__name__)

_about: ContextVar[Mapping[str, str] | None] = ContextVar("about", default=None)


@contextmanager
def about(**what: str) -> Iterator[None]:
    """What the log lines written inside are about: `pilot`, `event`."""
    token = _about.set({**(_about.get() or {}), **what})
    try:
        yield
    finally:
        _about.reset(token)


class JsonLines(logging.Formatter):
    """Log records as JSON lines with trace id, pilot id and event id, and nothing that is not known to be harmless:
    errors by their kind, ids in the form of one."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        """One line of JSON, or each of several; `time` is UTC."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "service": self._service,
            "logger": record.name,
        }
        if isinstance(record.msg, Lines):
            head = json.dumps(line)[:-1]
            return _encodable("\n".join([f"{head}, {one}}}" for one in record.msg.some]))
        span = trace.get_current_span().get_span_context()
        line |= {
            "message": message_of(record),
            **{name: opaque(text) for name, text in (_about.get() or {}).items()},
        }
        if span.is_valid:
            line["trace"] = f"{span.trace_id:032x}"
        if record.exc_info and record.exc_info[1] is not None:
            line["error"] = trace_of(record.exc_info[1])
        return _encodable(json.dumps(line, ensure_ascii=False))


def _encodable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()


def log_to_stdout(service: str, level: str = "INFO") -> None:
    """Sends every log line of this process from a level on to standard output as JSON, and what nobody caught. Of one
    that hangs SIGABRT has it write to standard error where each of its threads is."""
    faulthandler.enable(2)
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonLines(service))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for noisy in ("aiokafka", "faststream", "uvicorn.access", "httpx"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    # Python itself would print these with all their words.
    logging.captureWarnings(True)
    logging.raiseExceptions = False
    sys.excepthook = lambda _kind, error, _trace: log.critical("nobody caught an error", exc_info=error)
    sys.unraisablehook = lambda one: log.error("an error could not be raised", exc_info=one.exc_value)
    threading.excepthook = lambda one: log.error("a thread ended", exc_info=one.exc_value)
