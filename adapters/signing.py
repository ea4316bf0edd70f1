"""Signatures of other systems, checked over raw bytes and compared in constant time; a fault is a SignatureInvalid."""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Final

from cryptography import x509
from cryptography.exceptions import InternalError, InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from adapters.contract import RawDelivery, Secrets, SignatureInvalid
from adapters.parsing import read_moment

_ICP_CNPJ: Final = x509.ObjectIdentifier("2.16.76.1.3.3")
"""ICP-Brasil's otherName in which a company's certificate holds its CNPJ (DOC-ICP-04)."""

_CERTIFICATE_FAULTS: Final = (
    ValueError, TypeError, UnsupportedAlgorithm, InternalError, x509.InvalidVersion, x509.UnsupportedGeneralNameType,
    UserWarning,  # of a serial number that is not positive, where warnings are errors
)  # fmt: skip
"""What the library raises of certificates that somebody has damaged (tried: 120,000 of them)."""

_MIN_RSA_BITS: Final = 2048
_MAX_RSA_BITS: Final = 8192
_BASE64: Final = re.compile(r"[A-Za-z0-9_+/-]+={0,2}", re.ASCII)
_TAX_ID: Final = re.compile(r"[0-9A-Z]{12}[0-9]{2}|[0-9]{11}")


def must_check(delivery: RawDelivery, secrets: Secrets, *, configured: bool) -> bool:
    """Say whether there is something to check: the doors of contract.md and rules.md, the same for every provider.

    A message without HTTP headers came from an authenticated AMQP user and is trusted; a provider without secrets is
    accepted unsigned (`hub doctor` warns). REQUIRE_SIGNATURE closes both. Raises: SignatureInvalid.
    """
    if delivery.http_headers is None:
        if secrets.require_signature:
            raise SignatureInvalid("a signature is required, and the message has no HTTP headers that could carry one")
        return False
    if not configured:
        if secrets.require_signature:
            raise SignatureInvalid("a signature is required, and no secret is configured to check it with")
        return False
    return True


def hmac_sha256(secret: str, message: bytes) -> str:
    """Return the HMAC-SHA256 of a message in lower-case hexadecimal."""
    return hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()


def equal(left: str, right: str) -> bool:
    """Compare two texts in constant time."""
    return hmac.compare_digest(left.encode("utf-8", "surrogatepass"), right.encode("utf-8", "surrogatepass"))


def equals_any(given: str, candidates: Iterable[str]) -> bool:
    """Compare with every candidate, so that time does not tell which one matched."""
    matches = [equal(given, candidate) for candidate in candidates]
    return any(matches)


def within_age(sent_at: datetime, delivery: RawDelivery, tolerance_s: int) -> None:
    """Refuse a signature older, or newer, than `tolerance_s` when the edge received it.

    Its age is compared with the header `hub-received-at` and with nothing else: a message may lie in a queue for days, and
    without the header there is nothing to compare with. Raises: SignatureInvalid.
    """
    header = delivery.headers.get("hub-received-at")
    if header is None:
        return
    if abs((_instant(header) - sent_at).total_seconds()) > tolerance_s:
        raise SignatureInvalid(f"the signature was not made within {tolerance_s} s of hub-received-at")


def _instant(header: object) -> datetime:
    if isinstance(header, datetime):  # an AMQP timestamp
        return header if header.tzinfo is not None else header.replace(tzinfo=UTC)
    try:
        return read_moment(header, UTC).at
    except ValueError as error:
        raise SignatureInvalid("hub-received-at is not a time, so the signature's age cannot be told") from error


def basic_credentials(delivery: RawDelivery) -> str | None:
    """Return `user:password` of an HTTP Basic Authorization header; None = no such header. Raises: SignatureInvalid."""
    header = (delivery.http_headers or {}).get("authorization")
    if header is None:
        return None
    scheme, _, value = header.strip().partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        return decode_base64(value.strip()).decode()
    except (ValueError, UnicodeDecodeError) as error:
        raise SignatureInvalid("the Authorization header is not legible") from error


def decode_base64(text: str) -> bytes:
    """Decode base64 or base64url, padded or not. Raises: ValueError."""
    if not _BASE64.fullmatch(text):
        raise ValueError("not base64")
    digits = text.rstrip("=").replace("+", "-").replace("/", "_")
    try:
        return base64.urlsafe_b64decode(digits + "=" * (-len(digits) % 4))
    except binascii.Error as error:
        raise ValueError("not base64") from error


def verify_rs256(message: bytes, signature: bytes, key: Mapping[str, str]) -> None:
    """Check an RSASSA-PKCS1-v1_5 SHA-256 signature with a JSON Web Key (RFC 7517, 7518). Raises: SignatureInvalid."""
    try:
        _rsa_key(key).verify(signature, message, padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature as error:
        raise SignatureInvalid("the signature does not belong to this body and key") from error


def _rsa_key(key: Mapping[str, str]) -> rsa.RSAPublicKey:
    if key.get("kty") != "RSA" or key.get("use", "sig") != "sig" or key.get("alg", "RS256") != "RS256":
        raise SignatureInvalid("the key of this key id is not an RSA key for RS256 signatures")
    try:
        modulus = int.from_bytes(decode_base64(key["n"]))
        exponent = int.from_bytes(decode_base64(key["e"]))
        if not _MIN_RSA_BITS <= modulus.bit_length() <= _MAX_RSA_BITS:
            raise ValueError("size")
        return rsa.RSAPublicNumbers(exponent, modulus).public_key()
    except (KeyError, ValueError) as error:
        raise SignatureInvalid("the key of this key id cannot be used") from error


class SigningCertificate:
    """The certificate that came with a signature. Who issued it, and whether it was valid, is not looked at."""

    def __init__(self, der: bytes) -> None:
        """Read it. Raises: ValueError."""
        try:
            self._certificate = x509.load_der_x509_certificate(der)
            key = self._certificate.public_key()
        except _CERTIFICATE_FAULTS as error:
            raise ValueError("not a certificate that can be used") from error
        if not isinstance(key, rsa.RSAPublicKey) or not 1024 <= key.key_size <= _MAX_RSA_BITS:
            raise ValueError("not a certificate of an RSA key")
        self._key: Final = key
        self.tax_id: Final = self._read_tax_id()

    def verifies_sha1(self, signature: bytes, message: bytes) -> bool:
        """Say whether an RSASSA-PKCS1-v1_5 SHA-1 signature is right. False also where the platform forbids SHA-1."""
        try:
            self._key.verify(signature, message, padding.PKCS1v15(), hashes.SHA1())
        except (InvalidSignature, UnsupportedAlgorithm, InternalError, ValueError):
            return False
        return True

    def _read_tax_id(self) -> str | None:
        """The CNPJ or CPF it was issued to: the otherName of ICP-Brasil, else what stands behind the colon in the common name."""
        try:
            names = self._certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
            found = [name.value for name in names if isinstance(name, x509.OtherName) and name.type_id == _ICP_CNPJ]
        except (x509.ExtensionNotFound, x509.DuplicateExtension, *_CERTIFICATE_FAULTS):
            found = []
        if found:
            # A DER string of at most 127 characters: a byte of tag, a byte of length, the text.
            return found[0][2:].decode("ascii", "replace")
        try:
            common_names = self._certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
        except _CERTIFICATE_FAULTS:
            return None
        tail = str(common_names[0].value).rpartition(":")[2] if common_names else ""
        return tail if _TAX_ID.fullmatch(tail) else None
