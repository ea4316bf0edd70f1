"""Fiscal facts: what an ERP or the tax authority says about a tax paper (NF-e)."""

from typing import Final, Literal, get_args

from pydantic import Field

from schemas.base import Cents, Identifier, Instant, Text
from schemas.facts.base import FactBase
from schemas.facts.shipments import SkuQuantity

FiscalKind = Literal[
    "fiscal.requested", "fiscal.rejected", "fiscal.denied", "fiscal.issued", "fiscal.canceled", "fiscal.corrected",
    "fiscal.returned", "fiscal.unknown",
]  # fmt: skip
FISCAL_KINDS: Final[tuple[str, ...]] = get_args(FiscalKind)


class FiscalFact(FactBase):
    """One thing a source says about one tax paper; `access_key` (chave de acesso, 44 characters, may hold letters) identifies it.

    A paper that was `returned`, or `corrected` with an `original_access_key`, is not a sale: it never counts as one, even if a
    bare protocol says that it is `issued`.
    """

    kind: FiscalKind
    access_key: Identifier | None = None
    issuer: Identifier | None = Field(
        default=None, description="whose paper it is, 14 characters as in the access key: CNPJ, or CPF with zeros to the left"
    )
    document_id: Identifier | None = Field(default=None, description="the ERP's own id of the paper, when there is no access key yet")
    number: Identifier | None = None
    series: Identifier | None = None
    total_cents: Cents | None = None
    issued_at: Instant | None = None
    environment: Literal["production", "homologation"] = "production"
    evidence: Literal["nfe_proc", "erp_notice", "manual"] | None = None
    original_access_key: Identifier | None = Field(default=None, description="kinds returned, corrected: the note it takes back or adds to")
    items: tuple[SkuQuantity, ...] = Field(default=(), description="kinds issued, returned: empty = not known which")
    url: Text | None = None
    flags: tuple[Identifier, ...] = Field(default=(), description="for example unsigned, signature_unverified, encoding_repaired")
