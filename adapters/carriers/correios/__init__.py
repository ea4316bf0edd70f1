"""Answers of Correios' tracking API "Rastro" (SRO): carriers.correios.

Source: https://www.correios.com.br/atendimento/developers (API Rastro), read 2026-11-20. No amounts. Times: `dtHrCriado` without
offset, taken to be Brasília; whether units in other zones write their own time is not verified.

An event has no id. Its identity is the number, the code, the time as written and the unit's place; the description is left out, for
it comes in the language asked for. Correios calls nobody: answers come from polling, or from a publisher of one's own.
"""

from typing import Final

from adapters.carriers.correios.statuses import FAMILIES
from adapters.carriers.correios.translate import build_fetch, parse_response, translate
from adapters.contract import Adapter, Idempotency, unsigned

ADAPTER: Final = Adapter(
    name="carriers.correios",
    translate=translate,
    verify=unsigned,
    docs="https://www.correios.com.br/atendimento/developers",
    statuses=FAMILIES,
    amount_format="no amounts",
    time_zone="America/Sao_Paulo",
    idempotency=Idempotency("safe"),
    resources=("tracking",),
    build_fetch=build_fetch,
    parse_response=parse_response,
)
