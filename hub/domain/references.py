"""References inside the ledger: two letters for the kind, a colon, the value; and how two of them match."""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Final

from schemas.references import Reference

CODES: Final[Mapping[str, str]] = {
    "order_number": "on",
    "txid": "tx",
    "e2e": "e2",
    "charge_id": "ch",
    "payment_id": "pi",
    "gateway_order_id": "gi",
    "gateway_order_code": "gc",
    "external_reference": "xr",
    "nosso_numero": "nn",
    "our_number": "un",
    "label_id": "li",
    "tracking": "tk",
    "erp_order_id": "ei",
    "erp_order_number": "en",
    "access_key": "ak",
}
BARE: Final = "rf"
"""A `reference` that the shop gave without a kind."""

KINDS: Final[Mapping[str, str]] = {code: kind for kind, code in CODES.items()} | {BARE: "reference"}

KEY_CODES: Final = ("ch", "pi", "e2", "nn")
"""Kinds that identify one payment at its provider."""

_ID_LIMIT: Final = 200
"""Longest identifier of the published language."""

STAND_IN_CODES: Final = (*KEY_CODES, "tx", "gi", "gc", "xr", "un")
"""Which reference stands in for a missing payment key, best first."""


def coded(reference: Reference) -> str:
    """Write a reference as the ledger keeps it."""
    return f"{CODES[reference.kind]}:{reference.value}"


def identity(word: str) -> str:
    """Return the word by which a payment key is told from others: left zeros of a nosso número do not count."""
    if not word.startswith("nn:"):
        return word
    bank, colon, digits = word[3:].rpartition(":")
    return f"nn:{bank}{colon}{digits.lstrip('0')}"


def decoded(word: str) -> tuple[str, str]:
    """Return (kind, value)."""
    return KINDS[word[:2]], word[3:]


def declared_forms(word: str) -> Iterator[str]:
    """Yield what a declared reference is found by. Without a bank, a nosso número is found by its digits alone."""
    value = word[3:]
    yield value
    bank, colon, digits = value.rpartition(":")
    if not digits.isdecimal():
        return
    if not colon:
        yield "#" + digits.lstrip("0")
    elif bank.isdecimal():
        yield f"{bank}:{digits.lstrip('0')}"


def reported_forms(word: str) -> Iterator[str]:
    """Yield what a reference of a fact looks for; kinds do not count, values do (rules.md, Payments, rule 2)."""
    yield word[3:]
    if word.startswith("nn:"):
        bare = identity(word)[3:]
        yield bare
        yield "#" + bare.rpartition(":")[2]


def own_id(provider: str, word: str) -> str:
    """Name what a source's own word stands for, a payment or a parcel: the name must not change when further ones come."""
    name = f"{provider}:{word[3:] or 'other'}"
    if len(name) <= _ID_LIMIT:
        return name
    return f"{name[: _ID_LIMIT - 17]}~{hashlib.sha256(name.encode()).hexdigest()[:16]}"
