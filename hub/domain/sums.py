"""The money of one order in five numbers, and what follows from them alone."""

from typing import NamedTuple


class Sums(NamedTuple):
    """What came and what went, and the two rules of the shop that say when that is enough.

    `units_gone`: refund documents have given back every unit.
    """

    due_cents: int
    captured_cents: int
    refunded_cents: int
    charged_back_cents: int
    tolerance_cents: int
    close_on_full_refund: bool
    units_gone: bool = False

    @property
    def net_cents(self) -> int:
        """What is left; below zero while a capture is still to be told."""
        return self.captured_cents - self.refunded_cents - self.charged_back_cents

    @property
    def paid(self) -> bool:
        """Whether captured has reached due. An order that costs nothing is paid when it is placed."""
        if self.due_cents == 0:
            return True
        return self.captured_cents > 0 and self.captured_cents + self.tolerance_cents >= self.due_cents

    @property
    def closed(self) -> bool:
        """Whether the order ends because all its money has gone, or every unit (order-lifecycle 3.2 rule 5).

        A shop may keep an order open that it paid back of its own will; money taken from it, or never complete, ends the order.
        """
        if self.captured_cents == 0:
            return False
        if self.units_gone:
            return True
        if self.net_cents > 0:
            return False
        return self.close_on_full_refund or not self.paid or self.charged_back_cents >= self.refunded_cents
