"""Realistic traffic for proofs: stories of orders told by the shop, Pix and Pagar.me, as raw messages in their senders' formats.

Everything is derived from a seed, so a failing run can be told again. Names, documents and keys are invented.
"""

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from tests.papers import Item, Paper

START: Final = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Message:
    """One raw message and the inbound key it goes to."""

    key: str
    body: bytes


def _iso(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _reais(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02d}"


def _json(key: str, document: Any) -> Message:
    return Message(key, json.dumps(document, separators=(",", ":")).encode())


def txid_of(number: str) -> str:
    """Give the txid of an order's dynamic Pix: 26 to 35 letters and digits."""
    return f"ped{number}".ljust(30, "0")


def placed(number: str, *, total: int = 11970, at: datetime = START, method: str = "pix") -> Message:
    """The shop places an order of two shirts and freight, to be paid by Pix, or by card at Pagar.me."""
    payment: dict[str, Any] = {"method": method, "amount_cents": total}
    if method == "pix":
        payment |= {"provider": "pix", "reference": txid_of(number), "due_at": _iso(at + timedelta(days=1))}
    else:
        payment |= {"provider": "pagarme", "references": [{"kind": "gateway_order_id", "value": f"or_{number}"}]}
    order = {
        "number": number,
        "placed_at": _iso(at),
        "currency": "BRL",
        "customer": {"id": f"c{number}", "name": "Cliente Exemplo", "email": f"cliente{number}@exemplo.invalid", "document": "12345678909"},
        "shipping_address": {
            "street": "Rua A",
            "number": "10",
            "city": "Campinas",
            "state": "SP",
            "postal_code": "13010000",
            "country": "BR",
        },
        "items": [{"sku": "CAM-01", "name": "Camiseta", "quantity": 2, "unit_price_cents": (total - 1990) // 2}],
        "shipping": {"carrier": "melhor_envio", "service": "PAC", "amount_cents": 1990},
        "total_cents": total,
        "payments": [payment],
    }
    return _json("shop.orders", {"type": "order.placed.v1", "id": f"evt-{number}", "order": order})


def canceled(number: str, *, at: datetime) -> Message:
    """The shop cancels an order at its side."""
    order = {"number": number, "reason": "customer_request", "canceled_at": _iso(at)}
    return _json("shop.orders", {"type": "order.canceled.v1", "id": f"evt-{number}-cancel", "order": order})


def end_to_end_id(number: str, at: datetime, serial: int = 0) -> str:
    """Give an endToEndId: E, ISPB, minute, eleven characters."""
    return f"E00000000{at:%Y%m%d%H%M}{f'{serial}{number}'[-11:].rjust(11, 'a')}"


def pix(number: str, *, cents: int = 11970, at: datetime = START, serial: int = 0, refunds: Sequence[dict[str, Any]] = ()) -> Message:
    """A Pix is received, or its devoluções move on."""
    one: dict[str, Any] = {
        "endToEndId": end_to_end_id(number, at, serial),
        "txid": txid_of(number),
        "valor": _reais(cents),
        "horario": _iso(at),
    }
    if refunds:
        one["devolucoes"] = list(refunds)
    return _json("payments.pix", {"pix": [one]})


def devolution(number: str, *, cents: int, at: datetime, status: str, serial: int = 0, nature: str = "ORIGINAL") -> dict[str, Any]:
    """One devolução of a Pix."""
    return {
        "id": f"dev{number}x{serial}",
        "rtrId": f"D00000000{at:%Y%m%d%H%M}{f'{serial}{number}'[-11:].rjust(11, 'd')}",
        "valor": _reais(cents),
        "natureza": nature,
        "horario": {"solicitacao": _iso(at)},
        "status": status,
    }


def charge(number: str, kind: str, *, status: str, at: datetime, transaction: str, hook: str, **amounts: int) -> Message:
    """A Pagar.me webhook about the one charge of an order."""
    amount = amounts.pop("amount", 11970)
    document = {
        "id": f"hook_{number}{hook}",
        "account": {"id": "acc_TESTE01", "name": "Loja Exemplo"},
        "type": f"charge.{kind}",
        "created_at": _iso(at),
        "data": {
            "id": f"ch_{number}",
            "code": number,
            "amount": amount,
            "status": status,
            "currency": "BRL",
            "payment_method": "credit_card",
            "order": {"id": f"or_{number}", "code": number, "amount": amount, "status": "pending"},
            "last_transaction": {
                "id": f"tran_{number}{hook}",
                "transaction_type": "credit_card",
                "amount": amount,
                "status": transaction,
                "success": True,
                "created_at": _iso(at),
            },
            **amounts,
        },
    }
    return _json("payments.pagarme", document)


def _local(at: datetime) -> str:
    """Write a time as Melhor Envio does: São Paulo, no offset."""
    return f"{at - timedelta(hours=3):%Y-%m-%d %H:%M:%S}"


def label(number: str, event: str, *, parcel: int = 1, posted: datetime, delivered: datetime | None = None) -> Message:
    """A Melhor Envio hook about one label of an order."""
    data = {
        "id": f"9b1f0c52-5d0e-4c57-8a55-{parcel:03d}{number[-9:].zfill(9)}",
        "status": event,
        "tracking": f"T{parcel}X{number}",
        "tags": [{"tag": number, "url": None}],
        "posted_at": _local(posted),
        "delivered_at": None if delivered is None else _local(delivered),
    }
    return _json("carriers.melhor_envio", {"event": f"order.{event}", "data": data})


def paper(number: str, *, total: int, at: datetime) -> Paper:
    """An NF-e over the whole order."""
    return Paper(
        number=str(int(number[-6:] or 0) + 1),
        code=number[-8:].zfill(8),
        total=_reais(total),
        items=(Item(sku="CAM-01", quantity="2.0000", xped=number),),
        emitted=f"{at - timedelta(hours=3):%Y-%m-%dT%H:%M:%S}-03:00",
        purchase=number,
        free_text=f"Pedido loja: {number}",
        signed_by=None,
    )


def note(number: str, *, total: int, at: datetime) -> Message:
    """The ERP hands the authorized NF-e on."""
    made = paper(number, total=total, at=at)
    return Message("erp.nfe", made.proc(made.protocol(at=made.emitted, digest="", number=f"1352600{number[-8:].zfill(8)}")).encode())


def note_canceled(number: str, *, total: int, at: datetime, later: datetime) -> Message:
    """The ERP hands the cancellation of the NF-e on."""
    moment = f"{later - timedelta(hours=3):%Y-%m-%dT%H:%M:%S}-03:00"
    return Message("erp.nfe", paper(number, total=total, at=at).event(at=moment, number=f"1352601{number[-8:].zfill(8)}").encode())


def production(number: str, *, at: datetime) -> Message:
    """The ERP says that the order is being made."""
    document = {
        "version": "1",
        "EventId": f"erp-{number}-p",
        "EventType": "order.production_started",
        "OccurredAt": _iso(at),
        "Source": {"System": "protheus", "Account": "01"},
        "OrderRef": {"ShopOrderNumber": number},
    }
    return _json("erp.json", document)


def story(number: str, chance: random.Random) -> list[Message]:
    """Tell one order's life, in the order in which it happened."""
    at = START + timedelta(minutes=chance.randrange(10_000))
    total = 1990 + 2 * chance.randrange(500, 20_000)

    def later(minutes: int) -> datetime:
        return at + timedelta(minutes=minutes)

    match chance.randrange(13):
        case 9:  # the usual way: paid, made, papers, one parcel
            return [
                placed(number, total=total, at=at),
                pix(number, cents=total, at=later(5)),
                production(number, at=later(30)),
                note(number, total=total, at=later(60)),
                label(number, "posted", posted=later(100)),
                label(number, "delivered", posted=later(100), delivered=later(3000)),
            ]
        case 10:  # two parcels, one of them late (every hook with a time of its own, so that runs at other times end alike)
            return [
                placed(number, total=total, at=at),
                pix(number, cents=total, at=later(5)),
                label(number, "posted", posted=later(100)),
                label(number, "posted", parcel=2, posted=later(101)),
                label(number, "delivered", posted=later(100), delivered=later(2000)),
                label(number, "delivered", parcel=2, posted=later(101), delivered=later(4000)),
            ]
        case 11:  # a note that is canceled, then everything is given back
            back = devolution(number, cents=total, at=later(200), status="DEVOLVIDO")
            return [
                placed(number, total=total, at=at),
                pix(number, cents=total, at=later(5)),
                note(number, total=total, at=later(60)),
                note_canceled(number, total=total, at=later(60), later=later(90)),
                pix(number, cents=total, at=later(5), refunds=[back]),
            ]
        case 12:  # shipped and papered although nobody paid, canceled by the shop
            return [
                placed(number, total=total, at=at),
                note(number, total=total, at=later(60)),
                label(number, "posted", posted=later(100)),
                canceled(number, at=later(200)),
            ]
        case 0 | 1 | 2:
            return [placed(number, total=total, at=at), pix(number, cents=total, at=later(5))]
        case 3:  # paid twice
            return [
                placed(number, total=total, at=at),
                pix(number, cents=total, at=later(5)),
                pix(number, cents=total, at=later(7), serial=1),
            ]
        case 4:  # paid in part, then canceled by the shop
            return [placed(number, total=total, at=at), pix(number, cents=total - 500, at=later(5)), canceled(number, at=later(90))]
        case 5:  # paid, part given back, then all
            first = devolution(number, cents=500, at=later(60), status="DEVOLVIDO")
            rest = devolution(number, cents=total - 500, at=later(90), status="DEVOLVIDO", serial=1)
            return [
                placed(number, total=total, at=at),
                pix(number, cents=total, at=later(5)),
                pix(number, cents=total, at=later(5), refunds=[first]),
                pix(number, cents=total, at=later(5), refunds=[first, rest]),
            ]
        case 6:  # canceled, then paid all the same
            return [placed(number, total=total, at=at), canceled(number, at=later(30)), pix(number, cents=total, at=later(45))]
        case 7:  # card: pending, paid, charged back
            return [
                placed(number, total=total, at=at, method="card"),
                charge(number, "pending", status="pending", at=later(1), transaction="waiting_payment", hook="a", amount=total),
                charge(number, "paid", status="paid", at=later(2), transaction="captured", hook="b", amount=total, paid_amount=total),
                charge(
                    number,
                    "chargedback",
                    status="chargedback",
                    at=later(3000),
                    transaction="chargedback",
                    hook="c",
                    amount=total,
                    paid_amount=total,
                ),
            ]
        case _:  # card: refused
            return [
                placed(number, total=total, at=at, method="card"),
                charge(number, "payment_failed", status="failed", at=later(1), transaction="not_authorized", hook="a", amount=total),
            ]


def stories(orders: int, seed: int) -> list[list[Message]]:
    """Tell many orders' lives."""
    chance = random.Random(seed)
    return [story(f"{seed % 1000:03d}{index:06d}", chance) for index in range(orders)]


def shuffled(messages: Sequence[Message], seed: int, *, duplicates: float = 0.0) -> list[Message]:
    """Mix messages, some of them more than once."""
    chance = random.Random(seed)
    mixed = [*messages, *(message for message in messages if chance.random() < duplicates)]
    chance.shuffle(mixed)
    return mixed


def flat(told: Sequence[Sequence[Message]]) -> Iterator[Message]:
    """Put stories one after another."""
    for one in told:
        yield from one
