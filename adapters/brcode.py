"""BR Code: the text behind a Pix QR code ("copia e cola"), built and read. Shared, since it is a format and not a provider.

Source: Manual do BR Code and Manual de Padrões para Iniciação do Pix of the Central Bank (EMV QRCPS, merchant presented), as
payments.md 3.5 has them. Amounts: integer centavos. A code proves no payment: money is told by the bank, a statement or a person.
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

GUI: Final = "br.gov.bcb.pix"
NO_TXID: Final = "***"
"""A dynamic code, and a static one without an id."""

_BRL: Final = "986"
_MAX_FIELD: Final = 99
_MAX_NAME: Final = 25
_MAX_CITY: Final = 15
_MAX_TEXT: Final = 512

_TXID: Final = re.compile(r"[A-Za-z0-9]{1,25}", re.ASCII)
_AMOUNT: Final = re.compile(r"([0-9]{1,10})(?:\.([0-9]{1,2}))?", re.ASCII)
_POSTAL_CODE: Final = re.compile(r"[0-9]{8}", re.ASCII)
_MCC: Final = re.compile(r"[0-9]{4}", re.ASCII)


class BrCodeInvalid(ValueError):
    """The code cannot be built, or is not one. The message names the field and, of a code that was read, the character's place."""


@dataclass(frozen=True, slots=True)
class BrCode:
    """What a code says. `key` of a static one, `url` (without https://) of a dynamic one.

    `amount_cents` None = the payer types it. `txid` None = none is in the code; of a dynamic one it is behind the url.
    """

    merchant_name: str
    merchant_city: str
    key: str | None = None
    url: str | None = None
    amount_cents: int | None = None
    txid: str | None = None
    description: str | None = None
    postal_code: str | None = None
    single_use: bool = False
    mcc: str = "0000"


def crc16(data: bytes) -> int:
    """Return the CRC-16/CCITT-FALSE: polynomial 0x1021, begins at 0xFFFF, nothing reflected, nothing added at the end."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte << 8
        for _ in range(8):
            crc = ((crc << 1) ^ 0x1021) & 0xFFFF if crc & 0x8000 else (crc << 1) & 0xFFFF
    return crc


# --- Build --------------------------------------------------------------------------------------------------------------------


def build(code: BrCode) -> str:
    """Write the code.

    Accents go, since banks disagree on UTF-8 and a length counts characters; name and city are cut to what fits (25 and 15).
    Raises: BrCodeInvalid.
    """
    if (code.key is None) == (code.url is None):
        raise BrCodeInvalid("key: either a key (static code) or a url (dynamic code) must be given")
    account = _field("00", GUI, "26")
    if code.key is not None:
        account += _field("01", _plain(code.key, "key"), "key")
        if code.description:
            account += _field("02", _plain(code.description, "description"), "description")
    else:
        account += _field("25", _plain((code.url or "").removeprefix("https://"), "url"), "url")
    if code.txid is not None and not _TXID.fullmatch(code.txid):
        raise BrCodeInvalid("txid: must have 1 to 25 letters and digits")
    if not _MCC.fullmatch(code.mcc):
        raise BrCodeInvalid("mcc: must have four digits")
    if code.postal_code is not None and not _POSTAL_CODE.fullmatch(code.postal_code):
        raise BrCodeInvalid("postal_code: must have eight digits")
    text = (
        _field("00", "01", "00")
        + (_field("01", "12", "01") if code.single_use else "")
        + _field("26", account, "key, description or url")
        + _field("52", code.mcc, "mcc")
        + _field("53", _BRL, "53")
        + (_field("54", _amount(code.amount_cents), "amount_cents") if code.amount_cents is not None else "")
        + _field("58", "BR", "58")
        + _field("59", _plain(code.merchant_name, "merchant_name")[:_MAX_NAME].rstrip(), "merchant_name")
        + _field("60", _plain(code.merchant_city, "merchant_city")[:_MAX_CITY].rstrip(), "merchant_city")
        + (_field("61", code.postal_code, "postal_code") if code.postal_code else "")
        + _field("62", _field("05", code.txid or NO_TXID, "txid"), "txid")
        + "6304"
    )
    return f"{text}{crc16(text.encode('ascii')):04X}"


def _plain(text: str, name: str) -> str:
    """Return the text without accents, in printable ASCII. Raises: BrCodeInvalid when nothing is left."""
    apart = unicodedata.normalize("NFKD", text)
    plain = " ".join("".join(ch for ch in apart if " " <= ch <= "~").split())
    if not plain:
        raise BrCodeInvalid(f"{name}: must not be empty")
    return plain


def _amount(cents: int) -> str:
    if not 0 < cents < 10**12:
        raise BrCodeInvalid("amount_cents: must be above 0 and have at most ten digits before the cents")
    return f"{cents // 100}.{cents % 100:02d}"


def _field(identity: str, value: str, name: str) -> str:
    if not 0 < len(value) <= _MAX_FIELD:
        raise BrCodeInvalid(f"{name}: has {len(value)} characters with what stands beside it, and {_MAX_FIELD} fit")
    return f"{identity}{len(value):02d}{value}"


# --- Read ---------------------------------------------------------------------------------------------------------------------


def read(text: str) -> BrCode:
    """Read a code. What it holds beside what we know is passed over. Raises: BrCodeInvalid."""
    text = text.strip()
    if len(text) > _MAX_TEXT:
        raise BrCodeInvalid(f"code: has {len(text)} characters, and a BR Code has at most {_MAX_TEXT}")
    fields = _fields(text, "")
    if fields.get("00") != "01":
        raise BrCodeInvalid("00: must be 01; this is no BR Code")
    _check_crc(text)
    if fields.get("53") != _BRL:
        raise BrCodeInvalid("53: must be 986, the real")
    if fields.get("58") != "BR":
        raise BrCodeInvalid("58: must be BR")
    account = _pix_account(fields)
    txid = _fields(fields["62"], "62.").get("05") if "62" in fields else None
    return BrCode(
        merchant_name=fields.get("59", ""),
        merchant_city=fields.get("60", ""),
        key=account.get("01"),
        url=account.get("25"),
        amount_cents=_cents(fields["54"]) if "54" in fields else None,
        txid=None if txid is None or not txid.strip("*") else txid,
        description=account.get("02"),
        postal_code=fields.get("61"),
        single_use=fields.get("01") == "12",
        mcc=fields.get("52", "0000"),
    )


def _fields(text: str, place: str) -> Mapping[str, str]:
    found: dict[str, str] = {}
    at = 0
    while at < len(text):
        head = text[at : at + 4]
        if len(head) < 4 or not (head.isascii() and head.isdigit()):
            raise BrCodeInvalid(f"{place}character {at + 1}: must be the two digits of a field and the two of its length")
        identity, length = head[:2], int(head[2:])
        value = text[at + 4 : at + 4 + length]
        if len(value) < length:
            raise BrCodeInvalid(f"{place}{identity}: is cut off, {length} characters are announced and {len(value)} are there")
        if identity in found:
            raise BrCodeInvalid(f"{place}{identity}: stands twice")
        found[identity] = value
        at += 4 + length
    return found


def _check_crc(text: str) -> None:
    if text[-8:-4] != "6304":
        raise BrCodeInvalid("63: must be the last field, with four digits")
    try:
        wanted = f"{crc16(text[:-4].encode()):04X}"
    except UnicodeEncodeError as error:
        raise BrCodeInvalid(f"character {error.start + 1}: cannot be read") from error
    if text[-4:].upper() != wanted:
        raise BrCodeInvalid("63: the check digits are wrong; a character is missing, or is another")


def _pix_account(fields: Mapping[str, str]) -> Mapping[str, str]:
    """Find the arrangement that is Pix: others may stand beside it."""
    for number in range(26, 52):
        value = fields.get(f"{number}")
        if value is None:
            continue
        try:
            account = _fields(value, f"{number}.")
        except BrCodeInvalid:
            continue  # of another arrangement, which need not be made of fields
        if account.get("00", "").casefold() == GUI:
            if ("01" in account) == ("25" in account):
                raise BrCodeInvalid(f"{number}: must hold either a key (01) or a url (25)")
            return account
    raise BrCodeInvalid(f"26 to 51: none of them is {GUI}")


def _cents(text: str) -> int:
    found = _AMOUNT.fullmatch(text)
    if found is None:
        raise BrCodeInvalid("54: must be an amount in reais with a point, as 149.90")
    return int(found[1]) * 100 + int((found[2] or "0").ljust(2, "0"))
