"""Boleto return files of banks, CNAB 240 and CNAB 400: payments.cnab.

Sources: FEBRABAN CNAB 240 (segments T and U), Itaú Cobrança CNAB 400, Bradesco Cobrança CNAB 400; read 2026-11-20. Amounts: digits
with two implied decimals. Times: days, America/Sao_Paulo. Nothing is signed: whoever may write to the queue is trusted.

CNAB 240 is read for every bank, with what is known of Banco do Brasil, Santander, Caixa, Bradesco, Itaú and Sicoob as data
(`layouts.py`, `occurrences.py`); CNAB 400 for Itaú and Bradesco only, any other bank is refused by name. One bad line spoils its
own title and no other; the cause names the line. An account, for HUB_SECRETS_CNAB_ACCOUNTS, is `bank:agency/account` without left
zeros and check digits: `237:1234/67890`. Not verified [U]: Santander's columns behind the due date, the check digit of a
Bradesco number in CNAB 240, whether Itaú withheld a fee (judged by the amounts), reason 61.
"""

from typing import Final

from adapters.contract import Adapter, unsigned
from adapters.payments.cnab.cutting import cut
from adapters.payments.cnab.occurrences import words
from adapters.payments.cnab.translate import translate

ADAPTER: Final = Adapter(
    name="payments.cnab",
    translate=translate,
    verify=unsigned,
    docs="https://portal.febraban.org.br/pagina/3053/33/pt-br/layout-240",
    # Everything is in the file; equal bytes say equal things.
    body_identifies_event=True,
    reference_kinds=("nosso_numero", "our_number", "external_reference"),
    statuses=words(),
    methods=("boleto",),
    amount_format="digits, two implied decimals",
    time_zone="America/Sao_Paulo, days only",
    large_bodies=True,
    cut=cut,
)
