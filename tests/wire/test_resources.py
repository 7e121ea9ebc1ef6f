import pytest
from support.builders import ACCOUNT, CALL, CALLBACK, SUBSCRIPTION, path

from emulator.wire import errors, resources
from emulator.wire.errors import ErrorSpec, TwilioError
from emulator.wire.messages import NewMessage
from emulator.wire.paths import Target, parse
from emulator.wire.resources import Operation
from emulator.wire.subscriptions import NewSubscription

MESSAGES = "UserDefinedMessages"
SUBSCRIPTIONS = "UserDefinedMessageSubscriptions"


def operation(resource: str, sid: str | None = None) -> Operation:
    found = resources.operation(Target(ACCOUNT, CALL, resource, sid))
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("resource", "sid", "method", "allow", "changes_callbacks"),
    [
        pytest.param(MESSAGES, None, "POST", b"OPTIONS, POST", False, id="messages"),
        pytest.param(SUBSCRIPTIONS, None, "POST", b"OPTIONS, POST", True, id="subscriptions"),
        pytest.param(SUBSCRIPTIONS, SUBSCRIPTION, "DELETE", b"OPTIONS, DELETE", True, id="a subscription"),
    ],
)
def test_each_path_has_one_method(
    resource: str, sid: str | None, method: str, allow: bytes, *, changes_callbacks: bool
) -> None:
    found = operation(resource, sid)

    assert (found.method, found.changes_callbacks) == (method, changes_callbacks)
    assert (found.otherwise.status, found.otherwise.code) == (405, 20004)
    assert found.otherwise.headers == ((b"allow", allow),)


@pytest.mark.parametrize(
    "target",
    [
        Target(ACCOUNT, CALL, "Recordings"),
        Target(ACCOUNT, CALL, MESSAGES, SUBSCRIPTION),
        Target(ACCOUNT, CALL, "userdefinedmessages"),
    ],
)
def test_other_paths_allow_nothing(target: Target) -> None:
    assert resources.operation(target) is None


@pytest.mark.parametrize(
    ("raw", "allow"),
    [
        (path(), b"OPTIONS, POST"),
        (path(resource=SUBSCRIPTIONS), b"OPTIONS, POST"),
        (path(resource=f"{SUBSCRIPTIONS}/{SUBSCRIPTION}.json"), b"OPTIONS, DELETE"),
        (path(resource=f"{MESSAGES}/{SUBSCRIPTION}.json"), b"OPTIONS, POST"),
        ("/2010-04-01", b"OPTIONS, POST"),
    ],
)
def test_raw_path_has_allowed_methods(raw: str, allow: bytes) -> None:
    assert resources.allow(raw) == (b"allow", allow)


def test_parameters_are_read_by_resource() -> None:
    read_message, read_subscription = operation(MESSAGES).read, operation(SUBSCRIPTIONS).read
    assert read_message is not None
    assert read_subscription is not None

    message = read_message({"Content": "hello"}, True)  # noqa: FBT003  its signature
    assert isinstance(message, NewMessage)
    assert message.content == "hello"
    with pytest.raises(TwilioError):
        read_message({"Content": "hello"}, False)  # noqa: FBT003
    for lenient in (True, False):
        assert read_subscription({"Callback": CALLBACK}, lenient) == NewSubscription(CALLBACK, "POST", None)


def test_deletion_ignores_parameters() -> None:
    found = operation(SUBSCRIPTIONS, SUBSCRIPTION)

    assert (found.read, found.refusals) == (None, (errors.SUBSCRIPTION_UNKNOWN,))


@pytest.mark.parametrize("resource", [MESSAGES, SUBSCRIPTIONS])
def test_creation_checks_key_then_call(resource: str) -> None:
    own, state = operation(resource).refusals[:-5], operation(resource).refusals[-5:]

    assert state == (
        errors.KEY_CONFLICT,
        errors.CALL_UNKNOWN,
        errors.CALL_FOREIGN,
        errors.CALL_IS_PSTN,
        errors.CALL_NOT_ACTIVE,
    )
    assert all(isinstance(problem, ErrorSpec) for problem in own)
    assert len(own) in (4, 5)  # the content of a message can also violate a schema


def test_created_resource_has_its_path() -> None:
    made = NewSubscription(CALLBACK, "POST", None).create("1" * 32, ACCOUNT, CALL, 0.0)

    assert parse(made.members()["uri"]) == Target(ACCOUNT, CALL, SUBSCRIPTIONS, made.sid)
