"""Melhor Envio webhooks and tracking answers: carriers.melhor_envio. SuperFrete imitates both and is read all the same.

Source: https://docs.melhorenvio.com.br/docs/webhooks, https://docs.melhorenvio.com.br/reference, the vendor's Magento 2 module and
public receivers, read 2026-11-20. No amounts. Times: `YYYY-MM-DD HH:MM:SS` without offset, which is Brasília; ISO 8601 with one is
read too.

One label is one parcel. Identity: there is no id of a notification, so a milestone that has a date of its own is named by it,
`<label>:posted_at:<instant>`, and a hook and a polled answer that tell of the same posting are one event. What has no date (received,
undelivered, paused, suspended, printed, an unknown word) is named by a hash of what was said; by label and word alone a second
`order.undelivered` would be lost. Two of them in the very same words are one event: nothing tells them apart.

Melhor Envio never says in transit or out for delivery; the carrier does, under the carrier's tracking code.
"""

from typing import Final

from adapters.carriers.melhor_envio.signature import verify
from adapters.carriers.melhor_envio.translate import STATUSES, build_fetch, parse_response, translate
from adapters.contract import Adapter, Idempotency

ADAPTER: Final = Adapter(
    name="carriers.melhor_envio",
    translate=translate,
    verify=verify,
    docs="https://docs.melhorenvio.com.br/docs/webhooks",
    body_identifies_event=True,
    # A tag is free text that many labels bear: it may name an order, and no order learns it from a label.
    shared_kinds=("external_reference",),
    statuses=STATUSES,
    amount_format="no amounts",
    time_zone="America/Sao_Paulo where a time has no offset",
    idempotency=Idempotency("safe"),
    resources=("tracking",),
    build_fetch=build_fetch,
    parse_response=parse_response,
)
