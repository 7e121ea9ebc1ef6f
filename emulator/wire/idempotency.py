"""The parameter IdempotencyKey, the same for every resource."""

from collections.abc import Mapping

from emulator.wire.errors import KEY_TOO_LONG, TwilioError

MAX_KEY = 255
"""Characters; our choice, because nothing is documented."""


def read_key(form: Mapping[str, str]) -> str | None:
    """The key that a request carries; an empty one is none.

    Raises:
        TwilioError: idempotency-key-too-long.
    """
    key = form.get("IdempotencyKey") or None
    if key is not None and len(key) > MAX_KEY:
        raise TwilioError(KEY_TOO_LONG, f"IdempotencyKey has {len(key)} characters, at most {MAX_KEY}")
    return key
