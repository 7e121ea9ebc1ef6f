"""What is told on stderr: text for people, or one JSON object a line. A record's `fields` are its facts."""

import json
import logging
from typing import Any, TextIO


class _Json(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        line: dict[str, Any] = {
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return json.dumps(line)


def configure(*, level: str, as_json: bool, out: TextIO) -> None:
    """Send what the emulator tells to `out`; of other libraries only warnings."""
    handler = logging.StreamHandler(out)
    handler.setFormatter(_Json() if as_json else logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logging.basicConfig(handlers=[handler], level=logging.WARNING)
    logging.getLogger("emulator").setLevel(level.upper())
