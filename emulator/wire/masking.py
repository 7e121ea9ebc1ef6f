"""Mask secrets in everything that shows a request: API responses, logs, explanations.

A secret is recognized by its name: of a header, a form or query parameter, or a JSON member.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import quote, unquote_plus

from emulator.wire.credentials import read_basic

MASK = "********"

# In lower case, without "-" and "_".
SECRET_NAMES = frozenset(
    {"assertion", "auth", "authentication", "clientassertion", "cookie", "jwt", "pass", "pwd", "setcookie", "xauth"}
)
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
    "sessionid",
    "token",
)
"""Match a name or one of its parts, without a trailing number: X-Api-Key, client_secret, Token2, login[AuthToken]."""
SHOWN_NAMES = frozenset({"content", "idempotencykey", "iidempotencytoken", "itwilioidempotencytoken", "pagetoken"})
"""Names whose values are not secret, and which tests compare."""

_CREDENTIALS = frozenset({"authorization", "proxyauthorization"})
_COOKIES = frozenset({"cookie", "setcookie"})
_ATTRIBUTES = frozenset({"path", "domain", "expires", "maxage", "samesite"})  # of Set-Cookie, RFC 6265, 5.2
_SCHEME_SHOWN = 20
_USERINFO = re.compile(r"(://)(?:([^\s/?#@:]*):)?[^\s/?#]*@")
_QUERY_CHUNK = re.compile(r"(?<=[?&;])[^\s&]+")
_FORM_CHUNK = re.compile(r"(?:(?<=&)|\A)[^&]+")
_COOKIE_PAIR = re.compile(r"(?:(?<=[;\s])|\A)([^\s=;]+)=([^;]*)")
_PART_NAME = re.compile(r'(?<=[;\s])name="?([^"\r\n;]*)')
_PART_HEADER = re.compile(r"(?im)^content-disposition:")
_NAME_PARTS = re.compile(r"[\[\]]")
_NAME_FILLERS = re.compile(r"[-_.\s]")
_STRING = r'"(?:[^"\\]|\\.)*'
_JSON_STRING = re.compile(rf'({_STRING})(?:"(\s*:\s*)?)?')
_JSON_SCALAR = re.compile(rf'\s*(?:{_STRING}"?|[^\s",\]}}\[{{]*)')
_JSON_BRACKET = re.compile(rf'{_STRING}"?|[{{}}\[\]]')


def is_secret(name: str) -> bool:
    """Whether the value of a header or parameter with this name is masked."""
    return any(map(_is_secret_part, _NAME_PARTS.split(name.lower())))


def _is_secret_part(part: str) -> bool:
    plain = _NAME_FILLERS.sub("", part)
    if plain in SHOWN_NAMES:
        return False
    plain = plain.rstrip("0123456789")
    return plain in SECRET_NAMES or plain.endswith(SECRET_ENDINGS)


def mask_header(name: str, value: str) -> str:
    """Mask a header's value; the username of credentials and the names of cookies stay visible."""
    plain = name.lower().replace("-", "")
    if plain in _CREDENTIALS:
        return _mask_credentials(value)
    if plain in _COOKIES:
        masked = _COOKIE_PAIR.sub(_mask_cookie, value)
        return masked if masked != value else MASK
    return MASK if is_secret(name) else mask_text(value)


def mask_text(text: str) -> str:
    """Mask user information and secret parameters in a URL, a request target, or a sentence that contains one."""
    return _QUERY_CHUNK.sub(_mask_chunk, _USERINFO.sub(_mask_userinfo, text))


def mask_form(form: Mapping[str, str]) -> dict[str, str]:
    """Mask the values of a form."""
    return {name: _mask_value(name, value) for name, value in form.items()}


def mask_body(body: str) -> str:
    """Mask a body by its apparent format: multipart, JSON, or form."""
    start = body.lstrip()[:2]
    if start[:1] in ("{", "["):
        return "".join(_masked_json(body))
    if start == "--" or _PART_HEADER.search(body):
        return "\r\n--".join(map(_mask_part, body.split("\r\n--")))
    return _FORM_CHUNK.sub(_mask_chunk, body)


def _masked_json(body: str) -> Iterator[str]:
    """Yield pieces of a JSON text, possibly truncated, with the values of secret members masked."""
    shown = place = 0
    while string := _JSON_STRING.search(body, place):
        place = string.end()
        if string[2] and is_secret(_decoded(string[1])):
            yield f'{body[shown:place]}"{MASK}"'
            shown = place = _value_end(body, place)
    yield body[shown:]


def _decoded(string: str) -> str:
    """Decode a JSON string that lacks its closing quote."""
    try:
        return str(json.loads(f'{string}"', strict=False))
    except ValueError:
        return string


def _value_end(body: str, start: int) -> int:
    """Index of the end of a JSON value: after its closing bracket, or at the end of a truncated body."""
    scalar = _JSON_SCALAR.match(body, start)
    assert scalar is not None
    if scalar[0].strip() or body[scalar.end() : scalar.end() + 1] not in ("{", "["):
        return scalar.end()
    depth = 0
    for token in _JSON_BRACKET.finditer(body, scalar.end()):
        depth += {"{": 1, "[": 1, "}": -1, "]": -1}.get(token[0], 0)
        if depth == 0:
            return token.end()
    return len(body)


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


def _mask_userinfo(userinfo: re.Match[str]) -> str:
    """Mask the password, or a username without password, which may be a token."""
    return f"{userinfo[1]}{MASK}@" if userinfo[2] is None else f"{userinfo[1]}{userinfo[2]}:{MASK}@"


def _mask_chunk(chunk: re.Match[str]) -> str:
    """Mask the text between two `&`: one parameter, or several separated by `;`.

    A `;` may also be part of a value, so everything after a secret is masked.
    """
    if "=" not in chunk[0] or _is_shown(unquote_plus(chunk[0].partition("=")[0])):
        return chunk[0]
    pairs = []
    for pair in chunk[0].split(";"):
        name, equals, encoded = pair.partition("=")
        if equals and is_secret(unquote_plus(name)):
            pairs.append(f"{name}={MASK}")
            break
        pairs.append(f"{name}={_masked_encoded(encoded)}" if equals else pair)
    return ";".join(pairs)


def _masked_encoded(encoded: str) -> str:
    """Mask a percent-encoded URL in a parameter's value."""
    value = unquote_plus(encoded)
    masked = mask_text(value) if "://" in value else value
    return encoded if masked == value else quote(masked, safe="*")


def _mask_cookie(pair: re.Match[str]) -> str:
    is_attribute = pair[1].lower().replace("-", "") in _ATTRIBUTES
    return pair[0] if is_attribute else f"{pair[1]}={MASK}"


def _mask_credentials(value: str) -> str:
    basic = read_basic(value.encode("latin-1"))
    if basic:
        return f"Basic {basic.username}:{MASK}"
    scheme, space, _ = value.partition(" ")
    return f"{scheme[:_SCHEME_SHOWN]} {MASK}" if space else MASK  # without a scheme, the value may be the secret itself


@dataclass(frozen=True, slots=True)
class Masking:
    """The functions of this module, or no masking when secrets are shown."""

    show_secrets: bool = False

    def header(self, name: str, value: str) -> str:
        """Mask a header's value."""
        return value if self.show_secrets else mask_header(name, value)

    def text(self, text: str) -> str:
        """Mask a URL, a request target, or a sentence."""
        return text if self.show_secrets else mask_text(text)

    def form(self, form: dict[str, str]) -> dict[str, str]:
        """Mask the values of a form."""
        return form if self.show_secrets else mask_form(form)

    def body(self, body: str) -> str:
        """Mask a body."""
        return body if self.show_secrets else mask_body(body)
