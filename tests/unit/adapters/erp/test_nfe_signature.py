"""Signatures of papers: a flag that says how they stand, whatever is in them."""

import base64
import hashlib
import random
import re
from typing import Any

import pytest
from cryptography.exceptions import UnsupportedAlgorithm

from adapters.contract import Facts, RawDelivery
from adapters.erp.nfe import ADAPTER
from schemas.facts import FiscalFact
from scripts.golden import RECEIVED_AT
from tests.papers import DS, Paper, signer


def flags(xml: str) -> tuple[str, ...]:
    translation = ADAPTER.translate(RawDelivery(xml.encode(), {}, RECEIVED_AT))
    assert isinstance(translation, Facts)
    (fact,) = translation.facts
    assert isinstance(fact, FiscalFact)
    return fact.flags


def test_what_the_issuer_signed_is_verified() -> None:
    assert flags(Paper().proc()) == ("signature_ok",)
    assert flags(Paper().nfe()) == ("signature_ok",)
    assert flags(Paper().event()) == ("signature_ok",)


def test_without_a_signature_it_says_so() -> None:
    assert flags(Paper(signed_by=None).proc()) == ("unsigned",)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("<xNome>Maria Exemplo</xNome>", "<xNome>Maria  Exemplo</xNome>"),
        ("</ide>", "</ide>\n"),
        ("<CEP>01001000</CEP>", "<CEP>01001-000</CEP>"),
        ("rsa-sha1", "rsa-sha256"),
        (f"{DS}sha1", "http://www.w3.org/2001/04/xmlenc#sha256"),
        ("enveloped-signature", "base64"),
        ('URI="#NFe', 'URI="#NFX'),
        ("<SignatureValue>", "<SignatureValue>AAAA"),
        ("<X509Certificate>", "<X509Certificate>!"),
    ],
)
def test_what_was_changed_afterwards_is_not_verified(old: str, new: str) -> None:
    xml = Paper().proc()
    assert old in xml
    assert flags(xml.replace(old, new)) == ("signature_unverified",)


@pytest.mark.parametrize("part", ["KeyInfo", "SignatureValue", "SignedInfo", "X509Data", "DigestValue", "Transforms", "Reference"])
def test_a_signature_that_lacks_a_part_is_not_verified(part: str) -> None:
    xml = Paper().proc(Paper().protocol(digest=""))
    start, end = re.search(f"<{part}[ >]", xml), xml.index(f"</{part}>") + len(part) + 3
    assert start is not None
    assert flags(xml[: start.start()] + xml[end:]) == ("signature_unverified",)


def test_the_signature_of_another_note_is_not_this_ones() -> None:
    one, other = Paper(), Paper(number="1235")
    stolen = other.nfe()[other.nfe().index("<Signature") : other.nfe().index("</NFe>")]
    nfe = Paper(signed_by=None).nfe().replace("</NFe>", f"{stolen}</NFe>")
    assert flags(f"<lote>{nfe}</lote>") == ("signature_unverified",)
    assert one.access_key != other.access_key


def test_comments_do_not_touch_what_was_signed() -> None:
    assert flags(Paper().proc().replace("<ide>", "<ide><!-- conferido -->")) == ("signature_ok",)


def test_a_namespace_that_the_signer_declared_around_the_note_is_part_of_what_he_signed() -> None:
    paper = Paper(signed_by=None)
    xsi = ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
    signed = paper.info.replace("<infNFe ", "<infNFe ", 1).replace('nfe" Id', f'nfe"{xsi} Id', 1)
    body = paper.info.replace(' xmlns="http://www.portalfiscal.inf.br/nfe"', "", 1)
    signature = signer().signature(f"NFe{paper.access_key}", signed)
    # The signature's own bytes were made without xsi in scope; both forms are tried on each of the two.
    nfe = f'<NFe xmlns="http://www.portalfiscal.inf.br/nfe"{xsi}>{body}{signature}</NFe>'
    assert flags(nfe) == ("signature_ok",)


@pytest.mark.parametrize(
    ("common_name", "other_name", "expected"),
    [
        ("LOJA FICTICIA LTDA:11222333000181", "", ("signature_ok",)),
        ("LOJA FICTICIA FILIAL LTDA:11222333000262", "", ("signature_ok",)),  # a branch: the same root
        ("OUTRA LTDA:44555666000177", "", ("signature_ok", "signer_differs")),
        ("OUTRA LTDA:44555666000177", "11222333000181", ("signature_ok",)),  # the alternative name is the one that counts
        ("LOJA FICTICIA LTDA", "44555666000177", ("signature_ok", "signer_differs")),
        ("MARIA EXEMPLO:12345678909", "", ("signature_ok",)),  # a person's certificate: the company is not in it
        ("SEM DOCUMENTO", "", ("signature_ok",)),
    ],
)
def test_whose_certificate_it_is(common_name: str, other_name: str, expected: tuple[str, ...]) -> None:
    assert flags(Paper(signed_by=signer(common_name, other_name)).proc()) == expected


def test_where_the_platform_forbids_sha1_nothing_is_verified_and_nothing_crashes(monkeypatch: pytest.MonkeyPatch) -> None:
    xml = Paper().proc()

    def forbidden(*_: Any, **__: Any) -> Any:
        raise ValueError("disabled for FIPS")

    monkeypatch.setattr(hashlib, "sha1", forbidden)
    assert flags(xml) == ("signature_unverified",)


def test_where_the_library_forbids_sha1_nothing_is_verified_and_nothing_crashes(monkeypatch: pytest.MonkeyPatch) -> None:
    xml = Paper().proc()

    def forbidden() -> Any:
        raise UnsupportedAlgorithm("sha1 is not supported")

    monkeypatch.setattr("cryptography.hazmat.primitives.hashes.SHA1", forbidden)
    assert flags(xml) == ("signature_unverified",)


def test_a_damaged_certificate_is_no_crash() -> None:
    xml = Paper().proc()
    start, end = xml.index("<X509Certificate>") + 17, xml.index("</X509Certificate>")
    der = base64.b64decode(xml[start:end])
    rng = random.Random(20261125)
    seen = set()
    for _ in range(2000):
        damaged = bytearray(der)
        for _ in range(rng.choice((1, 2, 5))):
            damaged[rng.randrange(len(damaged))] = rng.randrange(256)
        seen.add(flags(xml[:start] + base64.b64encode(damaged).decode() + xml[end:])[0])
    assert seen == {"signature_ok", "signature_unverified"}
