"""The log: one line for each record, as text or as JSON."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime

from bridge.config import Config

_STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}

_WRITTEN_OUT = {number: f"\\x{number:02x}" for number in (*range(32), *range(127, 160))}


class JsonFormatter(logging.Formatter):
    """Writes a record as one JSON object, including its `extra` values."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line of JSON."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        line.update({key: value for key, value in record.__dict__.items() if key not in _STANDARD})
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str, ensure_ascii=False)


class TextFormatter(logging.Formatter):
    """Writes a record as one line of text, and the traceback of an error below it."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 -- the name is the library's
        """Return the line with escaped control characters, so that a caller's path cannot start a new line."""
        return super().formatMessage(record).translate(_WRITTEN_OUT)


def configure_logs(config: Config) -> None:
    """Send the log to standard error in the format of the settings."""
    handler = logging.StreamHandler(sys.stderr)
    if config.log_format == "json":
        handler.setFormatter(JsonFormatter())
    else:
        handler.setFormatter(TextFormatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s"))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(config.log_level)
    # APScheduler logs each run; the outcome of a run is in the table of runs.
    logging.getLogger("apscheduler").setLevel(logging.WARNING)
    # One line about a migration is enough, and we write it.
    logging.getLogger("alembic").setLevel(logging.WARNING)
