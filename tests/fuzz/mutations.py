"""Valid requests, and changes of their bytes. The same random numbers give the same bytes."""

import base64
import random

ACCOUNT, CALL = "AC" + "f" * 32, "CA" + "f" * 32
PATH = f"/2010-04-01/Accounts/{ACCOUNT}/Calls/{CALL}/UserDefinedMessages.json".encode()
_AUTH = b"Authorization: Basic " + base64.b64encode(f"{ACCOUNT}:{'0' * 32}".encode()) + b"\r\n"
_FORM = b"Content-Type: application/x-www-form-urlencoded\r\n"
_BODY = b"Content=%7B%22a%22%3A1%7D&IdempotencyKey=k"
_MULTIPART = (
    b'--x\r\nContent-Disposition: form-data; name="Content"\r\n\r\n{"a": 1}\r\n'
    b'--x\r\nContent-Disposition: form-data; name="f"; filename="g"\r\nContent-Type: a/b\r\n\r\nfile\r\n--x--\r\n'
)


def _request(start: bytes, headers: bytes = b"", body: bytes = b"") -> bytes:
    length = b"Content-Length: %d\r\n" % len(body) if body else b""
    return b"%b HTTP/1.1\r\nHost: 127.0.0.1\r\n%b%b\r\n%b" % (start, headers, length, body)


_CHUNKED = (
    b"POST %b HTTP/1.1\r\nHost: x\r\n%b%bTransfer-Encoding: chunked\r\n\r\n8\r\nContent=\r\n1;a=b\r\n1\r\n0\r\n"
    % (
        PATH,
        _AUTH,
        _FORM,
    )
)
_OFFER = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABk\r\n"
_POST = b"POST " + PATH
WEBSOCKET = _request(
    b"GET /signal",
    b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n",
)
REQUESTS = (
    _request(_POST, _AUTH + _FORM, _BODY),
    _request(_POST.replace(b".json", b""), _AUTH + _FORM, _BODY),
    _request(_POST, _AUTH + b"Content-Type: multipart/form-data; boundary=x\r\n", _MULTIPART),
    _CHUNKED + b"\r\n",
    _CHUNKED + b"Host: y\r\nX: z\r\n\r\n",
    _request(_POST, _AUTH + _FORM + b"Expect: 100-continue\r\n", _BODY),
    _request(_POST, _AUTH + _FORM + _OFFER, _BODY),
    _request(b"POST http://api.twilio.com" + PATH, _AUTH + _FORM, _BODY),
    _request(b"OPTIONS *"),
    _request(b"OPTIONS " + PATH, b"Origin: http://localhost\r\nAccess-Control-Request-Method: POST\r\n"),
    _request(b"HEAD /livez"),
    _request(b"GET /readyz"),
    _request(b"GET /"),
    _request(b"GET /_emulator/messages?limit=2&order=newest&account_sid=" + ACCOUNT.encode()),
    _request(b"GET /_emulator/requests?limit=2&status=201"),
    _request(
        b"PUT /_emulator/calls/" + CALL.encode(), b"Content-Type: application/json\r\n", b'{"status": "in-progress"}'
    ),
    _request(b"POST /_emulator/check", b"Content-Type: application/json\r\n", b'{"method": "POST", "path": "/x"}'),
    _request(b"DELETE /_emulator/messages?account_sid=" + ACCOUNT.encode()),
)
CONNECT = _request(b"CONNECT api.twilio.com:80").replace(b"127.0.0.1", b"api.twilio.com:80")
_TOKENS = (
    *(
        b"\r\n",
        b"\n",
        b"\r",
        b"\r\n\r\n",
        b" ",
        b"\t",
        b":",
        b";",
        b",",
        b"/",
        b"?",
        b"#",
        b"%",
        b"&",
        b"=",
        b'"',
        b"\\",
    ),
    *(b"\x00", b"\x7f", b"\xff", b"\xc3\xa4", b"%00", b"%ff", b"..", b"//", b"http://", b"http://[::1", b"*"),
    *(
        b"0",
        b"-1",
        b"1",
        b"9" * 20,
        b"ffffffff",
        b"0\r\n\r\n",
        b"chunked",
        b"gzip",
        b"close",
        b"keep-alive",
        b"identity",
    ),
    *(b"HTTP/1.0", b"HTTP/1.1", b"HTTP/2.0", b"GET ", b"POST ", b"HEAD ", b"OPTIONS ", b"CONNECT ", b"BREW "),
    *(b"Host: x\r\n", b"Host: [::1]:1\r\n", b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n"),
    *(b"Connection: Upgrade\r\nUpgrade: websocket\r\n", b"Connection: close\r\n", b"Expect: 100-continue\r\n", _OFFER),
    *(
        b"Content-Type: application/json\r\n",
        b"Content-Encoding: gzip\r\n",
        b"Authorization: Basic !\r\n",
        b"A: b\r\n" * 50,
    ),
    *(b"[" * 200, b'{"a":', b"a" * 5000, PATH, b"/signal", b"/_emulator/"),
)


def mutate(data: bytes, chance: random.Random) -> bytes:
    """Change bytes at one to four places; half of them stay valid."""
    if chance.random() < 0.5:
        return data
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(data) + 1)
        size = chance.choice((1, 1, 2, 8, 40, 200))
        match chance.randrange(6):
            case 0:
                data = data[:at] + data[at + size :]
            case 1 | 2:
                data = data[:at] + chance.choice(_TOKENS) + data[at:]
            case 3:
                data = data[:at] + data[at : at + size] * chance.randint(2, 4) + data[at + size :]
            case 4 if at < len(data):
                data = data[:at] + bytes([data[at] ^ (1 << chance.randrange(8))]) + data[at + 1 :]
            case _:
                other = chance.choice(REQUESTS)
                data = data[:at] + other[chance.randrange(len(other)) :]
    return data


def frame(opcode: int, payload: bytes, *, fin: bool = True) -> bytes:
    """A masked WebSocket frame; the mask changes nothing."""
    size = len(payload)
    length = (
        bytes([0x80 | size])
        if size < 126
        else b"\xfe" + size.to_bytes(2)
        if size < 65536
        else b"\xff" + size.to_bytes(8)
    )
    return bytes([0x80 * fin | opcode]) + length + bytes(4) + payload


def frames(chance: random.Random) -> bytes:
    """WebSocket frames, some of them wrong."""
    data = b""
    for _ in range(chance.randint(0, 6)):
        opcode = chance.choice((0, 1, 1, 1, 2, 8, 9, 10, 3, 15))
        payload = chance.choice(
            (
                b"",
                b"a",
                b"\xff",
                b"\n",
                b"[" * 100,
                b'{"type":"listen","payload":{"token":"fuzz"}}',
                b'{"type":"hangup"}',
            )
        )
        first = bytes([chance.choice((0x80, 0x80, 0x80, 0x00, 0xC0)) | opcode])
        data += first + bytes([0x80 | len(payload)]) + b"\0\0\0\0" + payload
    return data if chance.random() < 0.5 else mutate(data or b"\x81\x80", chance)
