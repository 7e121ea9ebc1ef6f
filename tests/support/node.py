"""Node and the packages of `tests/conformance/node`."""

import os
import shutil
from pathlib import Path

import pytest

NODE = Path(__file__).parents[1] / "conformance" / "node"


def program() -> str:
    """Return the path of Node; skip without it or its packages, loudly; in CI fail."""
    found = shutil.which("node")
    if found is not None and (NODE / "node_modules" / "twilio").is_dir():
        return found
    missing = "Node" if found is None else "Node's packages; `npm ci` in tests/conformance/node installs them"
    if os.environ.get("CI"):
        pytest.fail(f"there is no {missing}")
    pytest.skip(f"there is no {missing}")
