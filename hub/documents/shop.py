"""Who prints: the shop as it stands at the head of every document."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Shop:
    """The shop. `document` is its CNPJ or CPF, formatted or not; `address` has one line each; `logo` is a PNG or JPEG file's bytes."""

    name: str = ""
    document: str = ""
    address: tuple[str, ...] = ()
    logo: bytes | None = None
