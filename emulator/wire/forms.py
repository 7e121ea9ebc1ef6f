"""Parse forms, url-encoded and multipart: names are case-sensitive, the first value of a repeated name counts.

Always UTF-8: the url-encoded format has no charset parameter (url.spec.whatwg.org), and every official library sends
UTF-8. Both `+` and `%20` are a space (libraries differ). python-multipart parses multipart bodies.
"""

import re
from binascii import a2b_qp

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import Field, FormParser, parse_options_header

from emulator.wire.errors import FORM_BROKEN, TwilioError

MEDIA_TYPE = b"application/x-www-form-urlencoded"
MULTIPART = b"multipart/form-data"
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


def read_parameters(content_type: bytes, body: bytes) -> dict[str, str]:
    """Parse the parameters of a body; media types other than the two form types yield none (seen on chat v2, 2020).

    Raises:
        TwilioError: form-broken.
    """
    media_type = content_type if content_type == MEDIA_TYPE else content_type.partition(b";")[0].strip().lower()
    if media_type == MEDIA_TYPE:
        return read_form(body)
    return _read_multipart(content_type, body) if media_type == MULTIPART else {}


def _read_multipart(content_type: bytes, body: bytes) -> dict[str, str]:
    boundary = parse_options_header(content_type)[1].get(b"boundary")
    if not boundary:
        raise TwilioError(FORM_BROKEN, "multipart/form-data without a boundary")
    if b"--" + boundary + b"--" not in body:
        raise TwilioError(FORM_BROKEN, "the last multipart boundary is missing")
    fields: list[tuple[bytes, bytes]] = []

    def on_field(field: Field) -> None:
        if len(fields) >= MAX_PARAMETERS:
            raise FormParserError(f"more than {MAX_PARAMETERS} parameters")
        fields.append((field.field_name or b"", field.value or b""))

    try:
        parser = FormParser(
            MULTIPART.decode(),
            on_field,
            lambda _file: None,  # files are not parameters
            boundary=boundary,
        )
        parser.write(body)
        parser.finalize()
        parameters: dict[str, str] = {}
        for name, value in fields:
            parameters.setdefault(name.decode(), value.decode())
    except (FormParserError, UnicodeDecodeError) as error:
        raise TwilioError(FORM_BROKEN, f"multipart/form-data: {error}") from None
    return parameters
