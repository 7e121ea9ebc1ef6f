"""Logging on stderr: text for people, or one JSON object per line. A record's `fields` are its facts."""

import json
import logging
from datetime import datetime
from typing import Any, TextIO


class _Formatter(logging.Formatter):
    """Text lines, with RFC 3339 timestamps: milliseconds and the zone."""

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: ARG002, N802
        return datetime.fromtimestamp(record.created).astimezone().isoformat(timespec="milliseconds")


class _JsonFormatter(_Formatter):
    """One JSON object per line."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": self.formatTime(record),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return json.dumps(line)


def configure(*, level: str, as_json: bool, out: TextIO) -> None:
    """Write the emulator's records to `out`; of other libraries only warnings."""
    handler = logging.StreamHandler(out)
    handler.setFormatter(_JsonFormatter() if as_json else _Formatter("%(asctime)s %(levelname)s %(message)s"))
    logging.basicConfig(handlers=[handler], level=logging.WARNING)
    logging.getLogger("emulator").setLevel(level.upper())
