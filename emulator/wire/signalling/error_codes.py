"""Errors that the signalling gateway sends: codes and texts of the Voice SDK's catalogue.

Source: @twilio/voice-sdk 2.18.5, errors/generated.ts; 31211: https://www.twilio.com/docs/api/errors/31211.
"""

from typing import NamedTuple


class SdkError(NamedTuple):
    """The member `error` of a frame."""

    code: int
    message: str


UNKNOWN = SdkError(31000, "Unknown Error")
CALL_ENDED = SdkError(31008, "Unable to answer because the call has ended")
MALFORMED = SdkError(31100, "The request had malformed syntax.")
TOKEN_MISSING = SdkError(31102, "Authorization token missing in request.")
NOT_AUTHORIZED = SdkError(31201, "Authorization error")
SIGNATURE_WRONG = SdkError(31202, "Signature validation failed.")
NO_VALID_ACCOUNT = SdkError(31203, "No valid account")
TOKEN_INVALID = SdkError(31204, "Invalid JWT token")
TOKEN_EXPIRED = SdkError(31205, "JWT token expired")
RATE_EXCEEDED = SdkError(31206, "Rate exceeded authorized limit.")
TOKEN_TOO_LONG = SdkError(31207, "JWT token expiration too long")
RECONNECT_REFUSED = SdkError(31209, "Reconnect attempt is not authorized.")
MESSAGE_TYPE_INVALID = SdkError(31210, "Call Message Event Type is invalid.")
CALL_NOT_ACTIVE = SdkError(31211, "Call is not in the expected state.")
CONTENT_TOO_LARGE = SdkError(31212, "Call Message Event Payload size exceeded authorized limit.")
BUSY_HERE = SdkError(31486, "Busy Here (SIP)")
DECLINE = SdkError(31603, "Decline (SIP)")
