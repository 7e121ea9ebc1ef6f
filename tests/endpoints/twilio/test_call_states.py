"""Refusals by the state of a call; tests/engine/state/test_calls.py has the rules."""

from support.server import Caller, Servers

NOT_FOUND = 404, 20404, "The requested resource {path} was not found"
NOT_ACTIVE = 400, 21220, "Call is not in the expected state"


def register(caller: Caller, **state: object) -> None:
    reply = caller.site.put_json(f"/_emulator/calls/{caller.call}", state)
    assert reply.status in (200, 201), reply


def refusal(caller: Caller, content: str = "{}") -> tuple[int, int | None, str]:
    reply = caller.send(content)
    body = reply.json()
    return reply.status, body.get("code"), body["message"].replace(caller.path, "{path}")


def test_inactive_call_is_refused(caller: Caller) -> None:
    register(caller, status="completed")

    assert refusal(caller) == NOT_ACTIVE


def test_pstn_refusal_in_xml_has_no_code(caller: Caller) -> None:
    register(caller, client="pstn")
    reply = caller.send(path=caller.path.removesuffix(".json"))

    assert reply.text.endswith(
        "<TwilioResponse><RestException><Message>Client message not supported for PSTN calls</Message>"
        "<Status>400</Status></RestException></TwilioResponse>"
    )


def test_unregistered_call_by_option(serve: Servers) -> None:
    """With calls=registered it does not exist."""
    caller = Caller(serve(calls="registered"))
    unknown = refusal(caller)
    register(caller)

    assert unknown == NOT_FOUND
    assert caller.send().status == 201


def test_parameters_precede_the_call_state(caller: Caller) -> None:
    register(caller, status="completed")

    assert refusal(caller, "hello") == (400, 32702, "Invalid Content")
