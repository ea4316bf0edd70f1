"""References: the words by which other systems name an order."""

from typing import Final, Literal, get_args

from schemas.base import Identifier, Message

ReferenceKind = Literal[
    "order_number", "txid", "e2e", "charge_id", "payment_id", "gateway_order_id", "gateway_order_code",
    "external_reference", "nosso_numero", "our_number", "label_id", "tracking", "erp_order_id",
    "erp_order_number", "access_key",
]  # fmt: skip
REFERENCE_KINDS: Final[tuple[str, ...]] = get_args(ReferenceKind)


class Reference(Message):
    """One name of an order in another system. Its scope (provider, account or shop) is the engine's business."""

    kind: ReferenceKind
    value: Identifier
