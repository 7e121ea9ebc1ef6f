"""`application/x-www-form-urlencoded`: bytes to parameters, case-sensitive; of a repeated name the first counts.

Always UTF-8, whatever a charset parameter says: the format has no other (url.spec.whatwg.org), and every official
library sends it so. Both `+` and `%20` are a space (libraries differ).
"""

import re
from urllib.parse import unquote_to_bytes

from emulator.wire.errors import FORM_BROKEN, TwilioError

MEDIA_TYPE = b"application/x-www-form-urlencoded"
MAX_PARAMETERS = 1000

_BROKEN_ESCAPE = re.compile(rb"%(?![0-9a-fA-F]{2})")


def _text(raw: bytes) -> str:
    return unquote_to_bytes(raw.replace(b"+", b" ")).decode()


def read_form(body: bytes) -> dict[str, str]:
    """The parameters of a body.

    Raises:
        TwilioError: form-broken — a bad percent escape, bytes that are not UTF-8, or more than 1000 parameters.
    """
    if broken := _BROKEN_ESCAPE.search(body):
        raise TwilioError(FORM_BROKEN, f"% without two hex digits at byte {broken.start()} of the body")
    pairs = body.split(b"&", MAX_PARAMETERS)
    if len(pairs) > MAX_PARAMETERS:
        raise TwilioError(FORM_BROKEN, f"more than {MAX_PARAMETERS} parameters")
    parameters: dict[str, str] = {}
    for pair in pairs:
        name, _, value = pair.partition(b"=")
        if pair:
            try:
                parameters.setdefault(_text(name), _text(value))
            except UnicodeDecodeError as error:
                raise TwilioError(FORM_BROKEN, f"parameter {name[:40]!r} is not UTF-8: {error.reason}") from None
    return parameters
