"""`X-Twilio-Signature`: how a receiver knows that a callback is from who has the account's token.

Source: https://www.twilio.com/docs/usage/security#validating-requests
"""

import base64
import hmac
from collections.abc import Mapping


def sign(auth_token: str, url: str, parameters: Mapping[str, str]) -> str:
    """HMAC-SHA1 in Base64 of the URL and, sorted by name, each parameter's name and value with nothing between.

    Args:
        auth_token: the account's token.
        url: the whole URL as requested, with its query and without a fragment.
        parameters: those of a POST's form; empty for a GET, whose parameters stand in the URL.
    """
    text = url + "".join(name + value for name, value in sorted(parameters.items()))
    # The algorithm is Twilio's: the standard receivers check nothing else.
    return base64.b64encode(hmac.digest(auth_token.encode(), text.encode(), "sha1")).decode()
