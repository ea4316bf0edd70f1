"""The retry decision as a table, and what a laddered copy carries."""

from typing import Any, cast

import pytest
from aio_pika.abc import AbstractIncomingMessage

from adapters.contract import PayloadMalformed
from hub.bus.retry import MOST_ATTEMPTS, Acknowledge, DeadLetter, Decision, Retry, attempt_of, decide, laddered
from hub.errors import BrokerUnavailable, StoreUnavailable, UpstreamRejected, UpstreamThrottled, UpstreamUnavailable


@pytest.mark.parametrize(
    ("error", "attempt", "expected"),
    [
        (None, 1, Acknowledge()),
        (UpstreamUnavailable(), 1, Retry(5)),
        (UpstreamUnavailable(), 2, Retry(30)),
        (UpstreamUnavailable(), 3, Retry(120)),
        (UpstreamUnavailable(), 4, Retry(600)),
        (UpstreamUnavailable(), 5, Retry(3600)),
        (UpstreamUnavailable(), 6, Retry(21_600)),
        (UpstreamUnavailable(), 14, Retry(21_600)),
        (UpstreamThrottled(retry_after_s=31), 1, Retry(120)),
        (UpstreamThrottled(retry_after_s=1), 3, Retry(120)),
        (UpstreamThrottled(retry_after_s=90_000), 1, Retry(21_600)),
        (UpstreamThrottled(), 2, Retry(30)),
        (StoreUnavailable(), 99, Retry(5)),
        (BrokerUnavailable(), 99, Retry(5)),
    ],
)
def test_decision(error: BaseException | None, attempt: int, expected: Decision) -> None:
    assert decide(error, attempt) == expected


@pytest.mark.parametrize(
    ("error", "attempt"),
    [(UpstreamUnavailable(), MOST_ATTEMPTS), (UpstreamRejected(), 1), (PayloadMalformed("no id"), 1), (KeyError("defect"), 1)],
)
def test_what_will_not_get_better_is_a_dead_letter(error: BaseException, attempt: int) -> None:
    assert isinstance(decide(error, attempt), DeadLetter)


@pytest.mark.parametrize(("value", "attempt"), [(None, 1), (3, 3), (0, 1), (-1, 1), (True, 1), ("7", 1)])
def test_the_attempt_is_read_from_our_own_header(value: object, attempt: int) -> None:
    assert attempt_of({"hub-attempt": value, "x-death": [{"count": 9}]}) == attempt


class Incoming:
    """As much of an incoming message as the ladder reads."""

    body = b"{}"
    content_type = "application/json"
    content_encoding = correlation_id = reply_to = timestamp = type = app_id = None
    message_id = "m-1"

    def __init__(self, user_id: str | None, **headers: Any) -> None:
        self.user_id = user_id
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


def copy_of(user_id: str | None, **headers: Any) -> Any:
    return laddered(cast(AbstractIncomingMessage, Incoming(user_id, **headers)), attempt=2, own_user="hub")


def test_the_sender_moves_to_a_header_that_only_our_own_user_can_vouch_for() -> None:
    copy = copy_of("erp")
    assert (copy.user_id, copy.headers["hub-user"], copy.headers["hub-attempt"]) == ("hub", "erp", 2)
    again = copy_of("hub", hub_user="erp", hub_attempt=2)
    assert (again.user_id, again.headers["hub-user"]) == ("hub", "erp")


def test_a_sender_that_nobody_vouches_for_is_dropped() -> None:
    forged = copy_of(None, hub_user="boss")
    assert forged.user_id is None
    assert "hub-user" not in forged.headers
    assert copy_of("erp", hub_user="boss").headers["hub-user"] == "erp"


def test_the_brokers_own_headers_are_left_behind() -> None:
    copy = copy_of(None, x_death=[{}], x_delivery_count=3, traceparent="00-1")
    assert copy.headers == {"traceparent": "00-1", "hub-attempt": 2}
    assert copy.delivery_mode == 2
