"""Order facts: what the shop and the ERP say about the order itself."""

from typing import Final, Literal, Self, get_args

from pydantic import Field, model_validator

from schemas.base import Identifier, OrderNumber
from schemas.facts.base import FactBase
from schemas.orders import OrderRules, PlacedOrder

OrderKind = Literal[
    "order.placed", "order.canceled", "order.accepted", "order.rejected", "order.production_started", "order.ready_to_ship",
]  # fmt: skip
ORDER_KINDS: Final[tuple[str, ...]] = get_args(OrderKind)


class OrderFact(FactBase):
    """One thing the shop or the ERP says about an order. `placed` carries the whole order.

    `content_hash` and `rules` are filled by the engine before the fold, never by an adapter.
    """

    kind: OrderKind
    number: OrderNumber | None = None
    order: PlacedOrder | None = None
    content_hash: Identifier | None = Field(default=None, description="kind placed: hash of the whole order, personal data included")
    rules: OrderRules | None = Field(default=None, description="kind placed: what the shop decides for this order")

    @model_validator(mode="after")
    def _placed_carries_the_order(self) -> Self:
        if (self.kind == "order.placed") != (self.order is not None):
            raise ValueError("order is required for order.placed, and only there")
        return self
