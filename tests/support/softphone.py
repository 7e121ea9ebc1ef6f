"""An application's page with the real Voice SDK in it, served from another port than the emulator's."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext
from support.browser import AXE, missing

SDK = AXE.parents[1] / "@twilio" / "voice-sdk" / "dist" / "twilio.min.js"
LOOPBACK = ("localhost", "127.0.0.1", ".localhost")

# What an application does with the SDK, and a list of what came of it.
PAGE = """<!doctype html><title>Softphone</title><link rel="icon" href="data:,">
%s
<script src="/twilio.min.js"></script>
<script>
  const heard = [];
  const hear = (event, detail) => heard.push({ event, ...detail });
  const silence = async () => new AudioContext().createMediaStreamDestination().stream;
  let device, call;
  function start(options = {}) {
    device = new Twilio.Device("alice", options);
    device.on("registered", () => hear("registered"));
    device.on("error", ({ code, message }) => hear("error", { code, message }));
    device.on("incoming", (incoming) => { follow(incoming); hear("incoming", incoming.parameters); });
  }
  function follow(made) {
    call = made;
    for (const event of ["accept", "reconnecting", "reconnected", "disconnect"])
      call.on(event, () => hear(event, { call_sid: call.parameters.CallSid, status: call.status() }));
    call.on("error", ({ code, message }) => hear("error", { code, message }));
    call.on("messageReceived", (message) => hear("messageReceived", message));
    call.on("messageSent", (message) => hear("messageSent", message));
  }
  async function dial() { follow(await device.connect({ params: { To: "nobody" } })); }
  function say(content) { return call.sendMessage({ content, messageType: "user-defined-message" }); }
  async function next(event) {
    for (;;) {
      while (!heard.length) await new Promise((resolve) => setTimeout(resolve, 5));
      const first = heard.shift();
      if (first.event === event) return first;
      if (first.event === "error") throw new Error(JSON.stringify(first));
    }
  }
</script>
"""


@contextmanager
def served(head: str) -> Iterator[str]:
    """Serves the page, with this in its head; yields its address."""
    with served_page(PAGE % head) as url:
        yield url


@contextmanager
def served_page(page: str) -> Iterator[str]:
    """Serves a page and the SDK; yields its address."""
    if not SDK.is_file():
        missing("@twilio/voice-sdk; `npm ci` in tests/conformance/node brings it")
    files = {"/": ("text/html", page.encode()), "/twilio.min.js": ("text/javascript", SDK.read_bytes())}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            media_type, content = files[self.path]
            self.send_response(200)
            self.send_header("Content-Type", media_type)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=[0.01], daemon=True)
        thread.start()
        try:
            yield f"http://localhost:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def sealed(context: BrowserContext) -> list[str]:
    """Let nothing out of this machine; returns the list of what wanted to leave."""
    strangers: list[str] = []

    def foreign(url: str) -> bool:
        return urlsplit(url).scheme not in ("data", "blob") and not (urlsplit(url).hostname or "").endswith(LOOPBACK)

    context.on("request", lambda request: strangers.append(request.url) if foreign(request.url) else None)
    context.on(
        "page",
        lambda page: page.on("websocket", lambda socket: strangers.append(socket.url) if foreign(socket.url) else None),
    )
    context.route(foreign, lambda route: route.abort())
    return strangers
