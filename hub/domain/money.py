"""Money arithmetic: splitting an amount over lines without losing a cent."""

from collections.abc import Sequence


def spread(amount_cents: int, weights: Sequence[int]) -> tuple[int, ...]:
    """Split an amount in proportion to the weights by largest remainder; the parts sum exactly to the amount.

    Equal remainders go to the earlier part. Weights that are all zero count as equal. A negative amount is split like its
    opposite, so that a surcharge and a discount of one size fall on the lines alike.
    Raises: ValueError for a negative weight, or an amount that is not zero and nothing to spread it over.
    """
    if any(weight < 0 for weight in weights):
        raise ValueError("a weight is negative")
    if amount_cents == 0:
        return (0,) * len(weights)
    if not weights:
        raise ValueError("nothing to spread the amount over")
    if amount_cents < 0:
        return tuple(-part for part in spread(-amount_cents, weights))
    total = sum(weights)
    shares = weights if total else [1] * len(weights)
    total = total or len(weights)
    parts = [amount_cents * share // total for share in shares]
    missing = amount_cents - sum(parts)
    if missing:
        by_remainder = sorted(range(len(parts)), key=lambda index: (-(amount_cents * shares[index] % total), index))
        for index in by_remainder[:missing]:
            parts[index] += 1
    return tuple(parts)
