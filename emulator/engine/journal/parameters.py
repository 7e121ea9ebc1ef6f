"""Parameters of a request's body: url-encoded with the project's own parser, multipart with python-multipart."""

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import Field, FormParser, parse_options_header

from emulator.wire import forms
from emulator.wire.errors import FORM_BROKEN, TwilioError

MULTIPART = b"multipart/form-data"


def read_parameters(content_type: bytes, body: bytes) -> dict[str, str]:
    """Parse the parameters of a body; media types other than the two form types yield none (seen on chat v2, 2020).

    Raises:
        TwilioError: form-broken.
    """
    media_type = content_type if content_type == forms.MEDIA_TYPE else content_type.partition(b";")[0].strip().lower()
    if media_type == forms.MEDIA_TYPE:
        return forms.read_form(body)
    return _read_multipart(content_type, body) if media_type == MULTIPART else {}


def _read_multipart(content_type: bytes, body: bytes) -> dict[str, str]:
    boundary = parse_options_header(content_type)[1].get(b"boundary")
    if not boundary:
        raise TwilioError(FORM_BROKEN, "multipart/form-data without a boundary")
    if b"--" + boundary + b"--" not in body:
        raise TwilioError(FORM_BROKEN, "the last multipart boundary is missing")
    fields: list[tuple[bytes, bytes]] = []

    def on_field(field: Field) -> None:
        if len(fields) >= forms.MAX_PARAMETERS:
            raise FormParserError(f"more than {forms.MAX_PARAMETERS} parameters")
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
