"""When an unpaid order is given up (rules.md, Orders): the latest due date and its grace, failures, expiries, bank days."""

from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from typing import Any, Final

import pytest

from hub.domain.expiry import WEEKDAYS
from hub.domain.judge import Accepted, NoOp, Rejected, Shop, offered
from hub.domain.view import expire_at
from schemas.facts import Fact
from tests.unit.domain.orders import NUMBER, TOTAL, TXID, Story, at, boleto, canceled, card, payment, pix, pix_paid, placed, seen, story

SAO_PAULO: Final = timezone(timedelta(hours=-3))
DAY: Final = 60 * 24


class Bank:
    """A calendar with a holiday on the Monday of 2026-11-30."""

    timezone: Final[tzinfo] = SAO_PAULO

    def is_bank_day(self, day: date) -> bool:
        return day.weekday() < 5 and day != date(2026, 11, 30)


def local(day: str, time: str = "23:59:59") -> str:
    return f"{day}T{time}-03:00"


def due(*facts: Fact) -> datetime | None:
    return expire_at(seen(*facts), Bank())


def gateway(kind: str, minutes: float, charge: str = "c") -> Fact:
    return payment(kind, minutes, key=f"charge_id={charge}", provider="pagarme", method="card")


CASES: list[tuple[str, list[Fact], datetime | None]] = [
    ("a Pix: its due date and an hour", [placed(pix(due_at=at(60).isoformat()))], at(120)),
    ("a boleto: three bank days", [placed(boleto(due_at=local("2026-12-01")))], datetime(2026, 12, 5, 2, 59, 59, tzinfo=UTC)),
    ("over a weekend", [placed(boleto(due_at=local("2026-12-03")))], datetime(2026, 12, 9, 2, 59, 59, tzinfo=UTC)),
    ("over a holiday", [placed(boleto(due_at=local("2026-11-27")))], datetime(2026, 12, 4, 2, 59, 59, tzinfo=UTC)),
    ("due on a Saturday, payable on the next bank day", [placed(boleto(due_at=local("2026-11-28")))],
     datetime(2026, 12, 5, 2, 59, 59, tzinfo=UTC)),
    ("the day in the shop's zone counts", [placed(boleto(due_at="2026-12-02T02:59:59+00:00"))],
     datetime(2026, 12, 5, 2, 59, 59, tzinfo=UTC)),
    ("a card with a due date has no grace", [placed(card(due_at=at(60).isoformat()))], at(60)),
    ("the latest of several", [placed(pix(due_at=at(600).isoformat()), card(due_at=at(60).isoformat()))], at(660)),
    ("one without due date does not count beside one with", [placed(pix(due_at=at(600).isoformat()), card())], at(660)),
    ("what the provider says later", [placed(pix(due_at=at(60).isoformat())),
     payment("pending", 5, key="e2e=E0", refs=[f"txid={TXID}"], due_at=at(300).isoformat())], at(360)),
    ("without any due date: ten days", [placed(pix())], at(10 * DAY)),
    ("without any payment: ten days", [placed()], at(10 * DAY)),
    ("an attempt that failed: a day", [placed(card()), gateway("failed", 30)], at(30 + DAY)),
    ("the last of two failures", [placed(card(), card()), gateway("failed", 30), gateway("failed", 90, "d")], at(90 + DAY)),
    ("a failure beside an attempt that lives", [placed(card(), pix(due_at=at(600).isoformat())), gateway("failed", 30)], at(660)),
    ("an attempt that expired: at once", [placed(pix()), payment("expired", 70, key="e2e=E0", refs=[f"txid={TXID}"])], at(70)),
    ("voided as failed", [placed(card()), gateway("voided", 30)], at(30 + DAY)),
    ("failed and expired: the later end", [placed(card(), pix()), gateway("failed", 30),
     payment("expired", 3 * DAY, key="e2e=E0", refs=[f"txid={TXID}"])], at(3 * DAY)),
    ("never after a failure, if the shop wants it so", [placed(card(), rules={"cancel_refused_after_s": None}), gateway("failed", 30)],
     None),
    ("graces are the shop's", [placed(pix(due_at=at(60).isoformat()), rules={"expire_pix_grace_s": 60})], at(61)),
    ("no bank days", [placed(boleto(due_at=at(60).isoformat()), rules={"expire_boleto_grace_days": 0})], at(60)),
    ("paid", [placed(pix()), pix_paid()], None),
    ("paid in part", [placed(pix()), pix_paid(amount=1)], None),
    ("free of charge", [placed(total_cents=0)], None),
    ("canceled", [placed(pix()), canceled()], None),
    ("closed", [placed(pix()), pix_paid(), payment("refunded", 30, cumulative_cents=TOTAL)], None),
]  # fmt: skip


@pytest.mark.parametrize(("facts", "expected"), [row[1:] for row in CASES], ids=[row[0] for row in CASES])
@pytest.mark.requirement("R5", "R6")
def test_when_an_order_is_given_up(facts: list[Fact], expected: datetime | None) -> None:
    assert due(*facts) == expected
    assert due(*reversed(facts)) == expected


def test_in_review_it_is_looked_at_again_each_hour() -> None:
    now = seen(placed(card(due_at=at(60).isoformat())), gateway("in_review", 5))
    assert expire_at(now, WEEKDAYS) == at(60)
    assert expire_at(now, WEEKDAYS, at(10)) == at(70)
    assert expire_at(now, WEEKDAYS, at(600)) == at(660)


def test_not_while_it_is_held() -> None:
    order = story(placed(pix()))
    order.ask("order.hold")
    assert expire_at(order.view, WEEKDAYS) is None
    order.ask("order.release")
    assert expire_at(order.view, WEEKDAYS) == at(10 * DAY)


# -- the command -------------------------------------------------------------------------------------------------------------------


def shop_with_bank(*facts: Fact) -> Story:
    order = story(*facts)
    order.shop = Shop(calendar=Bank())
    return order


def test_a_person_waits_for_the_due_date_and_the_timer_comes_again() -> None:
    order = shop_with_bank(placed(pix(due_at=at(60).isoformat())))
    early = order.ask("order.expire", 119.9)
    assert isinstance(early, Rejected)
    assert (early.code, at(120).isoformat() in early.message) == ("not_due_yet", True)
    assert isinstance(order.ask("order.expire", 119.9, actor="policy:order.expire"), NoOp)
    assert "order.expire" not in offered(order.view, order.done, at(119), order.shop)
    assert "order.expire" in offered(order.view, order.done, at(120), order.shop)
    seen_ = len(order.events)
    assert isinstance(order.ask("order.expire", 120, notify=False), Accepted)
    assert order.keys[seen_:] == ["order.status_changed.canceled", "stock.release_requested"]
    assert order.view.cancel is not None
    assert (order.view.cancel.reason, order.view.cancel.by) == ("expired", "order.expire")


@pytest.mark.parametrize(
    ("facts", "minutes"),
    [
        ([placed(pix()), pix_paid()], 90 * DAY),
        ([placed(pix()), pix_paid(amount=1)], 90 * DAY),
        ([placed(card()), gateway("in_review", 5)], 90 * DAY),
        ([placed(pix()), canceled()], 90 * DAY),
        ([placed(total_cents=0)], 90 * DAY),
        ([placed(pix())], 60),
    ],
)
def test_a_timer_never_harms(facts: list[Fact], minutes: float) -> None:
    order = story(*facts)
    before: tuple[Any, ...] = (order.view, len(order.events))
    assert isinstance(order.ask("order.expire", minutes, actor="policy:order.expire"), NoOp)
    assert (order.view, len(order.events)) == before
    assert order.view.number == NUMBER
