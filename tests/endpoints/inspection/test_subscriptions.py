"""`/_emulator/subscriptions`: who is told what the end user of a call says."""

import pytest
from support.builders import Time
from support.server import Caller, Servers, fresh
from support.subscriptions import CALLBACK, subscribed, subscriptions, unsubscribe


def test_subscription_fields(serve: Servers) -> None:
    caller = Caller(serve(now=Time()))
    sid = subscribed(caller, Method="GET", IdempotencyKey="k")
    reply = caller.site.get("/_emulator/subscriptions")

    one = {
        "sid": sid,
        "account_sid": caller.account,
        "call_sid": caller.call,
        "callback": CALLBACK,
        "method": "GET",
        "idempotency_key": "k",
        "replays": 0,
        "date_created": "Wed, 18 Dec 2019 20:02:01 +0000",
    }
    assert (reply.status, reply.json()) == (200, {"subscriptions": [one], "count": 1})


def test_listed_by_scope_until_deleted(caller: Caller) -> None:
    other_call = Caller(caller.site, account=caller.account)
    other_account = Caller(caller.site, call=caller.call)
    first, second, third, fourth = (
        subscribed(one, IdempotencyKey=str(number))
        for number, one in enumerate((caller, other_call, caller, other_account))
    )
    unsubscribe(caller, first)

    def listed(query: str) -> list[str]:
        return [one["sid"] for one in caller.site.get(f"/_emulator/subscriptions?{query}").json()["subscriptions"]]

    assert listed(f"account_sid={caller.account}") == [second, third]
    assert listed(f"call_sid={caller.call}") == [third, fourth]
    assert listed(f"account_sid={caller.account}&call_sid={caller.call}") == [third]
    assert listed(f"account_sid={fresh('AC')}") == []


def test_deleted_call_keeps_subscriptions(caller: Caller) -> None:
    """As on the Twilio surface, where a deletion does not look at the call either."""
    sid = subscribed(caller)
    caller.site.put_json(f"/_emulator/calls/{caller.call}", {})
    caller.site.delete(f"/_emulator/calls/{caller.call}")

    assert [one["sid"] for one in subscriptions(caller)] == [sid]


@pytest.mark.parametrize("query", ["acount_sid=AC", "limit=0", "call=CA"])
def test_unknown_filter_is_rejected(caller: Caller, query: str) -> None:
    reply = caller.site.get(f"/_emulator/subscriptions?{query}")

    assert (reply.status, reply.json()["parameters"][0]["parameter"]) == (422, query.partition("=")[0])
