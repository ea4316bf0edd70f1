"""Notes and the authority's answers to them -> fiscal facts."""

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final

from adapters.contract import Ignored, PayloadMalformed
from adapters.erp.nfe.access_key import MODEL_NFCE, AccessKey
from adapters.erp.nfe.gate import check_authorization, check_note, check_protocol
from adapters.erp.nfe.linking import LinkRules, access_key_reference, order_references
from adapters.erp.nfe.signature import signature_flags
from adapters.erp.nfe.statuses import NOTHING, note_kind
from adapters.erp.nfe.unpack import Found, local_name
from adapters.erp.nfe.wire import (
    Answer,
    Note,
    Protocolled,
    Situation,
    Voided,
    only,
    read_model,
    read_note,
    required,
    texts,
)  # fmt: skip
from adapters.parsing import Moment
from schemas.facts import FiscalFact, FiscalKind
from schemas.facts.shipments import SkuQuantity
from schemas.references import Reference

PROVIDER: Final = "nfe"

PROTOCOL_ONLY: Final = "protocol_only"
"""Flag: the authority's answer without the note, so that nobody compared it with what was sold."""

NFCE: Final = "nfce"
ITEMS_UNKNOWN: Final = "items_unknown"
"""Flag: which units it is about cannot be told (parts of a unit, or several notes at once)."""

REVERSED_BY_NOTE: Final = "reversed_by_note"
"""Flag: canceled by a note of reversal (estorno), after the time for a cancellation."""

ORIGINAL_UNKNOWN: Final = "original_unknown"
ADJUSTMENTS: Final = {"2": "complementary", "3": "adjustment", "5": "credit_note", "6": "debit_note"}
"""finNFe of notes that belong to a sale and move nothing (erp.md R8); the flag that says so."""

_MAX_UNITS: Final = 1_000_000
_MAX_REASON: Final = 255
# A message about the schema may quote what it does not like, and numbers may be a person's: neither belongs into the log.
_QUOTED: Final = re.compile(r"'[^']*'|\"[^\"]*\"")
_DOCUMENT: Final = re.compile(r"(?<![0-9A-Z])[0-9.\-/]{11,18}(?![0-9A-Z])")


def reason_of(status: str, motive: str | None) -> str:
    """Return `<cStat> <xMotivo>`, free of what it may quote."""
    clean = _DOCUMENT.sub("...", _QUOTED.sub("'...'", motive or ""))
    return f"{status} {clean}".strip()[:_MAX_REASON]


def environment_of(digit: str) -> Any:
    """Return the word for tpAmb."""
    return "production" if digit == "1" else "homologation"


def key_facts(key: AccessKey, digit: str) -> dict[str, Any]:
    """Return what an access key alone says of a paper."""
    return {
        "provider": PROVIDER, "access_key": key.text, "issuer": key.issuer, "number": key.number, "series": key.series,
        "environment": environment_of(digit),
    }  # fmt: skip


# --- Notes --------------------------------------------------------------------------------------------------------------------


def read_nfe_proc(found: Found, rules: LinkRules) -> Iterator[FiscalFact] | Ignored:
    """Read the distribution file: a note and the authority's answer. Raises: PayloadMalformed."""
    place = found.name
    nfe = required(found.element, "NFe", place)
    answer = required(found.element, "protNFe", place)
    note = read_note(nfe, f"{place}.NFe")
    check_note(note, f"{place}.NFe")
    where = f"{place}.protNFe"
    protocol = read_model(Protocolled, required(answer, "infProt", where), f"{where}.infProt")
    check_protocol(note, protocol, where)
    kind = note_kind(protocol.cStat)
    if kind == "fiscal.issued":
        check_authorization(protocol, where)
    if kind == NOTHING:
        return Ignored(f"status {protocol.cStat} says nothing about a note")
    draft = _Draft(found, nfe, note, rules, protocol)
    return draft.facts(kind)


def read_bare_note(found: Found, rules: LinkRules) -> Iterator[FiscalFact] | Ignored:
    """Read a note without protocol: asked for, and nobody knows yet whether it will be authorized. Raises: PayloadMalformed."""
    note = read_note(found.element, found.name)
    check_note(note, found.name)
    return _Draft(found, found.element, note, rules, None).facts("fiscal.requested")


class _Draft:
    """A note on its way to facts."""

    def __init__(self, found: Found, nfe: Any, note: Note, rules: LinkRules, protocol: Protocolled | None) -> None:
        self._found = found
        self._nfe = nfe
        self._note = note
        self._rules = rules
        self._protocol = protocol

    def facts(self, kind: FiscalKind) -> Iterator[FiscalFact] | Ignored:
        """Choose by purpose (finNFe) and direction (tpNF): only an outgoing note of purpose 1 is a sale."""
        purpose, incoming = self._note.ide.finNFe, self._note.ide.tpNF == "0"
        if purpose == "1" and not incoming:
            return self._sale(kind)
        if kind == "fiscal.canceled":
            return self._canceled()
        if kind == "fiscal.unknown":
            return self._unknown(self._protocol.cStat if self._protocol else "")
        if kind != "fiscal.issued":
            return Ignored("a note that is no sale, and not authorized")
        originals = self._note.originals
        if purpose == "4":
            return self._returned()
        if purpose == "1":
            return self._returned() if originals else Ignored("an incoming note that takes back no sale")
        if purpose == "3" and incoming and originals:
            return self._reversed()
        if purpose in ADJUSTMENTS:
            return self._adjusted(ADJUSTMENTS[purpose]) if originals else Ignored("an adjustment that belongs to no note")
        return self._unknown(f"finNFe {purpose}")

    def _common(self, *flags: str) -> dict[str, Any]:
        note, protocol = self._note, self._protocol
        moment = protocol.dhRecbto if protocol else note.ide.dhEmi
        signed = signature_flags(self._nfe, note.element, note.issuer, checkable=not self._found.alphabet_guessed)
        nfce = (NFCE,) if note.key.model == MODEL_NFCE else ()
        return {
            **key_facts(note.key, note.ide.tpAmb),
            **times(moment),
            "raw_word": protocol.cStat if protocol else None,
            "reason": reason_of(protocol.cStat, protocol.xMotivo) if protocol else None,
            "issued_at": note.ide.dhEmi.at,
            "evidence": "nfe_proc" if protocol else None,
            "flags": (*self._found.flags, *signed, *nfce, *flags),
        }

    def _event_id(self, suffix: str = "") -> str:
        key, protocol = self._note.key.text, self._protocol
        return f"{key}:requested" if protocol is None else f"{key}:{protocol_id(protocol)}{suffix}"

    def _references(self) -> tuple[tuple[Reference, ...], tuple[str, ...]]:
        orders, flags = order_references(self._note, self._found.orders, self._rules, f"{self._found.name}.infNFe")
        return (access_key_reference(self._note.key.text), *orders), flags

    def _sale(self, kind: FiscalKind) -> Iterator[FiscalFact]:
        references, flags = self._references()
        items = self._items()
        yield FiscalFact(
            kind=kind,
            event_id=self._event_id(),
            references=references,
            total_cents=self._note.total.vNF,
            items=items or (),
            **self._common(*flags, *(() if items is not None else (ITEMS_UNKNOWN,))),
        )

    def _canceled(self) -> Iterator[FiscalFact]:
        yield FiscalFact(
            kind="fiscal.canceled",
            event_id=self._event_id(),
            references=(access_key_reference(self._note.key.text),),
            **self._common(),
        )

    def _unknown(self, word: str) -> Iterator[FiscalFact]:
        references, flags = self._references()
        yield FiscalFact(
            kind="fiscal.unknown",
            event_id=self._event_id(),
            references=references,
            total_cents=self._note.total.vNF,
            **{**self._common(*flags), "raw_word": word},
        )

    def _returned(self) -> Iterator[FiscalFact]:
        """A return, of the sale that refNFe names. Without one, the order is found as of a sale."""
        originals = self._note.originals
        if not originals:
            references, flags = self._references()
            items = self._items()
            yield FiscalFact(
                kind="fiscal.returned",
                event_id=self._event_id(),
                references=references,
                total_cents=self._note.total.vNF,
                items=items or (),
                **self._common(*flags, ORIGINAL_UNKNOWN, *(() if items is not None else (ITEMS_UNKNOWN,))),
            )
            return
        # Which of several sales gets how much back, the note does not say.
        items = self._items() if len(originals) == 1 else None
        for original in originals:
            yield FiscalFact(
                kind="fiscal.returned",
                event_id=self._event_id("" if len(originals) == 1 else f":{original.text}"),
                references=self._with_original(original),
                original_access_key=original.text,
                total_cents=self._note.total.vNF if len(originals) == 1 else None,
                items=items or (),
                **self._common(*(() if items is not None else (ITEMS_UNKNOWN,))),
            )

    def _reversed(self) -> Iterator[FiscalFact]:
        """A reversal after the deadline is how a sale note is canceled then (erp.md R8: as R4 and R5)."""
        for original in self._note.originals:
            yield FiscalFact(
                kind="fiscal.canceled",
                event_id=f"{original.text}:reversed:{self._note.key.text}",
                references=self._with_original(original),
                **{**self._common(REVERSED_BY_NOTE), **key_facts(original, self._note.ide.tpAmb), "issued_at": None},
            )

    def _adjusted(self, flag: str) -> Iterator[FiscalFact]:
        originals = self._note.originals
        for original in originals:
            yield FiscalFact(
                kind="fiscal.corrected",
                event_id=self._event_id("" if len(originals) == 1 else f":{original.text}"),
                references=self._with_original(original),
                original_access_key=original.text,
                total_cents=self._note.total.vNF if len(originals) == 1 else None,
                **self._common(flag),
            )

    def _with_original(self, original: AccessKey) -> tuple[Reference, ...]:
        own = self._note.key.text
        # A paper of several orders is nobody's alone: its own key must not tie them together.
        return (access_key_reference(original.text), *((access_key_reference(own),) if len(self._note.originals) == 1 else ()))

    def _items(self) -> tuple[SkuQuantity, ...] | None:
        """Return the units by SKU; None when they cannot be told."""
        units: dict[str, Decimal] = {}
        for product in self._note.products:
            units[product.cProd] = units.get(product.cProd, Decimal()) + product.qCom
        if any(quantity != int(quantity) or quantity > _MAX_UNITS for quantity in units.values()):
            return None
        return tuple(SkuQuantity(sku=sku, quantity=int(quantity)) for sku, quantity in units.items() if quantity)


# --- Answers without their note -----------------------------------------------------------------------------------------------


def read_bare_protocol(found: Found) -> Iterator[FiscalFact] | Ignored:
    """Read an answer about a note that is not beside it. It finds an order by a note that was told of before. Raises: PayloadMalformed."""
    place = found.name
    protocol = read_model(Protocolled, required(found.element, "infProt", place), f"{place}.infProt")
    kind = note_kind(protocol.cStat)
    if kind == "fiscal.issued":
        check_authorization(protocol, place)
    if kind == NOTHING:
        return Ignored(f"status {protocol.cStat} says nothing about a note")
    return _told(protocol.chNFe, kind, protocol.dhRecbto, f"{protocol_id(protocol)}:protocol", protocol, found.flags)


def read_situation(found: Found) -> Iterator[FiscalFact] | Ignored:
    """Read how a note stands: the protocol and the events inside speak for themselves, a cancellation may stand outside only.

    Raises: PayloadMalformed.
    """
    place = found.name
    if not texts(found.element, {"chNFe"}, place).get("chNFe"):
        return Ignored("an answer that names no note")
    situation = read_model(Situation, found.element, place)
    inner = only(found.element, "protNFe", place)
    if inner is not None:
        where = f"{place}.protNFe"
        told = texts(required(inner, "infProt", where), {"chNFe"}, f"{where}.infProt").get("chNFe", "")
        if told.upper() != situation.chNFe.text:
            raise PayloadMalformed(f"{where}.infProt.chNFe: is not the note that was asked about")
    return _situation(situation, found.flags, place)


def read_old_cancellation(found: Found) -> Iterator[FiscalFact] | Ignored:
    """Read the answer of the service that canceled notes before there were events. Raises: PayloadMalformed."""
    where = f"{found.name}.infCanc"
    return _situation(read_model(Situation, required(found.element, "infCanc", found.name), where), found.flags, where)


def _situation(situation: Situation, flags: tuple[str, ...], place: str) -> Iterator[FiscalFact] | Ignored:
    kind = note_kind(situation.cStat)
    if kind != "fiscal.canceled" or situation.dhRecbto is None:
        return Ignored(f"{place}: status {situation.cStat}; what stands inside says more")
    return _told(situation.chNFe, kind, situation.dhRecbto, situation.cStat, situation, flags)


def _told(
    key: AccessKey, kind: FiscalKind, moment: Moment, identity: str, source: Protocolled | Situation, flags: tuple[str, ...]
) -> Iterator[FiscalFact]:
    nfce = (NFCE,) if key.model == MODEL_NFCE else ()
    yield FiscalFact(
        kind=kind,
        event_id=f"{key.text}:{identity}",
        references=(access_key_reference(key.text),),
        raw_word=source.cStat,
        reason=reason_of(source.cStat, source.xMotivo),
        # The authority's word, but not the note: the note itself, when it comes, counts for more.
        evidence="erp_notice",
        flags=(*flags, *nfce, PROTOCOL_ONLY),
        **key_facts(key, source.tpAmb),
        **times(moment),
    )


def read_lot(found: Found) -> Ignored:
    """Read the answer about a lot: it decides nothing, the protocols inside do."""
    answer = read_model(Answer, found.element, found.name)
    return Ignored(f"{found.name}: {reason_of(answer.cStat, answer.xMotivo)}")


def read_voided(found: Found) -> Ignored:
    """Read a range of numbers that was voided. It names no note: there never was one."""
    answer = found.element if local_name(found.element) == "retInutNFe" else required(found.element, "retInutNFe", found.name)
    where = f"{found.name}.infInut"
    voided = read_model(Voided, required(answer, "infInut", found.name), where)
    numbers = f"numbers {voided.nNFIni} to {voided.nNFFin} of series {voided.serie}"
    return Ignored(f"{numbers} voided" if voided.cStat == "102" else f"{numbers}: {reason_of(voided.cStat, voided.xMotivo)}")


# --- Shared -------------------------------------------------------------------------------------------------------------------


def times(moment: Moment) -> dict[str, Any]:
    """Return the time fields of a fact."""
    return {"occurred_at": moment.at, "occurred_at_assumed": moment.assumed}


def protocol_id(protocol: Protocolled) -> str:
    """Identify an answer: status and protocol number; rejections have no number, so the time of the lot stands in."""
    return f"{protocol.cStat}:{protocol.nProt or protocol.dhRecbto.at.isoformat()}"
