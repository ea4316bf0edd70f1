"""Chave de acesso: the 44 characters that identify an NF-e. Always text: since July 2026 a CNPJ may hold letters."""

import re
from dataclasses import dataclass
from typing import Final

# cUF AAMM CNPJ mod serie nNF tpEmis cNF cDV. Letters stand only in the first twelve places of the CNPJ.
_PATTERN: Final = re.compile(r"[0-9]{6}[0-9A-Z]{12}[0-9]{26}")
_WEIGHTS: Final = tuple(2 + place % 8 for place in range(43))

MODEL_NFE: Final = "55"
MODEL_NFCE: Final = "65"


def check_digit(body: str) -> str:
    """Return the check digit of the first 43 characters: modulo 11, weights 2 to 9 from the right, a letter counts as its ASCII code - 48.

    Source: Manual de Orientação do Contribuinte; NT Conjunta 2025.001 for the letters.
    """
    total = sum((ord(character) - 48) * weight for character, weight in zip(reversed(body), _WEIGHTS, strict=True))
    return str(11 - total % 11) if total % 11 > 1 else "0"


@dataclass(frozen=True, slots=True)
class AccessKey:
    """A key that is whole: right pattern, right check digit."""

    text: str

    @property
    def state(self) -> str:
        """cUF, the IBGE code of the issuer's state."""
        return self.text[:2]

    @property
    def year_month(self) -> str:
        """AAMM of the issue."""
        return self.text[2:6]

    @property
    def issuer(self) -> str:
        """CNPJ, or CPF with zeros to the left: 14 characters."""
        return self.text[6:20]

    @property
    def model(self) -> str:
        """55 or 65, as far as we read them."""
        return self.text[20:22]

    @property
    def series(self) -> str:
        """Série without the zeros that fill it."""
        return self.text[22:25].lstrip("0") or "0"

    @property
    def number(self) -> str:
        """Number without the zeros that fill it."""
        return self.text[25:34].lstrip("0") or "0"

    @property
    def emission(self) -> str:
        """tpEmis."""
        return self.text[34]

    @property
    def code(self) -> str:
        """cNF."""
        return self.text[35:43]


def read_access_key(value: object) -> AccessKey:
    """Read an access key, of whatever model. Raises: ValueError, so that it can stand in a model."""
    text = value.upper() if isinstance(value, str) else ""
    if not _PATTERN.fullmatch(text):
        raise ValueError("must be an access key: 44 characters, letters only in the first twelve of the CNPJ")
    if check_digit(text[:43]) != text[43]:
        raise ValueError("must be an access key, and its check digit is wrong")
    return AccessKey(text)
