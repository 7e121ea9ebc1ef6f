"""What is secret by its name, in every place where the name may occur."""

from urllib.parse import quote

import pytest

from emulator.wire.masking import MASK, Masking, is_secret, mask_body, mask_form, mask_header, mask_text

SECRETS = [
    "AuthToken",
    "auth_token",
    "X-Api-Key",
    "apikey",
    "Password",
    "client_secret",
    "ACCESS_TOKEN",
    "token",
    "pwd",
]
SECRETS += ["X-Auth-Token", "X-Amz-Security-Token", "Cookie", "Set-Cookie", "Authorization", "jwt", "api-secret-key"]
SECRETS += ["X-Auth", "X-Session-Id", "Token2", "login[AuthToken]", "AuthToken[]"]
SHOWN = ["Content", "IdempotencyKey", "I-Twilio-Idempotency-Token", "PageToken", "Callback", "Method", "Host", "Tokens"]
SHOWN += ["Accept", "User-Agent", "X-Request-Id", "Access-Control-Allow-Credentials", "key", ""]


@pytest.mark.parametrize("name", [*SECRETS, *SHOWN])
def test_secret_names(name: str) -> None:
    """The name of a parameter decides whether its value is secret."""
    assert is_secret(name) is (name in SECRETS)


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("cookie", "session=abc; theme=dark", f"session={MASK}; theme={MASK}"),
        ("cookie", "abc", MASK),
        ("set-cookie", "id=a b; Path=/; Max-Age=5; HttpOnly", f"id={MASK}; Path=/; Max-Age=5; HttpOnly"),
        ("x-api-key", "abc", MASK),
        ("x-goog-iam-authorization-token", "abc", MASK),
        ("authorization", "Basic QUMxOmFiYw==", f"Basic AC1:{MASK}"),
        ("authorization", "Bearer abc", f"Bearer {MASK}"),
        ("proxy-authorization", "abc", MASK),
        ("referer", "http://u:p@h/?token=abc", f"http://u:{MASK}@h/?token={MASK}"),
        ("content-type", "text/plain; charset=utf-8", "text/plain; charset=utf-8"),
        ("i-twilio-idempotency-token", "1", "1"),
    ],
)
def test_headers(name: str, value: str, shown: str) -> None:
    assert mask_header(name, value) == shown


URL = "https://user:abc@h.example/x"
HIDDEN = f"https://user:{MASK}@h.example/x"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("/x?AuthToken=abc&a=1", f"/x?AuthToken={MASK}&a=1"),
        ("/x;AuthToken=abc?a=1;b", f"/x;AuthToken={MASK}"),
        ("/x?a=1;token=b;c&d=2", f"/x?a=1;token={MASK}&d=2"),
        ("/x?login[password]=abc", f"/x?login[password]={MASK}"),
        ("/x?a=1&Auth%54oken=abc#f", f"/x?a=1&Auth%54oken={MASK}"),
        (f"/x?Callback={quote(URL)}", f"/x?Callback={quote(HIDDEN, safe='*')}"),
        (URL, HIDDEN),
        ("https://user:a@b:c@h/", f"https://user:{MASK}@h/"),
        (f"{URL!r}: no, and {URL}", f"{HIDDEN!r}: no, and {HIDDEN}"),
        ("https://user@h:80/?a=b", f"https://{MASK}@h:80/?a=b"),
        ("/token=abc", "/token=abc"),
        ("", ""),
    ],
)
def test_urls_targets_and_sentences(text: str, shown: str) -> None:
    assert mask_text(text) == shown


def test_forms() -> None:
    form = {"Content": f'{{"token": "{URL}"}}', "IdempotencyKey": URL, "AuthToken": "abc", "Callback": URL, "a": "1"}

    assert mask_form(form) == form | {"AuthToken": MASK, "Callback": HIDDEN}


PART = '--b\r\nContent-Disposition: form-data; name="{}"\r\n\r\n{}\r\n'


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        ("AuthToken=a b;c#d&Content=%7B%22token%22%3A1%7D", f"AuthToken={MASK}&Content=%7B%22token%22%3A1%7D"),
        (f"Callback={quote(URL, safe='')}", f"Callback={quote(HIDDEN, safe='*')}"),
        (f"Content={quote(URL, safe='')}&a", f"Content={quote(URL, safe='')}&a"),
        (
            PART.format("AuthToken", "a\r\nb") + PART.format("Content", "token=1") + "--b--\r\n",
            PART.format("AuthToken", MASK) + PART.format("Content", "token=1") + "--b--\r\n",
        ),
        (PART.format("token", "cut off")[:-2], PART.format("token", MASK)[:-2]),
        (' {"AuthToken": "a\\"b", "Content": "{}"}', f' {{"AuthToken": "{MASK}", "Content": "{{}}"}}'),
        ('[{"password":12, "a": "b"}]', f'[{{"password":"{MASK}", "a": "b"}}]'),
        ("preamble\r\n" + PART.format("token", "a") + "--b--", "preamble\r\n" + PART.format("token", MASK) + "--b--"),
        ('{"to\\u006ben": {"a": ["}", 1]}, "b": 2}', f'{{"to\\u006ben": "{MASK}", "b": 2}}'),
        ('{"token": ["cut off"', f'{{"token": "{MASK}"'),
        ('{"token": ', f'{{"token": "{MASK}"'),
        ('{"\\x": 1, "token" : null}', f'{{"\\x": 1, "token" : "{MASK}"}}'),
        ('{"token": "cut off', f'{{"token": "{MASK}"'),
        ("", ""),
        ("no form at all", "no form at all"),
    ],
)
def test_bodies(body: str, shown: str) -> None:
    assert mask_body(body) == shown


PIECES = ["name=", '"', "a", "a=", "://", "://a:", "&", "; ", '"a":', "\\", "%41", "\r\n", " ", '"token":[', ";token=b"]


@pytest.mark.parametrize("piece", PIECES)
@pytest.mark.parametrize("start", ["--", "{", ""])
def test_masking_takes_linear_time(start: str, piece: str) -> None:
    """The largest body that is kept; with quadratic time these would take minutes."""
    body = start + piece * (64 * 1024 // len(piece))

    assert mask_body(body)
    assert mask_header("cookie", body)
    assert mask_text(body)


@pytest.mark.parametrize("show_secrets", [True, False])
def test_show_secrets_disables_masking(*, show_secrets: bool) -> None:
    mask = Masking(show_secrets)
    shown = mask.header("x-api-key", "k"), mask.text(URL), mask.form({"token": "t"}), mask.body("token=t")
    open_ = "k", URL, {"token": "t"}, "token=t"

    assert shown == (open_ if show_secrets else (MASK, HIDDEN, {"token": MASK}, f"token={MASK}"))
