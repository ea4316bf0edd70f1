"""NF-e XML as ERPs and the tax authority (SEFAZ) write it: erp.nfe.

Source: Manual de Orientação do Contribuinte 7.0, layout 4.00 and its official XSD, NT Conjunta 2025.001 (CNPJ with letters), read
2026-11-20. Amounts: decimal text in reais. Times: ISO 8601 with offset.

Identity: one access key is one paper, and what is said of it has the event id `<key>:<cStat>:<nProt>` (answers),
`<key>:<tpEvento>:<nSeqEvento>` (events) or `<key>:requested` (a note nobody answered yet). The stored nfeProc says 100 for ever, also
after a cancellation: state is made of everything that was told, never of one file.

What this adapter cannot know it leaves to the engine, in the facts: whose paper it is (`issuer`), the environment, whether the signature
holds (`flags`). A paper that contradicts itself is refused.
"""

from functools import partial
from typing import Final

from adapters.contract import Adapter, unsigned
from adapters.erp.nfe.linking import DEFAULT_RULES, LinkRules
from adapters.erp.nfe.translate import STATUSES, translate


def adapter(rules: LinkRules = DEFAULT_RULES) -> Adapter:
    """Return the adapter for a shop that writes its order numbers elsewhere than usual."""
    return Adapter(
        name="erp.nfe",
        translate=partial(translate, rules=rules),
        # The papers are signed, their delivery is not: see signature.py.
        verify=unsigned,
        docs="https://www.nfe.fazenda.gov.br/portal/listaConteudo.aspx?tipoConteudo=ndIjl+iEFdE=",
        body_identifies_event=True,
        # A buyer writes his own purchase number into xPed, and the same into many notes: it may find an order, and teaches none.
        shared_kinds=("external_reference",),
        statuses=STATUSES,
        amount_format="decimal text in reais",
        time_zone="America/Sao_Paulo",
        large_bodies=True,
    )


ADAPTER: Final = adapter()
