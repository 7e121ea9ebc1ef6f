"""Logging to stderr: text, or one JSON object per line. A record's `fields` are added to the JSON object.

A thread writes the lines, so that a full pipe cannot block the event loop.
"""

import contextlib
import json
import logging
import os
import select
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from typing import Any, TextIO

MAX_LINES = 10_000
MAX_BYTES = 4 * 1024 * 1024
"""Limits of the queue; lines beyond either are dropped and counted."""
DRAIN_TIMEOUT = 0.5
"""Seconds to write the queue when the process stops."""

Write = Callable[[bytes], object]
_log = logging.getLogger("emulator.server")


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


class QueuedHandler(logging.Handler):
    """Format records in the logging thread and write them in another, with a queue limited in lines and bytes."""

    def __init__(self, write: Write, *, max_lines: int = MAX_LINES, max_bytes: int = MAX_BYTES) -> None:
        """Start the writing thread.

        Args:
            write: writes bytes; it may block.
            max_lines: maximum lines in the queue.
            max_bytes: maximum bytes in the queue.
        """
        super().__init__()
        self._write = write
        self._max_lines = max_lines
        self._max_bytes = max_bytes
        self._lines: list[bytes] = []
        self._bytes = 0  # of the queued lines and of those being written
        self._dropped = 0
        self._is_closed = False
        self._changed = threading.Condition()
        # A daemon thread: a blocked write must not keep the process alive.
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        """Queue a record, or drop it if the queue is full."""
        line = self._line(record)
        with self._changed:
            if len(self._lines) >= self._max_lines or self._bytes + len(line) > self._max_bytes:
                self._dropped += 1
                return
            self._lines.append(line)
            self._bytes += len(line)
            self._changed.notify()

    def close(self) -> None:
        """Write the queue, for at most `DRAIN_TIMEOUT`."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()
        self._thread.join(DRAIN_TIMEOUT)
        super().close()

    def _line(self, record: logging.LogRecord) -> bytes:
        return f"{self.format(record)}\n".encode(errors="backslashreplace")

    def _run(self) -> None:
        while (lines := self._next()) is not None:
            with contextlib.suppress(OSError, ValueError):  # the reader closed the pipe, or stderr is closed
                self._write(lines)

    def _next(self) -> bytes | None:
        """Wait for lines and return all of them; None once closed."""
        with self._changed:
            self._bytes = 0
            while not self._lines:
                if self._is_closed:
                    return None
                self._changed.wait()
            lines, self._lines = b"".join(self._lines), []
            dropped, self._dropped = self._dropped, 0
            self._bytes = len(lines)
        return lines + self._dropped_line(dropped) if dropped else lines

    def _dropped_line(self, count: int) -> bytes:
        text = "dropped %d log lines, because stderr was not read"
        extra = {"fields": {"event": "dropped", "lines": count}}
        return self._line(_log.makeRecord(_log.name, logging.WARNING, "", 0, text, (count,), None, extra=extra))


@contextlib.contextmanager
def configured(*, level: str, as_json: bool, out: TextIO | None) -> Iterator[None]:
    """Log the emulator's records and other libraries' warnings to `out`; write the queue at the end."""
    handler = QueuedHandler(_writer(out))
    handler.setFormatter(_JsonFormatter() if as_json else _Formatter("%(asctime)s %(levelname)s %(message)s"))
    logging.basicConfig(handlers=[handler], level=logging.WARNING)
    logging.getLogger("emulator").setLevel(level.upper())
    logging.captureWarnings(True)  # noqa: FBT003  the standard library's signature
    sys.unraisablehook = _log_unraisable
    try:
        yield
    finally:
        sys.unraisablehook = sys.__unraisablehook__
        logging.captureWarnings(False)  # noqa: FBT003
        logging.getLogger().removeHandler(handler)
        handler.close()


def _log_unraisable(error: "sys.UnraisableHookArgs") -> None:
    """Log an exception that Python cannot raise; the default hook writes to stderr and may block."""
    if isinstance(error.exc_value, UnicodeDecodeError) and isinstance(error.object, bytes):
        # The ssl module rejects a server name that is not ASCII with an alert, and reports it only through this hook.
        _log.info("TLS handshake failed: the server name %.200r is not ASCII", error.object)
        return
    exception = (error.exc_type, error.exc_value or error.exc_type(), error.exc_traceback)
    _log.error("%s: %r", error.err_msg or "exception ignored in", error.object, exc_info=exception)


def _writer(out: TextIO | None) -> Write:
    """A function that writes to the file descriptor directly: at exit, Python waits for a buffered file's lock."""
    if out is None:  # closed before the process started
        return len
    try:
        descriptor = out.fileno()
    except OSError:  # an in-memory object

        def write_text(lines: bytes) -> None:
            out.write(lines.decode())
            out.flush()

        return write_text
    return partial(write_all, descriptor)


def write_all(descriptor: int, data: bytes) -> None:
    """Write all bytes to a file descriptor, blocking or not."""
    left = memoryview(data)
    while left:
        try:
            left = left[os.write(descriptor, left) :]
        except BlockingIOError:  # the parent process made this end of the pipe non-blocking
            poller = select.poll()
            poller.register(descriptor, select.POLLOUT)
            poller.poll()
