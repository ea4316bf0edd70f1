"""A Pix callback, a Pix or a charge -> canonical payment facts."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import quote

from adapters.contract import (
    Facts,
    FailedPart,
    Fetch,
    HttpRequest,
    HttpResponse,
    Ignored,
    PayloadMalformed,
    RawDelivery,
    Translation,
    none_legible,
)  # fmt: skip
from adapters.parsing import Moment, dump_json, end_of_day, load_json, read, read_object
from adapters.payments.pix.wire import Calendar, Charge, Devolucao, Pix, RefundTimes, as_list
from schemas.facts import PaymentFact, PaymentKind
from schemas.references import Reference

PROVIDER: Final = "pix"

REFUND_KINDS: Final[Mapping[str, PaymentKind]] = {
    "EM_PROCESSAMENTO": "payment.refund_pending",
    "DEVOLVIDO": "payment.refunded",
    "NAO_REALIZADO": "payment.refund_failed",
}

MERCHANT_NATURES: Final = frozenset({"ORIGINAL", "RETIRADA"})
"""Who asked: the shop. RETIRADA gives back the cash of a Pix Saque or Pix Troco."""

_MED: Final = "MED_"
"""Mecanismo Especial de Devolução: the bank takes the money back without asking. The part behind it says why."""

MED_KINDS: Final[Mapping[str, PaymentKind]] = {
    # Money is about to be taken by force: a dispute, so that nothing more is shipped. It has not left yet.
    "EM_PROCESSAMENTO": "payment.chargeback_opened",
    "DEVOLVIDO": "payment.reversed",
    # This one return was not carried out and the money stays. A further attempt is another devolução with another id.
    "NAO_REALIZADO": "payment.chargeback_won",
}

CHARGE_KINDS: Final[Mapping[str, PaymentKind]] = {
    "ATIVA": "payment.pending",  # expiry is no status: a cob stays ATIVA after it
    "REMOVIDA_PELO_USUARIO_RECEBEDOR": "payment.voided",
    "REMOVIDA_PELO_PSP": "payment.voided",
    # Some prose of the spec spells it so.
    "REMOVIDO_PELO_USUARIO_RECEBEDOR": "payment.voided",
    "REMOVIDO_PELO_PSP": "payment.voided",
}
_PAID: Final = "CONCLUIDA"

STATUSES: Final = (
    *REFUND_KINDS, *CHARGE_KINDS, _PAID, "ORIGINAL", "RETIRADA", "MED_OPERACIONAL", "MED_FRAUDE", "MED_PIX_AUTOMATICO",
)  # fmt: skip
"""Every word of the spec."""


def translate(delivery: RawDelivery) -> Translation:
    """Translate a callback, an answer of GET /pix, /pix/{e2e}, /cob/{txid} or /cobv/{txid}, or a charge that a bank pushes.

    Units: reais become cents, exactly; times become UTC.
    Raises: PayloadMalformed.
    Source: https://bacen.github.io/pix-api/, "Webhooks".
    """
    if not delivery.body.strip():
        return Ignored("empty body: the bank tests the webhook's address")
    document = read_object(load_json(delivery.body, delivery.content_type), "body")
    if "endToEndId" in document:
        return _translate_list([document], delivery.received_at)
    if "status" in document and "txid" in document:
        return _translate_charge(document, delivery.received_at)
    if "pix" in document:
        items = as_list(document["pix"])
        if not isinstance(items, list):
            raise PayloadMalformed("pix: must be a list")
        return _translate_list(items, delivery.received_at)
    if not document or "evento" in document:  # Efí, on registration: {"evento": "teste_webhook", "data_criacao": ...}
        return Ignored("the bank tests the webhook's address")
    raise PayloadMalformed("pix: missing, and the body is neither a Pix nor a charge")


def _translate_list(items: list[Any], received_at: datetime) -> Facts | Ignored:
    facts: dict[PaymentFact, None] = {}  # in order, and the same Pix twice in one callback only once
    failed: list[FailedPart] = []
    sent = 0
    for index, item in enumerate(items):
        if _was_sent(item):
            sent += 1
            continue
        place = f"pix[{index}]"
        try:
            pix = _read_pix(item, place)
        except PayloadMalformed as error:
            failed.append(_failed(error, item))
            continue
        facts[_captured(pix, received_at)] = None
        refunds = _readable_refunds(pix, item, place, failed)
        facts.update(dict.fromkeys(_refund_facts(pix, refunds, received_at)))
    if failed and not facts:
        raise none_legible(failed)
    if facts:
        return Facts(tuple(facts), tuple(failed))
    return Ignored("the shop's own payments to others: no money of an order" if sent else "no Pix in the callback")


def _was_sent(item: object) -> bool:
    """Say whether this is a Pix that the shop sent. Efí tells of it by the same webhook, in nearly the same shape."""
    if not isinstance(item, dict):
        return False
    extras = item.get("gnExtras")
    return item.get("tipo") == "SOLICITACAO" or (isinstance(extras, dict) and bool(extras.get("idEnvio")))


def _read_pix(item: object, place: str) -> Pix:
    pix = read(Pix, item, place)
    if pix.settled_cents < 0:
        raise PayloadMalformed(f"{place}.componentesValor: interest and change are more than valor")
    return pix


def _failed(error: PayloadMalformed, item: object) -> FailedPart:
    # The part is a whole callback again, so that it can be mended and run by itself.
    return FailedPart(str(error), dump_json({"pix": [item]}))


def _references(pix: Pix) -> tuple[Reference, ...]:
    e2e = Reference(kind="e2e", value=pix.endToEndId)
    # `***` is how a BR Code says that it has none.
    if pix.txid is None or not pix.txid.strip("*"):
        return (e2e,)
    return (Reference(kind="txid", value=pix.txid), e2e)


def _captured(pix: Pix, received_at: datetime) -> PaymentFact:
    moment = pix.horario or Moment(received_at, assumed=True)
    return PaymentFact(
        kind="payment.captured",
        event_id=pix.endToEndId,
        provider=PROVIDER,
        references=_references(pix),
        occurred_at=moment.at,
        occurred_at_assumed=moment.assumed,
        payment_key=Reference(kind="e2e", value=pix.endToEndId),
        method="pix",
        amount_cents=pix.settled_cents,
        paid_cents=pix.valor,
        interest_cents=pix.interest_cents or None,
        discount_cents=pix.discount_cents or None,
    )


# --- Devoluções ---------------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Balance:
    """What is left of a Pix while its returns are gone through: money as it moved, and debt as the order counts it.

    They differ where valor holds interest, or a discount was granted: 105.00 that settled 100.00 and go back whole unsettle
    100.00, not 105.00.
    """

    money_cents: int
    debt_cents: int

    def share(self, cents: int) -> int:
        """Return the debt that comes back with so much money. Without interest and discount it is the money itself."""
        if self.money_cents == self.debt_cents:
            return cents
        return self.debt_cents if cents >= self.money_cents else min(cents, self.debt_cents)

    def take(self, cents: int) -> int:
        """Return the share, and take it out of what is left."""
        share = self.share(cents)
        self.money_cents -= cents
        self.debt_cents -= share
        return share


def _readable_refunds(pix: Pix, item: dict[str, Any], place: str, failed: list[FailedPart]) -> list[Devolucao]:
    """Read the devoluções one by one, so that a bad one costs neither the capture nor the others."""
    readable = []
    for index, raw in enumerate(pix.devolucoes):
        where = f"{place}.devolucoes[{index}]"
        try:
            refund = read(Devolucao, raw, where)
            if refund.id is None and refund.rtrId is None:
                raise PayloadMalformed(f"{where}: has neither id nor rtrId")
        except PayloadMalformed as error:
            failed.append(_failed(error, {**item, "devolucoes": [raw]}))
            continue
        readable.append(refund)
    return readable


def _refund_facts(pix: Pix, refunds: list[Devolucao], received_at: datetime) -> Iterator[PaymentFact]:
    # Cash of a Pix Saque or Troco that goes back to the till moves no debt.
    refunds = [refund for refund in refunds if not (refund.natureza == "RETIRADA" and pix.change_cents)]
    balance = _Balance(pix.valor - pix.change_cents, pix.settled_cents)
    done = sorted((refund for refund in refunds if refund.status == "DEVOLVIDO"), key=_settlement_order)
    taken = {id(refund): balance.take(refund.valor) for refund in done}
    for refund in refunds:
        amount_cents = taken[id(refund)] if id(refund) in taken else balance.share(refund.valor)
        yield refund_fact(pix, refund, amount_cents, received_at)


def _settlement_order(refund: Devolucao) -> tuple[str, str]:
    # A later notification has more entries, perhaps in another order; the shares of the earlier ones must stay.
    times = refund.horario
    moment = (times.liquidacao or times.solicitacao) if times else None
    return (moment.at.isoformat() if moment else "", refund.id or refund.rtrId or "")


def refund_fact(pix: Pix, refund: Devolucao, amount_cents: int, received_at: datetime) -> PaymentFact:
    """Tell of one devolução; the callback and the answer to our own request name it alike. `amount_cents`: in terms of the debt."""
    nature = refund.natureza or "ORIGINAL"
    forced = nature.startswith(_MED)
    kind: PaymentKind = "payment.unknown"
    if forced:
        kind = MED_KINDS.get(refund.status, kind)
    elif nature in MERCHANT_NATURES:
        kind = REFUND_KINDS.get(refund.status, kind)
    refund_id = f"{pix.endToEndId}:{refund.id}" if refund.id else refund.rtrId
    moment = _refund_moment(refund, received_at)
    return PaymentFact(
        kind=kind,
        event_id=f"{refund_id}:{refund.status}",
        provider=PROVIDER,
        references=_references(pix),
        occurred_at=moment.at,
        occurred_at_assumed=moment.assumed,
        raw_word=refund.status if nature in MERCHANT_NATURES else f"{nature}:{refund.status}",
        reason=refund.motivo,
        payment_key=Reference(kind="e2e", value=pix.endToEndId),
        method="pix",
        amount_cents=amount_cents,
        refund_id=None if forced else refund_id,
        dispute_id=refund_id if forced else None,
        funds_withdrawn=kind == "payment.reversed",
    )


def _refund_moment(refund: Devolucao, received_at: datetime) -> Moment:
    times = refund.horario or RefundTimes()
    if refund.status == "EM_PROCESSAMENTO" and times.solicitacao is not None:
        return times.solicitacao
    if times.liquidacao is not None:
        return times.liquidacao
    # When it ended is not said; it was asked for at `solicitacao`, which every redelivery repeats.
    return Moment(times.solicitacao.at, assumed=True) if times.solicitacao else Moment(received_at, assumed=True)


# --- Charges ------------------------------------------------------------------------------------------------------------------


def _translate_charge(document: dict[str, Any], received_at: datetime) -> Translation:
    charge = read(Charge, document)
    paid = _translate_list([_with_txid(item, charge.txid) for item in charge.pix], received_at)
    facts, failed = (paid.facts, paid.failed) if isinstance(paid, Facts) else ((), ())
    if charge.status != _PAID:
        return Facts((_charge_fact(charge, received_at), *facts), failed)
    if facts or failed:
        return Facts(facts, failed)
    # Paid, but by which Pix? Only the endToEndId keeps this money and the callback's from being counted twice.
    return Fetch("cobv" if charge.calendario.dataDeVencimento else "cob", charge.txid)


def _with_txid(item: object, txid: str) -> object:
    return {**item, "txid": item.get("txid") or txid} if isinstance(item, dict) else item


def _charge_fact(charge: Charge, received_at: datetime) -> PaymentFact:
    created = charge.calendario.criacao if charge.status == "ATIVA" else None  # when it was removed is not said
    moment = created or Moment(received_at, assumed=True)
    kind = CHARGE_KINDS.get(charge.status, "payment.unknown")
    return PaymentFact(
        kind=kind,
        # A revision may change amount and due date.
        event_id=f"{charge.txid}:{charge.status}:{charge.revisao or 0}",
        provider=PROVIDER,
        references=(Reference(kind="txid", value=charge.txid),),
        occurred_at=moment.at,
        occurred_at_assumed=moment.assumed,
        raw_word=charge.status,
        payment_key=Reference(kind="txid", value=charge.txid),
        method="pix",
        amount_cents=charge.valor.original,
        due_at=None if kind == "payment.voided" else _due_at(charge.calendario),
    )


def _due_at(calendar: Calendar) -> datetime | None:
    try:
        if calendar.dataDeVencimento is not None:
            # 30 is the spec's default of validadeAposVencimento.
            days = 30 if calendar.validadeAposVencimento is None else calendar.validadeAposVencimento
            due_at = end_of_day(calendar.dataDeVencimento + timedelta(days=days))
        elif calendar.criacao is not None and calendar.expiracao is not None:
            due_at = calendar.criacao.at + timedelta(seconds=calendar.expiracao)
        else:
            return None
    except OverflowError:
        return None
    return due_at if 2000 <= due_at.year < 2100 else None  # some banks say "never" with a number of centuries


# --- Asking the bank ----------------------------------------------------------------------------------------------------------


def build_fetch(fetch: Fetch) -> HttpRequest:
    """Describe GET /cob/{txid} or /cobv/{txid}, relative to the bank's API."""
    return HttpRequest("GET", f"/{fetch.resource}/{quote(fetch.resource_id, safe='')}", {"Accept": "application/json"})


def parse_response(fetch: Fetch, response: HttpResponse, received_at: datetime) -> Translation:
    """Translate the bank's answer. Raises: PayloadMalformed."""
    translation = translate(RawDelivery(response.body, {}, received_at))
    if not isinstance(translation, Fetch):
        return translation
    # Asked and answered, and still no Pix in it. Asking again would go on for ever, so a person looks.
    return Facts((_charge_fact(read(Charge, load_json(response.body)), received_at),))
