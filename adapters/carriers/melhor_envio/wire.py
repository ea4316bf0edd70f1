"""Melhor Envio's spelling: a hook, and a label as hooks and tracking answers show it. Only the fields we read.

Source: https://docs.melhorenvio.com.br/docs/webhooks and https://docs.melhorenvio.com.br/reference (rastreio de envios), read
2026-11-20. Every field of a label may be null or absent, and one that cannot be read counts as absent: what happened is said by the
event, and a date in a new format must not cost a delivery.
"""

import re
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, PlainValidator, WrapValidator

from adapters.parsing import SAO_PAULO, Moment, NativeId, NativeText, ShortIdentifier, optional, or_none, read_moment
from schemas.base import Lenient

_MAX_TAGS: Final = 20

_TAG: Final = re.compile(r"(?=[^\d]*\d)[^\s@]{1,64}")
"""What may be an order number. Whoever makes the label types tags by hand: a word without a digit, a phrase or an e-mail address names
no order but perhaps the customer, and a reference ends up in the log."""


_ADDRESS: Final = re.compile(r"https?://[^\s\"<>]{1,480}", re.ASCII)


def _moment(value: object) -> Moment:
    # America/Sao_Paulo and not -03:00: until 2019 there was daylight saving time.
    return read_moment(value, SAO_PAULO)


Date = Annotated[Moment | None, PlainValidator(optional(_moment)), WrapValidator(or_none)]


def _code(value: object) -> object:
    return "".join(value.split()).upper() if isinstance(value, str) else value


TrackingCode = Annotated[NativeId, BeforeValidator(_code), WrapValidator(or_none)]


def _address(value: object) -> object:
    # It ends as a link in an e-mail, so `javascript:` and anything that could break out of one is no address.
    return value if isinstance(value, str) and _ADDRESS.fullmatch(value) else None


def _tags(value: object) -> tuple[str, ...]:
    # A list of {tag, url} is documented; the vendor's Magento 2 module sends one object; receivers show plain strings.
    items = value if isinstance(value, list) else [value]
    words = [str(word).strip() for item in items if isinstance(word := item.get("tag") if isinstance(item, dict) else item, str | int)]
    return tuple(dict.fromkeys(word for word in words if _TAG.fullmatch(word) and word.isprintable()))[:_MAX_TAGS]


class Hook(Lenient):
    """The body of a webhook. `event` is an open word."""

    event: ShortIdentifier
    data: Any = None


class Label(Lenient):
    """One label, which is one parcel."""

    id: NativeId = None
    protocol: Annotated[NativeId, WrapValidator(or_none)] = None  # "ORD-..." on paper and in the panel; no tracking code
    status: NativeText = None
    tracking: TrackingCode = None  # the carrier's code, or Melhor Envio's own until the carrier has given one
    self_tracking: TrackingCode = None  # Melhor Envio's own, in hooks
    melhorenvio_tracking: TrackingCode = None  # the same in tracking answers
    tracking_url: Annotated[NativeText, BeforeValidator(_address)] = None
    tags: Annotated[tuple[str, ...], PlainValidator(_tags)] = ()
    created_at: Date = None
    paid_at: Date = None
    generated_at: Date = None
    posted_at: Date = None
    delivered_at: Date = None
    canceled_at: Date = None
    expired_at: Date = None
