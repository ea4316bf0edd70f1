"""The XML signature of a note or an event: is it there, and does it fit? A flag on the fact, never a refusal.

Source: erp.md 1.7; the XSD fixes C14N without comments, RSA-SHA1 and the enveloped transform. Re-saving a file breaks the digest, so
that a failure is no proof of fraud; and who issued the certificate is not looked at, so that `signature_ok` says that the content is
what its signer signed, not who that is. The strong cross-check is the authority's own digVal (gate.py).
"""

import base64
import binascii
import copy
import hashlib
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, Final

from lxml import etree  # type: ignore[import-untyped]

from adapters.signing import SigningCertificate

UNSIGNED: Final = "unsigned"
UNVERIFIED: Final = "signature_unverified"
VERIFIED: Final = "signature_ok"
OTHER_SIGNER: Final = "signer_differs"
"""The certificate names another company than the issuer: another root of the CNPJ, for branches share one certificate."""

_DS: Final = "{http://www.w3.org/2000/09/xmldsig#}"
_C14N: Final = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
_ENVELOPED: Final = "http://www.w3.org/2000/09/xmldsig#enveloped-signature"
_SHA1: Final = "http://www.w3.org/2000/09/xmldsig#sha1"
_RSA_SHA1: Final = "http://www.w3.org/2000/09/xmldsig#rsa-sha1"


def signature_flags(parent: Any, signed: Any, issuer: str, *, checkable: bool) -> tuple[str, ...]:
    """Say how the signature stands that `parent` (NFe, evento) holds over its child `signed` (infNFe, infEvento).

    `checkable` is false when the alphabet was guessed: the signed bytes are lost then.
    """
    signatures = parent.findall(f"{_DS}Signature")
    if not signatures:
        return (UNSIGNED,)
    if len(signatures) > 1 or not checkable:
        return (UNVERIFIED,)
    try:
        certificate = _verify(signatures[0], signed)
    except (ValueError, binascii.Error, AttributeError):  # hashlib raises ValueError where the platform forbids SHA-1
        return (UNVERIFIED,)
    signer = certificate.tax_id
    if signer is not None and len(signer) == 14 and signer[:8] != issuer[:8]:
        return (VERIFIED, OTHER_SIGNER)
    return (VERIFIED,)


def _verify(signature: Any, signed: Any) -> SigningCertificate:
    """Check reference, digest and signature; return the certificate that verified it. Raises: ValueError, AttributeError."""
    info = signature.find(f"{_DS}SignedInfo")
    (reference,) = info.findall(f"{_DS}Reference")
    transforms = [_algorithm(transform) for transform in reference.iterfind(f"{_DS}Transforms/{_DS}Transform")]
    methods = (
        _algorithm(info.find(f"{_DS}CanonicalizationMethod")),
        _algorithm(info.find(f"{_DS}SignatureMethod")),
        _algorithm(reference.find(f"{_DS}DigestMethod")),
    )
    if methods != (_C14N, _RSA_SHA1, _SHA1) or len(transforms) != 2 or set(transforms) != {_ENVELOPED, _C14N}:
        raise ValueError("other algorithms than the XSD fixes")
    if reference.get("URI") != f"#{signed.get('Id')}":
        raise ValueError("signs something else")
    digest = _decoded(reference.find(f"{_DS}DigestValue"))
    if all(hashlib.sha1(form, usedforsecurity=False).digest() != digest for form in _canonical_forms(signed)):
        raise ValueError("digest differs")
    certificate = _certificate(_decoded(signature.find(f"{_DS}KeyInfo/{_DS}X509Data/{_DS}X509Certificate")))
    value = _decoded(signature.find(f"{_DS}SignatureValue"))
    if not any(certificate.verifies_sha1(value, form) for form in _canonical_forms(info)):
        raise ValueError("signature differs")
    return certificate


@lru_cache(maxsize=32)
def _certificate(der: bytes) -> SigningCertificate:
    # A shop signs a year's notes with one certificate.
    return SigningCertificate(der)


def _algorithm(element: Any) -> Any:
    return element.get("Algorithm")


def _canonical_forms(element: Any) -> Iterator[bytes]:
    """Yield the canonical bytes of an element as they may have been signed.

    First as in a document of its own. Inclusive C14N also writes the namespaces that are declared around the element, so a
    signer who declares `xsi` on NFe signs that too: the second form. A wrapper that was put around the note afterwards spoils
    only the second one.
    """
    # The copy is needed: of an element whose default namespace is declared further up, lxml 5.3 to 6.1 writes a bogus
    # xmlns="" on its grandchildren (tried).
    yield _c14n(copy.deepcopy(element))
    if len(element.nsmap) > 1:
        around = etree.Element(element.tag, dict(element.attrib), nsmap=element.nsmap)
        around.text = element.text
        around.extend([copy.deepcopy(child) for child in element])
        yield _c14n(around)


def _c14n(element: Any) -> bytes:
    canonical: bytes = etree.tostring(element, method="c14n", with_comments=False, with_tail=False)
    return canonical


def _decoded(element: Any) -> bytes:
    return base64.b64decode("".join(element.text.split()), validate=True)
