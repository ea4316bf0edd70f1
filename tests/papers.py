"""NF-e papers for tests: notes, answers and events, signed by a key of their own. Companies, people and numbers are invented.

What is signed is written down in canonical form by hand, so that a test of the signature does not check lxml against itself.
"""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

NFE: Final = "http://www.portalfiscal.inf.br/nfe"
DS: Final = "http://www.w3.org/2000/09/xmldsig#"
_C14N: Final = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
ISSUER: Final = "11222333000181"
BUYER: Final = "12345678909"
ORDER: Final = "LOJA-100045"


def key_of(body: str) -> str:
    """Append the check digit to 43 characters, as the manual describes it: weights 2 to 9 from the right, modulo 11."""
    total, weight = 0, 2
    for character in reversed(body):
        total += (ord(character) - ord("0")) * weight
        weight = 2 if weight == 9 else weight + 1
    rest = total % 11
    return body + ("0" if rest < 2 else str(11 - rest))


@dataclass(frozen=True, slots=True)
class Signer:
    """A key and a self-made certificate."""

    key: rsa.RSAPrivateKey
    certificate: bytes

    def signature(self, reference: str, signed: str) -> str:
        """Return the Signature element over a text in canonical form."""
        digest = base64.b64encode(hashlib.sha1(signed.encode(), usedforsecurity=False).digest()).decode()
        body = (
            f'<CanonicalizationMethod Algorithm="{_C14N}"></CanonicalizationMethod>'
            f'<SignatureMethod Algorithm="{DS}rsa-sha1"></SignatureMethod>'
            f'<Reference URI="#{reference}"><Transforms><Transform Algorithm="{DS}enveloped-signature"></Transform>'
            f'<Transform Algorithm="{_C14N}"></Transform></Transforms><DigestMethod Algorithm="{DS}sha1"></DigestMethod>'
            f"<DigestValue>{digest}</DigestValue></Reference></SignedInfo>"
        )
        canonical = f'<SignedInfo xmlns="{DS}">{body}'
        value = base64.b64encode(self.key.sign(canonical.encode(), padding.PKCS1v15(), hashes.SHA1())).decode()
        certificate = base64.b64encode(self.certificate).decode()
        return (
            f'<Signature xmlns="{DS}"><SignedInfo>{body}<SignatureValue>{value}</SignatureValue>'
            f"<KeyInfo><X509Data><X509Certificate>{certificate}</X509Certificate></X509Data></KeyInfo></Signature>"
        )


@cache
def signer(common_name: str = f"LOJA FICTICIA LTDA:{ISSUER}", other_name: str = "") -> Signer:
    """Make a signer; `other_name` is the CNPJ in the alternative name of ICP-Brasil."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common_name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime(2026, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2027, 1, 1, tzinfo=UTC))
    )
    if other_name:
        der = bytes([0x13, len(other_name)]) + other_name.encode()
        builder = builder.add_extension(
            x509.SubjectAlternativeName([x509.OtherName(x509.ObjectIdentifier("2.16.76.1.3.3"), der)]), critical=False
        )
    certificate = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)
    return Signer(key, certificate)


@dataclass(frozen=True, slots=True)
class Item:
    """One det."""

    sku: str = "CAM-P-AZ"
    quantity: str = "2.0000"
    xped: str = ORDER


@dataclass(frozen=True, slots=True)
class Paper:
    """One note; every part can be another one. `key` overrides the access key that the parts make."""

    issuer: str = ISSUER
    issuer_kind: str = "CNPJ"
    model: str = "55"
    series: str = "1"
    number: str = "1234"
    code: str = "87654321"
    emission: str = "1"
    emitted: str = "2026-10-05T10:15:00-03:00"
    purpose: str = "1"
    direction: str = "1"
    environment: str = "1"
    total: str = "134.80"
    items: Sequence[Item] = (Item(),)
    originals: Sequence[str] = ()
    purchase: str = ORDER
    fields: Sequence[tuple[str, str]] = ()
    free_text: str = f"Pedido loja: {ORDER}"
    buyer_name: str = "Maria Exemplo"
    key: str = ""
    signed_by: Signer | None = field(default_factory=signer)

    @property
    def access_key(self) -> str:
        """The 44 characters."""
        year_month = self.emitted[2:4] + self.emitted[5:7]
        return self.key or key_of(
            f"35{year_month}{self.issuer.zfill(14)}{self.model}{self.series.zfill(3)}{self.number.zfill(9)}{self.emission}{self.code}"
        )

    @property
    def info(self) -> str:
        """InfNFe in canonical form."""
        return (
            f'<infNFe xmlns="{NFE}" Id="NFe{self.access_key}" versao="4.00">{self._ide()}{self._emit()}{self._dest()}'
            f"{''.join(self._detail(index, item) for index, item in enumerate(self.items, 1))}{self._totals()}"
            f"<transp><modFrete>0</modFrete><vol><qVol>1</qVol></vol></transp>"
            f"<pag><detPag><tPag>17</tPag><vPag>{self.total}</vPag></detPag></pag>{self._additional()}"
            f"{f'<compra><xPed>{self.purchase}</xPed></compra>' if self.purchase else ''}</infNFe>"
        )

    def nfe(self) -> str:
        """The NFe element, with its namespace."""
        signature = self.signed_by.signature(f"NFe{self.access_key}", self.info) if self.signed_by else ""
        return f'<NFe xmlns="{NFE}">{self.info.replace(f" xmlns={chr(34)}{NFE}{chr(34)}", "", 1)}{signature}</NFe>'

    @property
    def digest(self) -> str:
        """What the authority repeats as digVal."""
        return base64.b64encode(hashlib.sha1(self.info.encode(), usedforsecurity=False).digest()).decode()

    def proc(self, answer: str | None = None) -> str:
        """The distribution file."""
        return f'<nfeProc xmlns="{NFE}" versao="4.00">{self.nfe()}{answer or self.protocol()}</nfeProc>'

    def protocol(
        self,
        status: str = "100",
        motive: str = "Autorizado o uso da NF-e",
        *,
        at: str = "2026-10-05T10:15:03-03:00",
        number: str = "135260000000001",
        digest: str = "own",
        key: str = "",
        environment: str = "",
    ) -> str:
        """The authority's answer; `digest` own, or any text, empty for none."""
        digest = self.digest if digest == "own" else digest
        return (
            f'<protNFe xmlns="{NFE}" versao="4.00"><infProt><tpAmb>{environment or self.environment}</tpAmb>'
            f"<verAplic>SP_NFE_PL009_V4</verAplic><chNFe>{key or self.access_key}</chNFe><dhRecbto>{at}</dhRecbto>"
            f"{f'<nProt>{number}</nProt>' if number else ''}{f'<digVal>{digest}</digVal>' if digest else ''}"
            f"<cStat>{status}</cStat><xMotivo>{motive}</xMotivo></infProt></protNFe>"
        )

    def event(
        self,
        kind: str = "110111",
        status: str = "135",
        motive: str = "Evento registrado e vinculado a NF-e",
        *,
        detail: str = "<descEvento>Cancelamento</descEvento><nProt>135260000000001</nProt><xJust>Cliente desistiu da compra</xJust>",
        sequence: str = "1",
        at: str = "2026-10-05T12:00:02-03:00",
        number: str = "135260000000002",
        identity: str = "",
        answer_key: str = "",
    ) -> str:
        """An event and the answer to it."""
        identity = identity or f"ID{kind}{self.access_key}{sequence.zfill(2)}"
        info = (
            f'<infEvento xmlns="{NFE}" Id="{identity}"><cOrgao>35</cOrgao><tpAmb>{self.environment}</tpAmb><CNPJ>{self.issuer}</CNPJ>'
            f"<chNFe>{self.access_key}</chNFe><dhEvento>2026-10-05T12:00:00-03:00</dhEvento><tpEvento>{kind}</tpEvento>"
            f'<nSeqEvento>{sequence}</nSeqEvento><verEvento>1.00</verEvento><detEvento versao="1.00">{detail}</detEvento></infEvento>'
        )
        signature = self.signed_by.signature(identity, info) if self.signed_by else ""
        return (
            f'<procEventoNFe xmlns="{NFE}" versao="1.00"><evento versao="1.00">{info.replace(f" xmlns={chr(34)}{NFE}{chr(34)}", "", 1)}'
            f"{signature}</evento>"
            + self.event_answer(kind, status, motive, sequence=sequence, at=at, number=number, key=answer_key)
            + "</procEventoNFe>"
        )

    def event_answer(
        self, kind: str, status: str, motive: str = "-", *, sequence: str = "1", at: str = "2026-10-05T12:00:02-03:00",
        number: str = "135260000000002", key: str = "",
    ) -> str:  # fmt: skip
        """Only the answer, retEvento."""
        return (
            f'<retEvento xmlns="{NFE}" versao="1.00"><infEvento><tpAmb>{self.environment}</tpAmb><verAplic>SP_EVENTOS_PL_100</verAplic>'
            f"<cOrgao>35</cOrgao><cStat>{status}</cStat><xMotivo>{motive}</xMotivo><chNFe>{key or self.access_key}</chNFe>"
            f"<tpEvento>{kind}</tpEvento><nSeqEvento>{sequence}</nSeqEvento><dhRegEvento>{at}</dhRegEvento>"
            f"{f'<nProt>{number}</nProt>' if number else ''}</infEvento></retEvento>"
        )

    def _ide(self) -> str:
        references = "".join(f"<NFref><refNFe>{key}</refNFe></NFref>" for key in self.originals)
        return (
            f"<ide><cUF>35</cUF><cNF>{self.code}</cNF><natOp>Venda de mercadoria</natOp><mod>{self.model}</mod>"
            f"<serie>{self.series}</serie><nNF>{self.number}</nNF><dhEmi>{self.emitted}</dhEmi><tpNF>{self.direction}</tpNF>"
            f"<idDest>1</idDest><cMunFG>3550308</cMunFG><tpImp>1</tpImp><tpEmis>{self.emission}</tpEmis><cDV>{self.access_key[43]}</cDV>"
            f"<tpAmb>{self.environment}</tpAmb><finNFe>{self.purpose}</finNFe><indFinal>1</indFinal><indPres>2</indPres>"
            f"<indIntermed>0</indIntermed><procEmi>0</procEmi><verProc>ERP 9.9</verProc>{references}</ide>"
        )

    def _emit(self) -> str:
        return (
            f"<emit><{self.issuer_kind}>{self.issuer}</{self.issuer_kind}><xNome>LOJA FICTICIA LTDA</xNome><enderEmit><xLgr>Rua Um</xLgr>"
            "<nro>10</nro><xBairro>Centro</xBairro><cMun>3550308</cMun><xMun>Sao Paulo</xMun><UF>SP</UF><CEP>01001000</CEP></enderEmit>"
            "<IE>111111111111</IE><CRT>1</CRT></emit>"
        )

    def _dest(self) -> str:
        return (
            f"<dest><CPF>{BUYER}</CPF><xNome>{self.buyer_name}</xNome><enderDest><xLgr>Rua Dois</xLgr><nro>20</nro>"
            "<xBairro>Centro</xBairro><cMun>3550308</cMun><xMun>Sao Paulo</xMun><UF>SP</UF><CEP>01001000</CEP></enderDest>"
            "<indIEDest>9</indIEDest></dest>"
        )

    def _detail(self, index: int, item: Item) -> str:
        xped = f"<xPed>{item.xped}</xPed><nItemPed>{index}</nItemPed>" if item.xped else ""
        return (
            f'<det nItem="{index}"><prod><cProd>{item.sku}</cProd><cEAN>SEM GTIN</cEAN><xProd>Camiseta P azul</xProd><NCM>61091000</NCM>'
            f"<CFOP>5102</CFOP><uCom>UN</uCom><qCom>{item.quantity}</qCom><vUnCom>59.9000</vUnCom><vProd>119.80</vProd>"
            f"<cEANTrib>SEM GTIN</cEANTrib><uTrib>UN</uTrib><qTrib>{item.quantity}</qTrib><vUnTrib>59.9000</vUnTrib><vFrete>15.00</vFrete>"
            f"<indTot>1</indTot>{xped}</prod><imposto><ICMS><ICMSSN102><orig>0</orig><CSOSN>102</CSOSN></ICMSSN102></ICMS><PIS><PISOutr>"
            "<CST>49</CST><vBC>0.00</vBC><pPIS>0.00</pPIS><vPIS>0.00</vPIS></PISOutr></PIS><COFINS><COFINSOutr><CST>49</CST><vBC>0.00</vBC>"
            "<pCOFINS>0.00</pCOFINS><vCOFINS>0.00</vCOFINS></COFINSOutr></COFINS></imposto></det>"
        )

    def _totals(self) -> str:
        zeros = "".join(
            f"<{name}>0.00</{name}>"
            for name in ("vBC", "vICMS", "vICMSDeson", "vFCP", "vBCST", "vST", "vFCPST", "vFCPSTRet")
        )  # fmt: skip
        rest = "".join(f"<{name}>0.00</{name}>" for name in ("vSeg", "vDesc", "vII", "vIPI", "vIPIDevol", "vPIS", "vCOFINS", "vOutro"))
        return (
            f"<total><ICMSTot>{zeros}<vProd>119.80</vProd><vFrete>15.00</vFrete>{rest}<vNF>{self.total}</vNF></ICMSTot></total>"
        )  # fmt: skip

    def _additional(self) -> str:
        free = f"<infCpl>{self.free_text}</infCpl>" if self.free_text else ""
        named = "".join(f'<obsCont xCampo="{name}"><xTexto>{text}</xTexto></obsCont>' for name, text in self.fields)
        return f"<infAdic>{free}{named}</infAdic>" if free or named else ""
