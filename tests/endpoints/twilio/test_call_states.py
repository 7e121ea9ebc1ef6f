"""What the state of a call does to a message."""

import pytest
from support.server import Caller, Servers, fresh

NOT_FOUND = 404, 20404, "The requested resource {path} was not found"
NOT_ACTIVE = 400, 21220, "Call is not in the expected state"
PSTN = 400, None, "Client message not supported for PSTN calls"


def register(caller: Caller, **state: object) -> None:
    reply = caller.site.put_json(f"/_emulator/calls/{caller.call}", state)
    assert reply.status in (200, 201), reply


def refusal(caller: Caller, content: str = "{}") -> tuple[int, int | None, str]:
    reply = caller.send(content)
    body = reply.json()
    return reply.status, body.get("code"), body["message"].replace(caller.path, "{path}")


@pytest.mark.parametrize("status", ["ringing", "in-progress"])
def test_active_call_accepts_messages(caller: Caller, status: str) -> None:
    register(caller, status=status)

    assert caller.send().status == 201


@pytest.mark.parametrize("status", ["queued", "completed", "busy", "failed", "no-answer", "canceled"])
def test_inactive_call_is_refused(caller: Caller, status: str) -> None:
    register(caller, status=status)

    assert refusal(caller) == NOT_ACTIVE


def test_pstn_refusal_has_no_code(caller: Caller) -> None:
    register(caller, client="pstn")
    reply = caller.send()

    assert reply.text == '{"message": "Client message not supported for PSTN calls", "status": 400}'


def test_pstn_refusal_in_xml_has_no_code(caller: Caller) -> None:
    register(caller, client="pstn")
    reply = caller.send(path=caller.path.removesuffix(".json"))

    assert reply.text.endswith(
        "<TwilioResponse><RestException><Message>Client message not supported for PSTN calls</Message>"
        "<Status>400</Status></RestException></TwilioResponse>"
    )


def test_call_of_another_account_is_404(caller: Caller) -> None:
    register(caller, account_sid=fresh("AC"))

    assert refusal(caller) == NOT_FOUND


def test_a_call_of_this_account_exists(caller: Caller) -> None:
    register(caller, account_sid=caller.account)

    assert caller.send().status == 201


def test_unregistered_call_is_active(caller: Caller) -> None:
    assert caller.send().status == 201


def test_unregistered_call_by_option(serve: Servers) -> None:
    """With calls=registered it does not exist."""
    caller = Caller(serve(calls="registered"))
    unknown = refusal(caller)
    register(caller)

    assert unknown == NOT_FOUND
    assert caller.send().status == 201


def test_deleted_call_is_unregistered(caller: Caller) -> None:
    register(caller, status="completed")
    ended = caller.send().status
    caller.site.delete(f"/_emulator/calls/{caller.call}")

    assert (ended, caller.send().status) == (400, 201)


def test_parameters_precede_the_call_state(caller: Caller) -> None:
    register(caller, status="completed")

    assert refusal(caller, "hello") == (400, 32702, "Invalid Content")
