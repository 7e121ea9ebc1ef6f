"""Parse `application/x-www-form-urlencoded`: names are case-sensitive, the first value of a repeated name counts.

Always UTF-8: the format has no charset parameter (url.spec.whatwg.org), and every official library sends UTF-8.
Both `+` and `%20` are a space (libraries differ).
"""

import re
from binascii import a2b_qp

from emulator.wire.errors import FORM_BROKEN, TwilioError

MEDIA_TYPE = b"application/x-www-form-urlencoded"
MAX_PARAMETERS = 1000

_BROKEN_ESCAPE = re.compile(rb"%(?![0-9a-fA-F]{2})")


def _text(raw: bytes) -> str:
    raw = raw.replace(b"+", b" ")
    if b"%" in raw:
        # With = for % this is quoted-printable, which C decodes; all escapes are valid, so no line is soft.
        raw = a2b_qp(raw.replace(b"=", b"=3D").replace(b"%", b"="))
    return raw.decode()


def read_form(body: bytes) -> dict[str, str]:
    """Decode the parameters of a body.

    Raises:
        TwilioError: form-broken: a bad percent escape, bytes that are not UTF-8, or more than 1000 parameters.
    """
    if broken := _BROKEN_ESCAPE.search(body):
        raise TwilioError(FORM_BROKEN, f"% without two hex digits at byte {broken.start()} of the body")
    pairs = [pair for pair in body.split(b"&") if pair]
    if len(pairs) > MAX_PARAMETERS:
        raise TwilioError(FORM_BROKEN, f"more than {MAX_PARAMETERS} parameters")
    parameters: dict[str, str] = {}
    for pair in pairs:
        name, _, value = pair.partition(b"=")
        try:
            parameters.setdefault(_text(name), _text(value))
        except UnicodeDecodeError as error:
            raise TwilioError(FORM_BROKEN, f"parameter {name[:40]!r} is not UTF-8: {error.reason}") from None
    return parameters
