"""Which proxy a request takes: a table, and the library that reads the same variables."""

import os
from collections.abc import Mapping
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st
from requests.utils import get_environ_proxies, select_proxy

from emulator.commands.proxy_variables import LOOPBACK, proxy_variable

URL = "http://127.0.0.1:2010"
PROXY = "http://proxy:3128"
DEFAULT = ",".join(LOOPBACK)


@pytest.mark.parametrize(
    ("url", "environ", "name"),
    [
        (URL, {}, None),
        (URL, {"HTTP_PROXY": PROXY}, "HTTP_PROXY"),
        (URL, {"http_proxy": PROXY}, "http_proxy"),
        (URL, {"http_proxy": PROXY, "HTTP_PROXY": PROXY}, "http_proxy"),
        (URL, {"http_proxy": "", "HTTP_PROXY": PROXY}, None),
        (URL, {"ALL_PROXY": PROXY}, "ALL_PROXY"),
        (URL, {"all_proxy": PROXY}, "all_proxy"),
        (URL, {"ALL_PROXY": PROXY, "HTTP_PROXY": PROXY}, "HTTP_PROXY"),
        (URL, {"HTTPS_PROXY": PROXY}, None),
        ("https://127.0.0.1:2011", {"HTTPS_PROXY": PROXY}, "HTTPS_PROXY"),
        ("https://127.0.0.1:2011", {"HTTP_PROXY": PROXY}, None),
        (URL, {"HTTP_PROXY": PROXY, "REQUEST_METHOD": "GET"}, None),
        (URL, {"http_proxy": PROXY, "REQUEST_METHOD": "GET"}, "http_proxy"),
        (URL, {"HTTP_PROXY": PROXY, "NO_PROXY": "localhost"}, "HTTP_PROXY"),
        (URL, {"HTTP_PROXY": PROXY, "NO_PROXY": "localhost, 127.0.0.1"}, None),
        (URL, {"HTTP_PROXY": PROXY, "no_proxy": "127.0.0.1"}, None),
        (URL, {"HTTP_PROXY": PROXY, "no_proxy": "intranet", "NO_PROXY": "127.0.0.1"}, "HTTP_PROXY"),
        (URL, {"HTTP_PROXY": PROXY, "NO_PROXY": "*"}, None),
        (URL, {"HTTP_PROXY": PROXY, "NO_PROXY": "intranet,*"}, "HTTP_PROXY"),
        (URL, {"HTTP_PROXY": PROXY, "NO_PROXY": "127.0.0.0/8"}, None),
        (URL, {"HTTP_PROXY": PROXY, "NO_PROXY": "127.0.0.9/8"}, None),
        (URL, {"HTTP_PROXY": PROXY, "NO_PROXY": "10.0.0.0/8"}, "HTTP_PROXY"),
        (URL, {"HTTP_PROXY": PROXY, "NO_PROXY": "0.0.0.0/0"}, "HTTP_PROXY"),
        (URL, {"HTTP_PROXY": PROXY, "NO_PROXY": "127.0.0.1:2010"}, "HTTP_PROXY"),
        ("http://localhost:2010", {"HTTP_PROXY": PROXY, "NO_PROXY": "localhost:2010"}, None),
        ("http://localhost:2010", {"HTTP_PROXY": PROXY, "NO_PROXY": "localhost:2011"}, "HTTP_PROXY"),
        ("http://a.localhost:2010", {"HTTP_PROXY": PROXY, "NO_PROXY": ".localhost"}, None),
        ("http://xlocalhost", {"HTTP_PROXY": PROXY, "NO_PROXY": "localhost"}, "HTTP_PROXY"),
        ("http://[::1]:2010", {"HTTP_PROXY": PROXY, "NO_PROXY": "::1"}, None),
        ("http://[::1]:2010", {"HTTP_PROXY": PROXY, "NO_PROXY": "127.0.0.1"}, "HTTP_PROXY"),
    ],
)
def test_effective_variable(url: str, environ: Mapping[str, str], name: str | None) -> None:
    found = proxy_variable(url, environ)

    assert (found and found.name) == name
    assert (name is not None) is is_proxied(url, environ)
    if found is not None:
        assert f"{name} is set and NO_PROXY does not include {found.host}" in str(found)


def is_proxied(url: str, environ: Mapping[str, str]) -> bool:
    """What requests does with these variables."""
    with mock.patch.dict(os.environ, environ, clear=True):
        return select_proxy(url, get_environ_proxies(url)) is not None


ENTRIES = [*LOOPBACK, "*", ".local", "local", "app.local", "app.local:80", "127.0.0.0/8", "127.0.0.0/33", "10/8", "0.1"]
URLS = [URL, "https://127.0.0.1", "http://localhost:80", "http://[::1]:1", "http://app.local:80", "https://app.local"]


@given(
    url=st.sampled_from(URLS),
    proxies=st.dictionaries(
        st.sampled_from(["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"]),
        st.sampled_from(["", PROXY]),
    ),
    direct=st.dictionaries(
        st.sampled_from(["no_proxy", "NO_PROXY"]), st.lists(st.sampled_from(ENTRIES), min_size=1).map(", ".join)
    ),
)
def test_requests_library_agrees(url: str, proxies: dict[str, str], direct: dict[str, str]) -> None:
    found = proxy_variable(url, proxies | direct)

    assert (found is not None) is is_proxied(url, proxies | direct)
    if found is not None:
        repaired = proxies | direct | {"NO_PROXY": found.no_proxy, "no_proxy": found.no_proxy}
        assert not is_proxied(url, repaired)


@pytest.mark.parametrize(
    ("url", "present", "wanted"),
    [
        (URL, {}, DEFAULT),
        (URL, {"NO_PROXY": "intranet, localhost"}, "intranet,localhost,127.0.0.1,::1"),
        ("http://emulator:2010", {}, DEFAULT + ",emulator"),
    ],
)
def test_suggested_value_keeps_entries(url: str, present: dict[str, str], wanted: str) -> None:
    found = proxy_variable(url, {"HTTP_PROXY": PROXY, **present})

    assert found is not None
    assert found.no_proxy == wanted
