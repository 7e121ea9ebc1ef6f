"""Frames: a table per direction, spliced content, and the law that a text is a frame or MalformedFrameError."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.wire import content
from emulator.wire.signalling import KEEPALIVE, client_frames, error_codes, server_frames
from emulator.wire.signalling.frames import Frame, Keepalive, MalformedFrameError, UnknownFrame

CALL = "CA" + "a" * 32
KX = "KX" + "b" * 32
HELLO = {"callsid": CALL, "voiceeventsid": KX, "content": {}, "messagetype": "user-defined-message"}


def frame(kind: object, payload: object = None, **members: object) -> str:
    return json.dumps({"type": kind, "version": "1.6", "payload": payload, **members})


def say(content_text: str, before: str = "", after: str = "") -> str:
    """A message frame whose content is this very text."""
    rest = f'"callsid":"{CALL}","voiceeventsid":"{KX}"'
    return f'{{"payload":{{{before}{rest},"content":{content_text}{after}}},"type":"message"}}'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(KEEPALIVE, Keepalive(), id="keepalive"),
        pytest.param(
            frame("listen", {"token": "t", "browserinfo": {}, "reconnectTimeout": 5}),
            client_frames.Listen(token="t", reconnect_timeout=5),
            id="listen",
        ),
        pytest.param(
            frame("listen", {}), client_frames.Listen(token=None, reconnect_timeout=0), id="listen without token"
        ),
        pytest.param(frame("listen"), client_frames.Listen(token=None, reconnect_timeout=0), id="no payload"),
        pytest.param(frame("register", {"media": {"audio": True}}), client_frames.Register(audio=True), id="register"),
        pytest.param(
            frame("register", {"media": {"audio": False}}), client_frames.Register(audio=False), id="unregister"
        ),
        pytest.param(frame("register", {}), client_frames.Register(audio=True), id="register without media"),
        pytest.param(
            frame("invite", {"callsid": "TJS1", "sdp": "v=0", "twilio": {"params": "To=client%3Abob&x=&y=1+2"}}),
            client_frames.ClientInvite(
                call_sid="TJS1", sdp="v=0", parameters={"To": "client:bob", "x": "", "y": "1 2"}
            ),
            id="invite",
        ),
        pytest.param(
            frame("invite", {"callsid": "TJS1"}),
            client_frames.ClientInvite(call_sid="TJS1", sdp="", parameters={}),
            id="invite of nothing",
        ),
        pytest.param(
            frame("invite", {"callsid": CALL, "sdp": "v=0", "reconnect": "r", "twilio": {}}),
            client_frames.Reconnect(call_sid=CALL, token="r"),
            id="reconnect",
        ),
        pytest.param(
            frame("answer", {"callsid": CALL, "sdp": "x"}),
            client_frames.ClientAnswer(call_sid=CALL, sdp="x"),
            id="answer",
        ),
        pytest.param(frame("reject", {"callsid": CALL}), client_frames.Reject(call_sid=CALL), id="reject"),
        pytest.param(
            frame("hangup", {"callsid": CALL, "message": "x"}), client_frames.ClientHangup(call_sid=CALL), id="hangup"
        ),
        pytest.param(
            frame("reinvite", {"callsid": CALL, "sdp": "x"}),
            client_frames.Reinvite(call_sid=CALL, sdp="x"),
            id="reinvite",
        ),
        pytest.param(
            frame("dtmf", {"callsid": CALL, "dtmf": "12"}), client_frames.Dtmf(call_sid=CALL, digits="12"), id="dtmf"
        ),
        pytest.param(
            frame("message", HELLO),
            client_frames.ClientMessage(
                call_sid=CALL,
                sid=KX,
                content="{}",
                content_type="application/json",
                message_type="user-defined-message",
            ),
            id="message",
        ),
        pytest.param(frame("nonsense", 5), UnknownFrame("nonsense"), id="unknown"),
        pytest.param(frame("n" * 5000), UnknownFrame("n" * 1024), id="a long unknown"),
    ],
)
def test_a_frame_is_read(text: str, expected: object) -> None:
    assert client_frames.decode(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("{", id="no JSON"),
        pytest.param("[]", id="no object"),
        pytest.param("{}", id="no type"),
        pytest.param(frame(1), id="a type that is not a string"),
        pytest.param(frame("listen", []), id="a payload that is not an object"),
        pytest.param(frame("listen", {"token": 1}), id="a token that is not a string"),
        pytest.param(frame("listen", {"reconnectTimeout": "1"}), id="a timeout in text"),
        pytest.param(frame("listen", {"reconnectTimeout": True}), id="a timeout that is true"),
        pytest.param(frame("listen", {"reconnectTimeout": -1}), id="a timeout in the past"),
        pytest.param(frame("register", {"media": True}), id="media that are no object"),
        pytest.param(frame("invite", {"sdp": "v=0"}), id="invite without callsid"),
        pytest.param(frame("invite", {"callsid": "c" * 1025}), id="a callsid without end"),
        pytest.param(frame("invite", {"callsid": "TJS", "twilio": []}), id="twilio that is not an object"),
        pytest.param(frame("invite", {"callsid": "TJS", "twilio": {"params": {}}}), id="params that are no text"),
        pytest.param(
            frame("invite", {"callsid": "TJS", "twilio": {"params": "a=%ED%A0%BD"}}), id="params that are not UTF-8"
        ),
        pytest.param(frame("hangup", {"callsid": 1}), id="a callsid that is not a string"),
        pytest.param(frame("message", {**HELLO, "content": None}), id="content null"),
        pytest.param(frame("message", {**HELLO, "voiceeventsid": ""}), id="no id"),
        pytest.param(say("NaN"), id="content that is no JSON"),
        pytest.param(say("[" * 200 + "]" * 200), id="content too deep"),
        pytest.param(say('"\\ud800"'), id="a lone surrogate"),
    ],
)
def test_invalid_frame_is_malformed(text: str) -> None:
    with pytest.raises(MalformedFrameError):
        client_frames.decode(text)


@pytest.mark.parametrize(
    "text",
    ["1.000000000000000000001", "1e2", "-0.0", "9" * 5000, '{"b":1,"a":[ ]}', '"\\u00e9"', "true", "false", '""', "[]"],
)
@pytest.mark.parametrize("blank", ["", " ", "\n\t"])
def test_content_keeps_its_text(text: str, blank: str) -> None:
    message = client_frames.decode(say(blank + text + blank, before='"x":[1,{"content":2}] ,', after=',"y":{}'))

    assert isinstance(message, client_frames.ClientMessage)
    assert message.content == text


def test_of_two_contents_the_last_counts() -> None:
    message = client_frames.decode(say("1", after=' , "content" : 2'))

    assert isinstance(message, client_frames.ClientMessage)
    assert message.content == "2"


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    ).filter(lambda value: value is not None),
    st.sampled_from([None, 0, 2]),
)
def test_any_content_is_cut_out_of_its_frame(value: object, indent: int | None) -> None:
    message = client_frames.decode(
        json.dumps({"type": "message", "payload": {**HELLO, "content": value}}, indent=indent)
    )

    assert isinstance(message, client_frames.ClientMessage)
    assert json.loads(message.content) == value


_names = st.sampled_from(
    ["callsid", "sdp", "token", "content", "voiceeventsid", "media", "twilio", "reconnect", "dtmf"]
)
_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3), lambda inner: st.dictionaries(_names, inner)
)
_kinds = st.sampled_from(
    ["listen", "register", "invite", "answer", "reject", "hangup", "reinvite", "dtmf", "message", "x"]
)


@given(st.text() | st.builds(frame, _kinds, _values | st.dictionaries(_names, _values)))
def test_any_text_is_a_frame_or_malformed(text: str) -> None:
    for decode in (client_frames.decode, server_frames.decode):
        with contextlib.suppress(MalformedFrameError):
            decode(text)


# --- what the gateway sends


@pytest.mark.parametrize(
    ("frame", "kind", "payload"),
    [
        pytest.param(
            server_frames.Connected(identity="alice", home="localhost:1/eventgw?", ttl=60),
            "connected",
            {
                "region": "us1",
                "edge": "roaming",
                "home": "localhost:1/eventgw?",
                "gateway": "emulator",
                "token": {"identity": "alice", "ttl": 60},
            },
            id="connected",
        ),
        pytest.param(server_frames.ReadyFrame(), "ready", {}, id="ready"),
        pytest.param(server_frames.Offline(), "offline", {}, id="offline"),
        pytest.param(server_frames.Ringing(call_sid=CALL), "ringing", {"callsid": CALL}, id="ringing"),
        pytest.param(
            server_frames.ServerAnswer(call_sid=CALL, sdp="v", reconnect="r"),
            "answer",
            {"callsid": CALL, "sdp": "v", "reconnect": "r"},
            id="answer",
        ),
        pytest.param(
            server_frames.ServerAnswer(call_sid=CALL, reconnect="r"),
            "answer",
            {"callsid": CALL, "reconnect": "r"},
            id="reconnected",
        ),
        pytest.param(
            server_frames.ServerInvite(
                call_sid=CALL,
                sdp="v",
                reconnect="r",
                from_="client:bob",
                to="client:alice",
                account_sid="AC1",
                custom={"a": "1 &", "b": ""},
            ),
            "invite",
            {
                "callsid": CALL,
                "sdp": "v",
                "parameters": {
                    "CallSid": CALL,
                    "From": "client:bob",
                    "To": "client:alice",
                    "AccountSid": "AC1",
                    "Params": "a=1+%26&b=",
                },
                "reconnect": "r",
            },
            id="incoming",
        ),
        pytest.param(
            server_frames.ServerInvite(
                call_sid=CALL, sdp="v", reconnect="r", from_="f", to="t", account_sid=None, custom={}
            ),
            "invite",
            {
                "callsid": CALL,
                "sdp": "v",
                "parameters": {"CallSid": CALL, "From": "f", "To": "t"},
                "reconnect": "r",
            },
            id="incoming of no account",
        ),
        pytest.param(server_frames.Cancel(call_sid=CALL), "cancel", {"callsid": CALL}, id="cancel"),
        pytest.param(server_frames.ServerHangup(call_sid=CALL), "hangup", {"callsid": CALL}, id="hangup"),
        pytest.param(
            server_frames.ServerHangup(call_sid=CALL, error=error_codes.BUSY_HERE),
            "hangup",
            {"callsid": CALL, "error": {"code": 31486, "message": "Busy Here (SIP)"}},
            id="hangup with an error",
        ),
        pytest.param(
            server_frames.Ack(call_sid=CALL, sid=KX),
            "ack",
            {"acktype": "message", "callsid": CALL, "voiceeventsid": KX},
            id="ack",
        ),
        pytest.param(
            server_frames.ErrorFrame(error=error_codes.MESSAGE_TYPE_INVALID, call_sid=CALL, sid=KX),
            "error",
            {
                "callsid": CALL,
                "voiceeventsid": KX,
                "error": {"code": 31210, "message": "Call Message Event Type is invalid."},
            },
            id="error of a message",
        ),
        pytest.param(
            server_frames.ErrorFrame(error=error_codes.TOKEN_INVALID),
            "error",
            {"error": {"code": 31204, "message": "Invalid JWT token"}},
            id="error",
        ),
        pytest.param(
            server_frames.ServerMessage(call_sid=CALL, sid=KX, content='{"a": 1}'),
            "message",
            {
                "content": {"a": 1},
                "callsid": CALL,
                "voiceeventsid": KX,
                "contenttype": "application/json",
                "messagetype": "user-defined-message",
            },
            id="message",
        ),
        pytest.param(server_frames.Close(), "close", {}, id="close"),
    ],
)
def test_a_frame_is_written(frame: server_frames.ServerFrame, kind: str, payload: dict[str, Any]) -> None:
    assert frame.encode() == json.dumps({"type": kind, "version": "1.6", "payload": payload})
    assert server_frames.decode(frame.encode()) == frame


@pytest.mark.parametrize("text", ["1.000000000000000000001", ' {"a" : 1e2} ', "9" * 5000, '"é"', "null"])
def test_message_has_the_original_text(text: str) -> None:
    written = server_frames.ServerMessage(call_sid=CALL, sid=KX, content=text).encode()

    assert f'"content": {text},' in written
    assert isinstance(content.parse(written), dict)


@pytest.mark.parametrize("text", ["", "{", "NaN", "hello", '"\\ud800"', '1},"x":{"y":2'])
def test_text_that_is_not_json_is_a_string(text: str) -> None:
    written = server_frames.ServerMessage(call_sid=CALL, sid=KX, content=text).encode()

    assert json.loads(written)["payload"]["content"] == text
    assert server_frames.decode(written).encode() == written  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(frame("connected"), server_frames.Connected(identity="", home="", ttl=0, edge=""), id="connected"),
        pytest.param(frame("hangup", {"callsid": ""}), server_frames.ServerHangup(), id="hangup of every call"),
        pytest.param(frame("error"), server_frames.ErrorFrame(error=error_codes.UNKNOWN), id="error without a code"),
        pytest.param(
            frame("message", {"callsid": CALL}),
            server_frames.ServerMessage(call_sid=CALL, sid="", content="null"),
            id="message without content",
        ),
        pytest.param(KEEPALIVE, Keepalive(), id="keepalive"),
        pytest.param(frame("news"), UnknownFrame("news"), id="unknown"),
    ],
)
def test_server_frames_may_lack_members(text: str, expected: object) -> None:
    assert server_frames.decode(text) == expected


# --- what a client sends


@pytest.mark.parametrize(
    ("frame", "kind", "payload"),
    [
        pytest.param(
            client_frames.Listen(token="t"),
            "listen",
            {"token": "t", "browserinfo": {"p": "python", "plugin": "rtc", "v": "emulator"}},
            id="listen",
        ),
        pytest.param(client_frames.Register(audio=False), "register", {"media": {"audio": False}}, id="register"),
        pytest.param(
            client_frames.ClientInvite(call_sid="TJS1", sdp="v=0", parameters={"To": "bob", "a": "1 &"}),
            "invite",
            {"callsid": "TJS1", "sdp": "v=0", "twilio": {"params": "To=bob&a=1+%26"}},
            id="invite",
        ),
        pytest.param(
            client_frames.Reconnect(call_sid=CALL, token="r"),
            "invite",
            {"callsid": CALL, "sdp": "", "reconnect": "r", "twilio": {}},
            id="reconnect",
        ),
        pytest.param(
            client_frames.ClientAnswer(call_sid=CALL, sdp="v"), "answer", {"callsid": CALL, "sdp": "v"}, id="answer"
        ),
        pytest.param(client_frames.Reject(call_sid=CALL), "reject", {"callsid": CALL}, id="reject"),
        pytest.param(client_frames.ClientHangup(call_sid=CALL), "hangup", {"callsid": CALL}, id="hangup"),
        pytest.param(
            client_frames.Reinvite(call_sid=CALL, sdp="v"), "reinvite", {"callsid": CALL, "sdp": "v"}, id="reinvite"
        ),
        pytest.param(
            client_frames.Dtmf(call_sid=CALL, digits="1#"), "dtmf", {"callsid": CALL, "dtmf": "1#"}, id="dtmf"
        ),
        pytest.param(
            client_frames.ClientMessage(
                call_sid=CALL, sid=KX, content='{"a": 1}', content_type="text/plain", message_type="m"
            ),
            "message",
            {
                "callsid": CALL,
                "content": {"a": 1},
                "contenttype": "text/plain",
                "messagetype": "m",
                "voiceeventsid": KX,
            },
            id="message",
        ),
    ],
)
def test_a_client_frame_is_written(frame: Frame, kind: str, payload: dict[str, Any]) -> None:
    assert frame.encode() == json.dumps({"type": kind, "version": "1.6", "payload": payload})
    assert client_frames.decode(frame.encode()) == frame


def test_a_keepalive_is_a_line_break() -> None:
    assert Keepalive().encode() == "\n"
