"""How documents write money, times, tax ids and addresses: the Brazilian way."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from schemas.orders import Address

METHODS: Final[Mapping[str, str]] = {
    "card": "Cartão",
    "pix": "Pix",
    "boleto": "Boleto",
    "transfer": "Transferência",
    "deposit": "Depósito",
    "cash": "Dinheiro",
    "wallet": "Carteira digital",
    "other": "Outro meio",
}


def money(cents: int) -> str:
    """Write integer cents: R$ 1.234,56, and -R$ 5,00 for what is taken off."""
    reais, rest = divmod(abs(cents), 100)
    return ("-" if cents < 0 else "") + f"R$ {reais:,}".replace(",", ".") + f",{rest:02d}"


def quantity(units: int) -> str:
    """Write a number of units: 1.200."""
    return f"{units:,}".replace(",", ".")


def moment(at: datetime | None, zone: ZoneInfo) -> str:
    """Write an instant on the shop's clock: 25/11/2026 10:00."""
    return "" if at is None else at.astimezone(zone).strftime("%d/%m/%Y %H:%M")


def method(name: str | None) -> str:
    """Name a means of payment; a word that is not ours stays as it is."""
    return "" if name is None else METHODS.get(name, name)


def tax_id(text: str) -> str:
    """Write a CPF or CNPJ with its dots; a CNPJ may hold letters. Anything else stays as it was given."""
    plain = re.sub(r"[./\s-]", "", text).upper()
    if re.fullmatch(r"[0-9]{11}", plain):
        return f"{plain[:3]}.{plain[3:6]}.{plain[6:9]}-{plain[9:]}"
    if re.fullmatch(r"[0-9A-Z]{12}[0-9]{2}", plain):
        return f"{plain[:2]}.{plain[2:5]}.{plain[5:8]}/{plain[8:12]}-{plain[12:]}"
    return text


def tax_id_with_name(text: str) -> str:
    """Write a tax id behind what it is: CPF 123.456.789-09."""
    written = tax_id(text)
    if "/" in written and len(written) == 18:
        return f"CNPJ {written}"
    return f"CPF {written}" if re.fullmatch(r"[0-9]{3}\.[0-9]{3}\.[0-9]{3}-[0-9]{2}", written) else f"Documento {text}"


def postal_code(text: str) -> str:
    """Write a CEP with its dash: 13010-000."""
    plain = re.sub(r"[.\s-]", "", text)
    return f"{plain[:5]}-{plain[5:]}" if re.fullmatch(r"[0-9]{8}", plain) else text


def address_lines(address: Address) -> list[str]:
    """Write an address as an envelope has it; what is not known leaves no gap."""
    street = ", ".join(part for part in (address.street, address.number) if part)
    city = " - ".join(part for part in (address.city, address.state) if part)
    code = f"CEP {postal_code(address.postal_code)}" if address.postal_code else ""
    country = "" if address.country in (None, "BR", "BRA", "Brasil") else address.country
    lines = [
        address.name,
        " - ".join(part for part in (street, address.complement) if part),
        address.district,
        "  ".join(part for part in (code, city) if part),
        country,
        f"Tel. {address.phone}" if address.phone else "",
    ]
    return [line for line in lines if line]


def access_key(key: str) -> str:
    """Write an NF-e's access key in groups of four, as its DANFE does."""
    return " ".join(key[at : at + 4] for at in range(0, len(key), 4))
