"""Connection overrides: the timeouts and retries that the fragment of a callback URL sets, and their defaults.

Source: https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides. That they also apply to the callbacks
of user-defined messages is assumed.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum


class CallbackFailure(StrEnum):
    """A failure that a retry policy (`rp`) can name."""

    CONNECT = "ct"  # TCP or TLS
    READ = "rt"
    CLIENT = "4xx"
    SERVER = "5xx"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackTimeouts:
    """Timeouts and retries of a callback.

    Attributes:
        connect: seconds for TCP and TLS.
        read: seconds until the response begins, and between its chunks.
        total: seconds for all attempts together.
        retries: attempts after the first one.
        retry_on: failures that are retried.
    """

    connect: float = 5.0
    read: float = 15.0
    total: float = 15.0
    retries: int = 1
    retry_on: frozenset[CallbackFailure] = frozenset({CallbackFailure.CONNECT})


def _integer(least: int, most: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,6}", text) or not least <= int(text) <= most:
            raise ValueError(f"an integer from {least} to {most}")
        return int(text)

    return parse


def _milliseconds(most: int) -> Callable[[str], float]:
    parse = _integer(100, most)
    return lambda text: parse(text) / 1000


def _policy(text: str) -> frozenset[CallbackFailure]:
    names = text.split(",")
    try:
        return frozenset(CallbackFailure if "all" in names else ()) | {
            CallbackFailure(name) for name in names if name != "all"
        }
    except ValueError:
        raise ValueError(f"all, or some of {', '.join(CallbackFailure)}, separated by commas") from None


def _text(text: str) -> str:
    if not text:
        raise ValueError("a value")
    return text


# Name in the fragment -> field it sets (None = accepted without effect: there are no edges, and SNI is always sent).
_OVERRIDES: dict[str, tuple[str | None, Callable[[str], object]]] = {
    "ct": ("connect", _milliseconds(10_000)),
    "rt": ("read", _milliseconds(15_000)),
    "tt": ("total", _milliseconds(15_000)),
    "rc": ("retries", _integer(0, 5)),
    "rp": ("retry_on", _policy),
    "e": (None, _text),
    "sni": (None, _text),
}


def read_fragment(fragment: str, limits: CallbackTimeouts) -> CallbackTimeouts:
    """Apply the overrides in a URL's fragment (without `#`) to the given limits.

    Raises:
        ValueError: an unknown name or a value out of bounds; str() describes the expected value.
    """
    values: dict[str, object] = {}
    for pair in filter(None, fragment.split("&")):
        name, _, text = pair.partition("=")
        if name not in _OVERRIDES:
            raise ValueError(f"{name!r} is not a connection override; expected one of {', '.join(_OVERRIDES)}")
        what, parse = _OVERRIDES[name]
        try:
            value = parse(text)
        except ValueError as error:
            raise ValueError(f"the override {name} is {text!r}; expected {error}") from None
        if what is not None:
            values[what] = value
    return replace(limits, **values)  # type: ignore[arg-type]  # each row's parser gives its field's type
