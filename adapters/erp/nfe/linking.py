"""Which order does a note belong to? The shop's order number as ERPs write it into an NF-e (erp.md 1.8).

A note names its order only by words that somebody typed: compra/xPed, det/prod/xPed, infAdic/obsCont, infAdic/infCpl. All of them
are looked up (kind external_reference: under the provider's own scope and as an order number) and must name one order.
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from adapters.erp.nfe.unpack import NFE
from adapters.erp.nfe.wire import Note, only, texts
from schemas.references import Reference

SEVERAL_ORDERS: Final = "several_orders"
"""Flag: the items name different orders, so the note names none."""

PERHAPS_CUT: Final = "order_reference_perhaps_cut"
"""Flag: det/prod/xPed holds 15 characters, and this number has all of them: it may be the beginning of a longer one."""

XPED_LENGTH: Final = 15
_MAX_LENGTH: Final = 64


@dataclass(frozen=True, slots=True)
class LinkRules:
    """What a shop may set. `fields` are names of obsCont, compared without case, accents and signs."""

    # Names that say whose number it is: a plain `pedido` is as often the ERP's own, and small numbers of two counters meet.
    fields: frozenset[str] = frozenset(
        {"pedidoloja", "numeropedidoloja", "pedidosite", "numeropedidosite", "pedidoecommerce", "idpedidoecommerce", "numeroloja"}
    )
    pattern: re.Pattern[str] = re.compile(r"pedido (?:loja|site)\s*[:#]\s*([A-Z0-9-]{3,60})", re.IGNORECASE)


DEFAULT_RULES: Final = LinkRules()


def access_key_reference(text: str) -> Reference:
    """Return the reference that an access key is."""
    return Reference(kind="access_key", value=text)


def order_references(note: Note, envelope: Iterable[str], rules: LinkRules, place: str) -> tuple[tuple[Reference, ...], tuple[str, ...]]:
    """Return the order numbers a note is known by, in the order of erp.md 1.8, and flags. Raises: PayloadMalformed.

    `envelope` are the numbers that the ERP's own message gave beside the note.
    """
    info = note.element
    by_item = {product.xPed for product in note.products if product.xPed}
    if len(by_item) > 1:
        return (), (SEVERAL_ORDERS,)
    purchase = only(info, "compra", place)
    additional = only(info, "infAdic", place)
    found = [*envelope]
    if purchase is not None:
        found.append(texts(purchase, {"xPed"}, f"{place}.compra").get("xPed", ""))
    found.extend(by_item)
    if additional is not None:
        found.extend(_from_fields(additional, rules, f"{place}.infAdic"))
        found.extend(_from_free_text(texts(additional, {"infCpl"}, f"{place}.infAdic").get("infCpl", ""), rules))
    numbers = [number for number in dict.fromkeys(found) if 0 < len(number) <= _MAX_LENGTH and number != "0" and number.isprintable()]
    flags: tuple[str, ...] = ()
    for cut in by_item & {number for number in numbers if len(number) == XPED_LENGTH}:
        if any(number != cut and number.startswith(cut) for number in numbers):
            numbers.remove(cut)  # another field has room for the whole of it
        else:
            flags = (PERHAPS_CUT,)
    return tuple(Reference(kind="external_reference", value=number) for number in numbers), flags


def _from_fields(additional: Any, rules: LinkRules, place: str) -> Iterable[str]:
    for index, field in enumerate(additional.iterfind(f"{{{NFE}}}obsCont")):
        if _plain(field.get("xCampo", "")) in rules.fields:
            yield texts(field, {"xTexto"}, f"{place}.obsCont[{index}]").get("xTexto", "")


def _from_free_text(text: str, rules: LinkRules) -> Iterable[str]:
    numbers = {found[1] for found in rules.pattern.finditer(text)}
    # Two numbers in one text: which of them it is, a person must say.
    return numbers if len(numbers) == 1 else ()


def _plain(name: str) -> str:
    decomposed = unicodedata.normalize("NFKD", name).casefold()
    return "".join(character for character in decomposed if character.isalnum() and not unicodedata.combining(character))
