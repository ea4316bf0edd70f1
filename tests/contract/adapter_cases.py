"""What the adapter suite must know of each adapter and cannot find out: how its messages are signed, which words are open.

A new adapter adds one entry to CASES; test_adapters.py refuses to pass without it.
"""

import base64
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from adapters.contract import RawDelivery, Secrets
from adapters.signing import hmac_sha256
from scripts.golden import RECEIVED_AT

Sign = Callable[[bytes, int], Mapping[str, object]]
"""Return the headers under which secret number 0, 1 or 2 sends this body. Number 2 is configured nowhere."""


@dataclass(frozen=True, slots=True)
class Signing:
    """One way in which messages of an adapter prove where they come from."""

    name: str
    sign: Sign
    secrets: Secrets
    """Knows secrets 0 and 1: the middle of a rotation."""
    covers_body: bool = True

    def delivery(self, body: bytes, which: int) -> RawDelivery:
        """Return the signed delivery."""
        return RawDelivery(body, self.sign(body, which), RECEIVED_AT)


@dataclass(frozen=True, slots=True)
class OpenWord:
    """A native word of an open set, in a golden case; an invented one in its place gives kind `unknown`."""

    case: str
    path: tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class AdapterCase:
    """What is particular to one adapter. Without signings its verify must be `unsigned`.

    `lines`: the body is lines that each stand for themselves, so that a part cut off behind any of them is a body too.
    """

    signings: tuple[Signing, ...] = ()
    open_words: tuple[OpenWord, ...] = ()
    lines: bool = False


# --- Pagar.me -----------------------------------------------------------------------------------------------------------------

_KEYS: Final = [rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(3)]


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _jwk(key: rsa.RSAPrivateKey) -> dict[str, str]:
    numbers = key.public_key().public_numbers()
    modulus, exponent = (number.to_bytes((number.bit_length() + 7) // 8) for number in (numbers.n, numbers.e))
    return {"kty": "RSA", "use": "sig", "alg": "RS256", "n": _base64url(modulus), "e": _base64url(exponent)}


def pagarme_header(body: bytes, which: int, key_id: str | None = None) -> str:
    """Return the value of X-Webhook-Asymmetric-Signature."""
    signature = _base64url(_KEYS[which].sign(body, padding.PKCS1v15(), hashes.SHA256()))
    # The stranger's key claims to be one that is known; a key id that is not known is another test.
    return f"alg=RS256;kid={key_id or f'key-{which % 2}'};signature={signature}"


def _pagarme_signed(body: bytes, which: int) -> dict[str, object]:
    return {"hub-http-headers": {"X-Webhook-Asymmetric-Signature": pagarme_header(body, which)}}


def _basic(body: bytes, which: int) -> dict[str, object]:
    credentials = base64.b64encode(f"loja:senha-{which}".encode()).decode()
    return {"hub-http-headers": {"Authorization": f"Basic {credentials}"}}


PAGARME_SECRETS: Final = Secrets(jwks={f"key-{number}": _jwk(_KEYS[number]) for number in (0, 1)})


# --- Pix ----------------------------------------------------------------------------------------------------------------------


def _pix_query(body: bytes, which: int) -> dict[str, object]:
    return {"hub-http-headers": {"content-type": "application/json"}, "hub-http-query": {"hmac": f"segredo-{which}", "ignorar": "/pix"}}


# --- Mercado Pago -------------------------------------------------------------------------------------------------------------


def mercadopago_headers(secret: str, resource_id: str | None, request_id: str | None, timestamp: str) -> dict[str, object]:
    """Return the headers and the query string of a signed webhook."""
    pairs = {"id": resource_id, "request-id": request_id, "ts": timestamp}
    manifest = "".join(f"{name}:{value};" for name, value in pairs.items() if value is not None)
    headers = {"X-Signature": f"ts={timestamp},v1={hmac_sha256(secret, manifest.encode())}"}
    if request_id is not None:
        headers["X-Request-Id"] = request_id
    return {"hub-http-headers": headers, "hub-http-query": {} if resource_id is None else {"data.id": resource_id, "type": "payment"}}


def _mercadopago_signed(body: bytes, which: int) -> dict[str, object]:
    return mercadopago_headers(f"segredo-{which}", "900000001", "11111111-2222-4333-8444-555555555555", "1767225600")


# --- PagBank, Cielo, Asaas ----------------------------------------------------------------------------------------------------


def _pagbank_hyphen(body: bytes, which: int) -> dict[str, object]:
    return {"hub-http-headers": {"x-authenticity-token": hashlib.sha256(f"segredo-{which}-".encode() + body).hexdigest()}}


def _pagbank_bare(body: bytes, which: int) -> dict[str, object]:
    return {"hub-http-headers": {"X-Authenticity-Token": hashlib.sha256(f"segredo-{which}".encode() + body).hexdigest()}}


def _cielo_header(body: bytes, which: int) -> dict[str, object]:
    return {"hub-http-headers": {"X-Hub-Chave": f"segredo-{which}"}}


def _asaas_token(body: bytes, which: int) -> dict[str, object]:
    return {"hub-http-headers": {"asaas-access-token": f"segredo-{which}"}}


TOKENS: Final = Secrets(webhook=("segredo-0", "segredo-1"))


# --- Melhor Envio -------------------------------------------------------------------------------------------------------------


def _melhor_envio_hex(body: bytes, which: int) -> dict[str, object]:
    return {"hub-http-headers": {"X-ME-Signature": hmac_sha256(f"segredo-{which}", body)}}


def _melhor_envio_base64(body: bytes, which: int) -> dict[str, object]:
    digest = bytes.fromhex(hmac_sha256(f"segredo-{which}", body))
    return {"hub-http-headers": {"X-ME-Signature": base64.b64encode(digest).decode()}}


MELHOR_ENVIO_SECRETS: Final = Secrets(webhook=("segredo-0", "segredo-1"))


# --- Frenet -------------------------------------------------------------------------------------------------------------------


def _frenet_token(body: bytes, which: int) -> dict[str, object]:
    return {"hub-http-headers": {"X-Loja-Token": f"segredo-{which}"}}


FRENET_SECRETS: Final = Secrets(webhook=("segredo-0", "segredo-1"), extra={"token_name": "X-Loja-Token"})


# --- ERPs ---------------------------------------------------------------------------------------------------------------------


def _bling_signed(body: bytes, which: int) -> dict[str, object]:
    return {"hub-http-headers": {"X-Bling-Signature-256": f"sha256={hmac_sha256(f'segredo-{which}', body)}"}}


def _token_in_the_url(body: bytes, which: int) -> dict[str, object]:
    return {"hub-http-headers": {"content-type": "application/json"}, "hub-http-query": {"token": f"segredo-{which}"}}


CASES: Final[Mapping[str, AdapterCase]] = {
    "shop.orders": AdapterCase(),
    "payments.pix": AdapterCase(
        signings=(Signing("hmac in the URL", _pix_query, Secrets(webhook=("segredo-0", "segredo-1")), covers_body=False),),
        open_words=(
            OpenWord("refund_failed", ("pix", 0, "devolucoes", 0, "status")),
            OpenWord("refund_failed", ("pix", 0, "devolucoes", 0, "natureza")),
            OpenWord("med_reversal", ("pix", 0, "devolucoes", 0, "status")),
            OpenWord("cob_active", ("status",)),
        ),
    ),
    "payments.pagarme": AdapterCase(
        signings=(
            Signing("RS256", _pagarme_signed, PAGARME_SECRETS),
            Signing("Basic", _basic, Secrets(webhook=("loja:senha-0",), extra={"basic_user": "loja", "basic_password": "senha-1"}), False),
        ),
        open_words=(
            OpenWord("charge_paid_card", ("data", "status")),
            OpenWord("charge_refunded", ("data", "status")),
            OpenWord("order_paid", ("data", "charges", 0, "status")),
        ),
    ),
    # Its words are no JSON values: an unknown one has a golden case, bradesco_240_written_off.
    "payments.cnab": AdapterCase(lines=True),
    "payments.mercadopago": AdapterCase(
        signings=(Signing("x-signature", _mercadopago_signed, Secrets(webhook=("segredo-0", "segredo-1")), covers_body=False),),
        open_words=(
            OpenWord("approved_accredited", ("status",)),
            OpenWord("approved_partially_refunded", ("refunds", 0, "status")),
            OpenWord("order_published_as_it_is", ("transactions", "payments", 0, "status")),
            OpenWord("webhook_payment", ("type",)),
        ),
    ),
    "payments.pagbank": AdapterCase(
        signings=(Signing("hyphen", _pagbank_hyphen, TOKENS), Signing("without hyphen", _pagbank_bare, TOKENS)),
        open_words=(OpenWord("order_paid_card", ("charges", 0, "status")), OpenWord("charge_alone", ("status",))),
    ),
    "payments.cielo": AdapterCase(
        signings=(
            Signing(
                "static header", _cielo_header, Secrets(webhook=("X-Hub-Chave:segredo-0", "X-Hub-Chave: segredo-1")), covers_body=False
            ),
        ),
        open_words=(OpenWord("sale_published_as_it_is", ("Payment", "Status")),),
    ),
    "payments.asaas": AdapterCase(
        signings=(Signing("token", _asaas_token, TOKENS, covers_body=False),),
        open_words=(OpenWord("confirmed", ("event",)), OpenWord("updated", ("payment", "status"))),
    ),
    # Its words are our own and closed: one that we do not know is unreadable.
    "payments.generic": AdapterCase(),
    "carriers.melhor_envio": AdapterCase(
        signings=(
            Signing("hexadecimal", _melhor_envio_hex, MELHOR_ENVIO_SECRETS),
            Signing("base64", _melhor_envio_base64, MELHOR_ENVIO_SECRETS),
        ),
        open_words=(
            OpenWord("hook_posted", ("event",)),
            OpenWord("answer_posted", ("9b1f0c52-5d0e-4c57-8a55-0f2c1f7a1e11", "status")),
        ),
    ),
    "carriers.correios": AdapterCase(
        open_words=(
            OpenWord("unknown_pair", ("objetos", 0, "eventos", 0, "codigo")),
            OpenWord("unknown_pair", ("objetos", 0, "eventos", 0, "tipo")),
        ),
    ),
    "carriers.frenet": AdapterCase(
        signings=(Signing("agreed header", _frenet_token, FRENET_SECRETS, covers_body=False),),
        open_words=(OpenWord("unknown_type", ("TrackingEvents", 0, "EventType")),),
    ),
    "carriers.jadlog": AdapterCase(open_words=(OpenWord("unknown_status", ("consulta", 0, "tracking", "eventos", 0, "status")),)),
    "carriers.loggi": AdapterCase(
        signings=(
            Signing("Basic", _basic, Secrets(webhook=("loja:senha-0",), extra={"basic_user": "loja", "basic_password": "senha-1"}), False),
        ),
        open_words=(OpenWord("unknown_code", ("packages", 0, "status", "code")),),
    ),
    # Its kinds are our own and closed; a code of a carrier's own is open only in a fact of kind unknown.
    "carriers.generic": AdapterCase(),
    # Their words are our own and closed: one that we do not know is unreadable, as with shop.orders.
    "erp.xml": AdapterCase(),
    "erp.json": AdapterCase(),
    "erp.nfe": AdapterCase(),
    "erp.omie": AdapterCase(
        signings=(Signing("token in the URL", _token_in_the_url, TOKENS, covers_body=False),),
        open_words=(OpenWord("stage_10", ("event", "etapa")), OpenWord("stage_60", ("event", "etapa"))),
    ),
    "erp.tiny": AdapterCase(
        signings=(Signing("token in the URL", _token_in_the_url, TOKENS, covers_body=False),),
        open_words=(OpenWord("account_aberto", ("dados", "codigoSituacao")), OpenWord("integrator_situation", ("dados", "situacao"))),
    ),
    "erp.bling": AdapterCase(
        signings=(
            Signing("client secret", _bling_signed, TOKENS),
            Signing("token of v2", _token_in_the_url, Secrets(extra={"callback_tokens": "segredo-0, segredo-1"}), covers_body=False),
        ),
        open_words=(
            OpenWord("callback_open", ("retorno", "pedidos", 0, "pedido", "situacao")),
            OpenWord("callback_note_canceled", ("retorno", "pedidos", 0, "pedido", "nota", "situacao")),
        ),
    ),
}


def replaced(document: Any, path: tuple[str | int, ...], value: object) -> Any:
    """Return the document with another value at the path."""
    if not path:
        return value
    first, *rest = path
    copy: Any = dict(document) if isinstance(document, dict) else list(document)
    copy[first] = replaced(document[first], tuple(rest), value)
    return copy
