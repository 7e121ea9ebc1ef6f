"""The parameter IdempotencyKey, the same for all resources."""

from collections.abc import Mapping

from emulator.wire.errors import KEY_TOO_LONG, TwilioError

MAX_KEY = 255
"""Characters. Not documented; our choice."""


def read_key(form: Mapping[str, str]) -> str | None:
    """The key in a request; None if it is absent or empty.

    Raises:
        TwilioError: idempotency-key-too-long.
    """
    key = form.get("IdempotencyKey") or None
    if key is not None and len(key) > MAX_KEY:
        raise TwilioError(KEY_TOO_LONG, f"IdempotencyKey has {len(key)} characters, at most {MAX_KEY}")
    return key
