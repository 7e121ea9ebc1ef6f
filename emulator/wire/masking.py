"""Masks the values of secrets in what is shown of a request: views, logs, explanations.

A secret is one by its name, wherever that occurs: a header, a parameter of a form or a query, a member of JSON.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, unquote_plus

from emulator.wire.credentials import read_basic

MASK = "********"

# Names in lower case without "-" and "_".
SECRET_NAMES = frozenset({"assertion", "auth", "clientassertion", "cookie", "jwt", "pass", "pwd", "setcookie"})
SECRET_ENDINGS = (
    "accesskey",
    "apikey",
    "authorization",
    "password",
    "passwd",
    "passphrase",
    "privatekey",
    "secret",
    "secretkey",
    "token",
)
"""Of a name: X-Api-Key, AuthToken, client_secret."""
SHOWN_NAMES = frozenset({"content", "idempotencykey", "iidempotencytoken", "itwilioidempotencytoken", "pagetoken"})
"""Values that are not secrets, and that a test compares."""

_CREDENTIALS = frozenset({"authorization", "proxyauthorization"})
_COOKIES = frozenset({"cookie", "setcookie"})
_ATTRIBUTES = frozenset({"path", "domain", "expires", "maxage", "samesite"})  # of Set-Cookie, RFC 6265, 5.2
_SCHEME_SHOWN = 20
_USERINFO = re.compile(r"(://[^\s/?#@:]*):[^\s/?#]*@")
_QUERY_PAIR = re.compile(r"(?<=[?&])([^\s=&?#]*)=([^\s&]*)")
_FORM_PAIR = re.compile(r"(?:(?<=&)|\A)([^=&]*)=([^&]*)")
_COOKIE_PAIR = re.compile(r"(?:(?<=[;\s])|\A)([^\s=;]+)=([^;]*)")
_PART_NAME = re.compile(r'(?<=[;\s])name="?([^"\r\n;]*)')
_JSON_MEMBER = re.compile(r"""("([^"\\]*)"\s*:\s*)(?:"(?:[^"\\]|\\.)*"?|[^\s",\]}\[{]+)""")


def is_secret(name: str) -> bool:
    """Whether the value of a header or parameter with this name is masked."""
    plain = re.sub(r"[-_.\s]", "", name.lower())
    return plain not in SHOWN_NAMES and (plain in SECRET_NAMES or plain.endswith(SECRET_ENDINGS))


def mask_header(name: str, value: str) -> str:
    """Mask a header's value; the username of credentials and the names of cookies are still shown."""
    plain = name.lower().replace("-", "")
    if plain in _CREDENTIALS:
        return _mask_credentials(value)
    if plain in _COOKIES:
        masked = _COOKIE_PAIR.sub(_mask_cookie, value)
        return masked if masked != value else MASK
    return MASK if is_secret(name) else mask_text(value)


def mask_text(text: str) -> str:
    """Mask secrets in a URL, a request target, or a sentence with one: user information and parameters of the query."""
    return _QUERY_PAIR.sub(_mask_pair, _USERINFO.sub(rf"\1:{MASK}@", text))


def mask_form(form: Mapping[str, str]) -> dict[str, str]:
    """Mask the values of a form."""
    return {name: _mask_value(name, value) for name, value in form.items()}


def mask_body(body: str) -> str:
    """Mask a body by what it looks like: multipart, JSON, or a form."""
    start = body.lstrip()[:2]
    if start == "--":
        return "\r\n--".join(map(_mask_part, body.split("\r\n--")))
    if start[:1] in ("{", "["):
        return _JSON_MEMBER.sub(lambda member: f'{member[1]}"{MASK}"' if is_secret(member[2]) else member[0], body)
    return _FORM_PAIR.sub(_mask_pair, body)


def _mask_part(part: str) -> str:
    """Mask the value of one part of a multipart body."""
    head, end, value = part.partition("\r\n\r\n")
    name = _PART_NAME.search(head)
    return f"{head}{end}{_mask_value(name[1], value)}" if name and end else part


def _mask_value(name: str, value: str) -> str:
    if is_secret(name):
        return MASK
    return value if _is_shown(name) else mask_text(value)


def _is_shown(name: str) -> bool:
    return name.lower() in SHOWN_NAMES


def _mask_pair(pair: re.Match[str]) -> str:
    name, encoded = unquote_plus(pair[1]), pair[2]
    if is_secret(name):
        return f"{pair[1]}={MASK}"
    value = unquote_plus(encoded)
    masked = _mask_value(name, value) if "://" in value else value
    return pair[0] if masked == value else f"{pair[1]}={quote(masked, safe='*')}"


def _mask_cookie(pair: re.Match[str]) -> str:
    is_attribute = pair[1].lower().replace("-", "") in _ATTRIBUTES
    return pair[0] if is_attribute else f"{pair[1]}={MASK}"


def _mask_credentials(value: str) -> str:
    basic = read_basic(value.encode("latin-1"))
    if basic:
        return f"Basic {basic.username}:{MASK}"
    scheme, space, _ = value.partition(" ")
    return f"{scheme[:_SCHEME_SHOWN]} {MASK}" if space else MASK  # without a scheme it may be the secret itself


@dataclass(frozen=True, slots=True)
class Masking:
    """The functions above, or none of them when secrets are to be shown."""

    show_secrets: bool = False

    def header(self, name: str, value: str) -> str:
        """A header's value."""
        return value if self.show_secrets else mask_header(name, value)

    def text(self, text: str) -> str:
        """A URL, a target, or a sentence."""
        return text if self.show_secrets else mask_text(text)

    def form(self, form: dict[str, str]) -> dict[str, str]:
        """A form."""
        return form if self.show_secrets else mask_form(form)

    def body(self, body: str) -> str:
        """A body."""
        return body if self.show_secrets else mask_body(body)
