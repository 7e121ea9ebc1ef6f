"""Parse a response with server-sent events (html.spec.whatwg.org, 9.2) from its bytes, as they arrive."""

from typing import NamedTuple

from emulator.adapters.http_client import parse_status


class ServerSentEvent(NamedTuple):
    """An event; `id` is None when the server sent none."""

    kind: str
    data: str
    id: str | None = None


class EventStreamParser:
    """Bytes of the response in, events out.

    Attributes:
        status: status of the response; None until its head is complete.
        body: the body of a response other than 200.
    """

    def __init__(self) -> None:
        self.status: int | None = None
        self.body = b""
        self._received = b""
        self._text = b""
        self._is_chunked = False

    def feed(self, data: bytes) -> list[ServerSentEvent]:
        """Add received bytes; return the events that are complete.

        Raises:
            HttpClientError: the response is not HTTP.
        """
        self._received += data
        if self.status is None and not self._read_head():
            return []
        content = self._dechunked() if self._is_chunked else self._received
        if not self._is_chunked:
            self._received = b""
        if self.status != 200:  # noqa: PLR2004
            self.body += content
            return []
        *blocks, self._text = (self._text + content).split(b"\n\n")
        return [event for event in map(_event, blocks) if event is not None]

    def _read_head(self) -> bool:
        head, separator, rest = self._received.partition(b"\r\n\r\n")
        if not separator:
            return False
        line, *fields = head.decode("latin-1").split("\r\n")
        self.status, self._received = parse_status(line), rest
        self._is_chunked = "transfer-encoding: chunked" in {field.lower() for field in fields}
        return True

    def _dechunked(self) -> bytes:
        """Return the content of complete chunks."""
        content = b""
        while True:
            size, separator, rest = self._received.partition(b"\r\n")
            length = int(size.partition(b";")[0] or b"0", 16) if separator else 0
            if not length or len(rest) < length + 2:
                return content
            content += rest[:length]
            self._received = rest[length + 2 :]


def _event(block: bytes) -> ServerSentEvent | None:
    """Return the event of a block; None for a comment."""
    fields: dict[str, list[str]] = {}
    for line in block.decode().split("\n"):
        name, _, value = line.partition(":")
        fields.setdefault(name, []).append(value.removeprefix(" "))
    if "data" not in fields:
        return None
    return ServerSentEvent(
        fields.get("event", ["message"])[-1], "\n".join(fields["data"]), fields.get("id", [None])[-1]
    )
