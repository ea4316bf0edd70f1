"""Every pair of event family and status of Correios' tracking system (SRO) that is known, and what it says of the parcel.

Source: the tables of SRO events as published for contract customers, and public lists made from it, read 2026-11-20. The list grows
without notice.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from adapters.tracking_words import Meaning
from schemas.facts import ShipmentKind

Pairs = Mapping[tuple[str, int], Meaning]

OUTCOMES: Final = ("BDE", "BDI", "BDR")
"""Outcome of a delivery: told by the postman, inside of the unit, and as a correction of what was told."""

MOVEMENTS: Final = ("DO", "RO", "PMT", "TRI", "CD", "CMT", "CUN", "CAR", "CMR")
"""On the way between units, checked in at one: whatever the status."""

FAMILIES: Final = ("PO", "CO", *MOVEMENTS, "OEC", "LDI", "LDE", *OUTCOMES, "FC", "BLQ", "PAR", "IDC", "EST")


def _pairs(families: Iterable[str], rows: Iterable[tuple[ShipmentKind, str | None, Iterable[int]]]) -> dict[tuple[str, int], Meaning]:
    rows = tuple((kind, reason, tuple(statuses)) for kind, reason, statuses in rows)
    return {
        (family, status): Meaning(kind, reason)
        for family in families for kind, reason, statuses in rows for status in statuses
    }  # fmt: skip


PAIRS: Final[Pairs] = {
    **_pairs(
        OUTCOMES,
        (
            ("shipment.delivered", None, (0, 1, 67, 70, 79)),  # 67: to a neighbour; 79: to the contractor
            ("shipment.delivery_difficulty", "recipient_absent", (2, 18, 20)),
            ("shipment.delivery_difficulty", "address", (7, 19, 34, 82)),
            ("shipment.delivery_difficulty", "business_closed", (25,)),
            ("shipment.delivery_difficulty", "operational", (30, 35, 46, 47)),  # 47 takes "out for delivery" back
            ("shipment.returning", "recipient_absent", (21,)),
            ("shipment.returning", "refused", (4,)),
            ("shipment.returning", "document_missing", (33,)),
            ("shipment.returning", "unspecified", (5, 36)),
            ("shipment.returning", "recipient_unknown", (6,)),
            ("shipment.returning", "moved", (10,)),
            ("shipment.returning", "address", (8, 89)),
            ("shipment.returning", "not_collected", (26,)),
            ("shipment.returning", "sender_request", (14,)),
            ("shipment.returning", None, (40, 42, 48, 49, 56, 62, 63, 64)),  # incomplete lot, size, customs
            ("shipment.returned", None, (23,)),
            ("shipment.in_transit", None, (15, 22, 32, 38, 41, 45, 53, 84, 85, 87)),
            ("shipment.delayed", None, (66, 69)),
            ("shipment.ready_for_pickup", None, (24, 68)),  # PO box, locker
            ("shipment.on_hold", "disposal_review", (3, 12, 39)),
            ("shipment.on_hold", "customs", (31, 43, 44, 54, 55, *range(57, 62), *range(71, 78), 81, 83)),
            ("shipment.lost_suspected", None, (9, 29, 98)),  # 9 now also reads "has not arrived at the unit yet"
            ("shipment.lost", "fire", (13,)),
            ("shipment.lost", "stolen", (50, 51, 52)),  # from the postman, the vehicle, the unit
            ("shipment.lost", "lost", (80,)),
            ("shipment.damaged", None, (28, 37, 86)),
        ),
    ),
    ("BDI", 82): Meaning("shipment.in_transit"),  # addressed abroad
    **_pairs(("PO",), (("shipment.posted", None, (0, 1, 9)),)),  # 9: after cut-off
    **_pairs(
        ("CO",),
        (
            ("shipment.posted", None, (1,)),
            ("shipment.label_created", None, (*range(2, 8), 14)),
            ("shipment.delivered", None, (8,)),
            ("shipment.canceled", None, (9, 10, 13)),
            ("shipment.lost", None, (11,)),
            ("shipment.ready_for_pickup", None, (12,)),
        ),
    ),
    # 9 and the list of external distribution: out for delivery *to the sender*.
    **_pairs(("OEC",), (("shipment.out_for_delivery", None, (0, 1, 3)), ("shipment.returning", None, (9,)))),
    **_pairs(("LDE",), (("shipment.returning", None, (0, 9)),)),
    # 11, 13: on its way to the place where it is to be collected.
    **_pairs(("LDI",), (("shipment.ready_for_pickup", None, (*range(5), 14)), ("shipment.in_transit", None, (11, 13)))),
    **_pairs(
        ("FC",),
        (
            ("shipment.returning", None, (1, 47)),
            ("shipment.in_transit", None, (2, 5, 10)),
            ("shipment.delayed", None, (3, 8)),  # 3: sent the wrong way
            ("shipment.delivery_difficulty", "address", (4,)),
            ("shipment.delivery_difficulty", "business_closed", (7,)),
            ("shipment.delivery_difficulty", "not_collected", (9,)),
            ("shipment.damaged", None, (11,)),
            ("shipment.lost", "stolen", (51,)),
        ),
    ),
    **_pairs(
        ("BLQ",),
        (
            ("shipment.on_hold", "blocked", (1, 2, 4, 11, 21, 30, 41, 42, 51)),  # usually by the sender
            ("shipment.returning", None, (5, 22)),
            ("shipment.in_transit", None, (24, 44, 54, 61)),
            ("shipment.lost", None, (31,)),
        ),
    ),
    **_pairs(
        ("PAR",),
        (
            ("shipment.returning", None, (13, 24, 40)),
            ("shipment.in_transit", None, (10, 15, 17, 18, 28, 31, 34, 42)),  # 15: arrived abroad, which is not delivered
        ),
    ),
    **_pairs(("IDC",), (("shipment.lost", "indemnified", range(1, 8)),)),
    **_pairs(("EST",), (("shipment.correction", None, (*range(1, 7), 9)),)),
}

WHOLE_FAMILIES: Final[Mapping[str, Meaning]] = {
    **dict.fromkeys(MOVEMENTS, Meaning("shipment.in_transit")),
    "FC": Meaning("shipment.on_hold", "inspection"),
    "PAR": Meaning("shipment.on_hold", "customs"),
}
"""What a documented family says under every status that is not a pair of its own."""


def meaning_of_code(family: str, status: int) -> Meaning | None:
    """Return what the code says; None = nobody has told us."""
    return PAIRS.get((family, status)) or WHOLE_FAMILIES.get(family)
