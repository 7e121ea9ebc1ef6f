"""Parse a response with server-sent events (html.spec.whatwg.org, 9.2) from its bytes, as they arrive."""

from typing import NamedTuple

from emulator.adapters.http_client import dechunk, parse_head


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
        if self.status is None:
            found = parse_head(self._received)
            if found is None:
                return []
            head, self._received = found
            self.status, self._is_chunked = head.status, head.is_chunked
        if self._is_chunked:
            content, self._received, _ = dechunk(self._received)
        else:
            content, self._received = self._received, b""
        if self.status != 200:  # noqa: PLR2004
            self.body += content
            return []
        *blocks, self._text = (self._text + content).split(b"\n\n")
        return [event for event in map(_event, blocks) if event is not None]


def _event(block: bytes) -> ServerSentEvent | None:
    """Return the event of a block; None for a comment."""
    fields: dict[str, list[str]] = {}
    for line in block.decode(errors="replace").split("\n"):
        name, _, value = line.partition(":")
        fields.setdefault(name, []).append(value.removeprefix(" "))
    if "data" not in fields:
        return None
    return ServerSentEvent(
        fields.get("event", ["message"])[-1], "\n".join(fields["data"]), fields.get("id", [None])[-1]
    )
