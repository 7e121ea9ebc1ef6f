"""Twilio's own host names, and those that only look like them."""

import pytest

from emulator.wire.hosts import is_twilio


@pytest.mark.parametrize(
    ("host", "twilios"),
    [
        ("twilio.com", True),
        ("api.twilio.com", True),
        ("API.Twilio.COM.", True),
        ("api.sydney.us1.twilio.com", True),
        ("eviltwilio.com", False),
        ("api.twilio.com.evil.example", False),
        ("twilio.co", False),
        ("com", False),
        ("", False),
    ],
)
def test_twilios_names_are_its_domain_and_what_is_under_it(host: str, *, twilios: bool) -> None:
    assert is_twilio(host) is twilios
