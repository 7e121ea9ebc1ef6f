"""Tests with the emulator's pytest plugin, which provides its fixtures and a call for each test."""

import pytest
from app import create_app
from fastapi.testclient import TestClient


@pytest.fixture
def shop(twilio_client):
    """The service, with a client that is attached to the emulator."""
    return TestClient(create_app(twilio_client))


def test_each_step_sends_a_message(shop, twilio_emulator):
    for step in ("received", "packed"):
        shop.post(f"/calls/{twilio_emulator.call_sid}/steps", json={"order": 7, "step": step})

    messages = twilio_emulator.wait_for(at_least=2)
    assert [message.json["step"] for message in messages] == ["received", "packed"]


def test_a_repeated_step_sends_no_message(shop, twilio_emulator):
    step = {"order": 7, "step": "sent"}
    first, again = (shop.post(f"/calls/{twilio_emulator.call_sid}/steps", json=step).json() for _ in range(2))

    assert again == first
    assert twilio_emulator.last().replays == 1


def test_a_message_after_hang_up_is_a_conflict(shop, twilio_emulator):
    twilio_emulator.calls.register(status="completed")
    reply = shop.post(f"/calls/{twilio_emulator.call_sid}/steps", json={"order": 7, "step": "sent"})

    assert reply.status_code == 409
    twilio_emulator.expect_none(within=0)
