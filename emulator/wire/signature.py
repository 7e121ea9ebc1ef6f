"""`X-Twilio-Signature`: proves to a receiver that the sender of a callback has the account's token.

Source: https://www.twilio.com/docs/usage/security#validating-requests
"""

import base64
import hmac
from collections.abc import Mapping


def sign(auth_token: str, url: str, parameters: Mapping[str, str]) -> str:
    """Base64 of the HMAC-SHA1 of the URL, followed by each parameter's name and value, sorted by name, no separators.

    Args:
        auth_token: the account's token.
        url: the URL as requested, with its query and without fragment.
        parameters: those of a POST's form; empty for a GET, whose parameters are in the URL.
    """
    text = url + "".join(name + value for name, value in sorted(parameters.items()))
    # SHA-1 is Twilio's choice: receivers verify no other algorithm.
    return base64.b64encode(hmac.digest(auth_token.encode(), text.encode(), "sha1")).decode()
