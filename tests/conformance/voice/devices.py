"""Devices of Twilio's Voice SDK in a Node process, controlled by commands."""

import json
import os
import queue
import shutil
import subprocess
import threading
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest
from support.server import PATIENCE, Site

NODE = Path(__file__).parents[1] / "node"
SHIM = Path(__file__).parents[3] / "emulator" / "endpoints" / "voice" / "static" / "voice-shim.cjs"
MESSAGE_TYPE = "user-defined-message"


def package(name: str) -> Path:
    """An installed package's folder; else the test is skipped, loudly, and in CI it fails."""
    folder = NODE / "node_modules" / name
    if shutil.which("node") is not None and folder.is_dir():
        return folder
    missing = f"there is no Node with {name}; `npm ci` in tests/conformance/node brings it"
    if os.environ.get("CI"):
        pytest.fail(missing)
    pytest.skip(missing)


class NodeDevice:
    """One device and the call that it is in."""

    def __init__(self, devices: "NodeDevices", name: str) -> None:
        self._devices = devices
        self.name = name
        self.events: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()

    def do(self, act: str, given: object = None) -> Self:
        """Act."""
        self._devices.send_command({"device": self.name, "act": act, "given": given})
        return self

    def send(self, content: object, kind: str = MESSAGE_TYPE) -> str:
        """Send a message; returns the sid that the SDK made for it."""
        self.do("send", {"content": content, "messageType": kind})
        return str(self.wait_for("sending")["voiceEventSid"])

    def wait_for(self, event: str) -> dict[str, Any]:
        """The next event of this kind; no error may come before it."""
        while (found := self.events.get(timeout=PATIENCE))["event"] != event:
            assert found["event"] not in ("error", "died"), found
        return found

    def call(self, to: str, **more: str) -> dict[str, Any]:
        """Call, and be answered."""
        return self.do("call", {"To": to, **more}).wait_for("accept")


class NodeDevices:
    """A Node process with one version of the SDK."""

    def __init__(self, site: Site, sdk: str) -> None:
        folder = package(sdk)
        self._devices: dict[str, NodeDevice] = {}
        self._process = subprocess.Popen(
            ["node", "--require", str(SHIM), str(NODE / "devices.js"), str(folder)],
            cwd=NODE,
            env={**os.environ, "EMULATOR_URL": site.url},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        threading.Thread(target=self._listen, daemon=True).start()

    def __getitem__(self, name: str) -> NodeDevice:
        return self._devices.setdefault(name, NodeDevice(self, name))

    def send_command(self, command: object) -> None:
        """Send a command to the process."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            event = json.loads(line)
            self[event["device"]].events.put(event)
        for device in list(self._devices.values()):
            device.events.put({"event": "died"})

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _, complaints = self._process.communicate(timeout=PATIENCE)
        assert (self._process.returncode, complaints) == (0, ""), complaints
