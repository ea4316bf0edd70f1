"""Signatures: vectors, rotation, age, and what an illegible header does."""

import base64
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from adapters.contract import RawDelivery, Secrets, SignatureInvalid, unsigned
from adapters.signing import basic_credentials, decode_base64, equals_any, hmac_sha256, must_check, verify_rs256, within_age

AT = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def delivery(**headers: object) -> RawDelivery:
    return RawDelivery(b"{}", headers, AT)


def base64url(number: int) -> str:
    return base64.urlsafe_b64encode(number.to_bytes((number.bit_length() + 7) // 8)).rstrip(b"=").decode()


def jwk(key: rsa.RSAPrivateKey, **changes: str) -> dict[str, str]:
    numbers = key.public_key().public_numbers()
    return {"kty": "RSA", "use": "sig", "alg": "RS256", "n": base64url(numbers.n), "e": base64url(numbers.e)} | changes


def test_hmac_of_a_known_vector() -> None:
    # Mercado Pago's manifest, payments.md 2.2.
    manifest = b"id:900000001;request-id:11111111-2222-4333-8444-555555555555;ts:1767225600;"
    assert hmac_sha256("segredo-de-teste", manifest) == "732d05859202be3f4fc122d395231bc4757cc0ece5622fc4a211fb4f9c0b3114"


def test_every_configured_secret_is_accepted() -> None:
    assert equals_any("new", ("old", "new"))
    assert equals_any("old", ("old", "new"))
    assert not equals_any("other", ("old", "new"))
    assert not equals_any("", ())
    assert not equals_any("\ud800é", ("old",))


@pytest.mark.parametrize(
    ("http", "required", "configured", "outcome"),
    [
        (False, False, True, False),
        (False, True, True, "required"),
        (True, False, False, False),
        (True, True, False, "required"),
        (True, False, True, True),
        (True, True, True, True),
    ],
)
def test_the_doors(http: bool, required: bool, configured: bool, outcome: bool | str) -> None:
    raw = delivery(**({"hub-http-headers": {}} if http else {}))
    secrets = Secrets(require_signature=required)
    if isinstance(outcome, str):
        with pytest.raises(SignatureInvalid, match=outcome):
            must_check(raw, secrets, configured=configured)
    else:
        assert must_check(raw, secrets, configured=configured) is outcome


def test_an_unsigned_provider_cannot_meet_a_required_signature() -> None:
    unsigned(delivery(), Secrets())
    with pytest.raises(SignatureInvalid):
        unsigned(delivery(), Secrets(require_signature=True))


@pytest.mark.parametrize("header", ["2026-11-25T12:04:00Z", "2026-11-25T09:04:00-03:00", datetime(2026, 11, 25, 12, 4, tzinfo=UTC)])
def test_age_is_what_the_edge_saw_and_not_how_long_the_queue_took(header: object) -> None:
    raw = delivery(**{"hub-received-at": header})
    within_age(AT, raw, 300)
    for sent_at in (AT - timedelta(minutes=2), AT + timedelta(minutes=10)):
        with pytest.raises(SignatureInvalid, match="300 s"):
            within_age(sent_at, raw, 300)


def test_without_the_edges_time_age_is_not_judged() -> None:
    within_age(AT - timedelta(days=400), delivery(), 300)


def test_an_illegible_time_of_the_edge_is_refused() -> None:
    with pytest.raises(SignatureInvalid, match="hub-received-at"):
        within_age(AT, delivery(**{"hub-received-at": "yesterday"}), 300)


def test_basic_credentials() -> None:
    header = "Basic " + base64.b64encode("loja:sén:ha".encode()).decode()
    assert basic_credentials(delivery(**{"hub-http-headers": {"AUTHORIZATION": header}})) == "loja:sén:ha"
    assert basic_credentials(delivery(**{"hub-http-headers": {"Authorization": "Bearer x"}})) is None
    assert basic_credentials(delivery(**{"hub-http-headers": {}})) is None
    assert basic_credentials(delivery()) is None
    for illegible in ("Basic ***", "Basic ", "Basic /w==", "basic a"):
        with pytest.raises(SignatureInvalid):
            basic_credentials(delivery(**{"hub-http-headers": {"authorization": illegible}}))


@pytest.mark.parametrize("text", ["-_8", "+/8=", "-_8="])
def test_base64_in_either_alphabet(text: str) -> None:
    assert decode_base64(text) == b"\xfb\xff"


@pytest.mark.parametrize("text", ["", "a", "ab c", "ç", "ab=c", "=" * 4])
def test_what_is_not_base64(text: str) -> None:
    with pytest.raises(ValueError, match="base64"):
        decode_base64(text)


def test_rs256() -> None:
    signature = KEY.sign(b"body", padding.PKCS1v15(), hashes.SHA256())
    verify_rs256(b"body", signature, jwk(KEY))
    for message, given in ((b"bodY", signature), (b"body", signature[:-1] + b"\x00"), (b"body", b""), (b"body", b"x" * 5000)):
        with pytest.raises(SignatureInvalid):
            verify_rs256(message, given, jwk(KEY))


@pytest.mark.parametrize(
    "changes",
    [{"kty": "EC"}, {"use": "enc"}, {"alg": "HS256"}, {"n": "***"}, {"n": base64url(2**1023 + 1)}, {"e": base64url(2)}, {"e": ""}],
)
def test_a_key_of_another_sort_is_not_used(changes: dict[str, str]) -> None:
    signature = KEY.sign(b"body", padding.PKCS1v15(), hashes.SHA256())
    with pytest.raises(SignatureInvalid):
        verify_rs256(b"body", signature, jwk(KEY, **changes))


def test_a_key_without_a_part_is_not_used() -> None:
    with pytest.raises(SignatureInvalid):
        verify_rs256(b"body", b"x" * 256, {"kty": "RSA", "e": "AQAB"})
