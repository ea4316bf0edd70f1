"""A body of the key erp.nfe -> canonical facts, document by document."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Final

from adapters.contract import Facts, FailedPart, Ignored, PayloadMalformed, RawDelivery, Translation
from adapters.erp.nfe.events import EVENT_TYPES, read_bare_answer, read_proc_event, read_request
from adapters.erp.nfe.linking import DEFAULT_RULES, LinkRules
from adapters.erp.nfe.notes import (
    read_bare_note,
    read_bare_protocol,
    read_lot,
    read_nfe_proc,
    read_old_cancellation,
    read_situation,
    read_voided,
)  # fmt: skip
from adapters.erp.nfe.statuses import EVENT_EFFECTIVE, NOTE_KINDS
from adapters.erp.nfe.unpack import Bad, Found, Piece, unpack
from schemas.facts import Fact

STATUSES: Final = tuple(dict.fromkeys((*NOTE_KINDS, *EVENT_EFFECTIVE, *EVENT_TYPES)))
"""Every word of the sheet: cStat and tpEvento."""

Reader = Callable[[Found], Iterable[Fact] | Ignored]


def _summary(found: Found) -> Ignored:
    return Ignored(f"{found.name}: a summary, the document itself says more")


def _bookkeeping(found: Found) -> Ignored:
    return Ignored(f"{found.name}: speaks of no note")


READERS: Final[Mapping[str, Reader]] = {
    "protNFe": read_bare_protocol,
    "procEventoNFe": read_proc_event,
    "retEvento": read_bare_answer,
    "retCancNFe": read_old_cancellation,
    "procInutNFe": read_voided,
    "ProcInutNFe": read_voided,
    "retInutNFe": read_voided,
    "resNFe": _summary,
    "resEvento": _summary,
    # Requests decide nothing.
    **dict.fromkeys(("evento", "inutNFe", "cancNFe", "consSitNFe", "consReciNFe", "consStatServ", "distDFeInt"), read_request),
    "retConsStatServ": _bookkeeping,
    # Containers: what is in them is read on its own.
    "enviNFe": _bookkeeping,
    "envEvento": _bookkeeping,
    "retEnviNFe": read_lot,
    "retConsReciNFe": read_lot,
    "retEnvEvento": read_lot,
    "retDistDFeInt": read_lot,
    "retConsSitNFe": read_situation,
}


def translate(delivery: RawDelivery, rules: LinkRules = DEFAULT_RULES) -> Translation:
    """Translate whatever holds documents of the NF-e family; see unpack for the wrappings.

    Units: reais become cents, exactly; times become UTC.
    Raises: PayloadMalformed, if nothing in it can be read; a bad document among others comes back as a failed part.
    Source: Manual de Orientação do Contribuinte 7.0.
    """
    readers: Mapping[str, Reader] = {
        **READERS, "nfeProc": partial(read_nfe_proc, rules=rules), "NFe": partial(read_bare_note, rules=rules),
    }  # fmt: skip
    facts: dict[str, Fact] = {}  # by event id: the same note twice in one zip is one fact
    failed: list[FailedPart] = []
    reasons: dict[str, None] = {}
    pieces = unpack(delivery.body, delivery.content_type)
    for piece in pieces:
        try:
            outcome = _read(piece, readers)
        except PayloadMalformed as error:
            if len(pieces) == 1:
                raise  # the delivery is the bad part; its own bytes are kept
            failed.append(FailedPart(str(error), piece.body))
            continue
        if isinstance(outcome, Ignored):
            reasons[outcome.reason] = None
            continue
        for fact in outcome:
            facts.setdefault(fact.event_id, fact)
    if facts or failed:
        return Facts(tuple(facts.values()), tuple(failed))
    return Ignored("; ".join(list(reasons)[:3]))


def _read(piece: Piece, readers: Mapping[str, Reader]) -> Iterable[Fact] | Ignored:
    """Read one document to the end. Raises: PayloadMalformed, with the document's place in the delivery."""
    try:
        if isinstance(piece, Bad):
            raise PayloadMalformed(piece.cause)
        outcome = readers[piece.name](piece)
        return outcome if isinstance(outcome, Ignored) else tuple(outcome)
    except PayloadMalformed as error:
        raise PayloadMalformed(f"{piece.place}: {error}" if piece.place else str(error)) from error
