"""Return files for tests and benchmarks, built column by column from the documented layouts; nothing of the adapter is used."""

from collections.abc import Iterable, Iterator
from typing import Final

T_OF_SHEET: Final = (
    "2370001300001T 060123450000000678901 000000000000000123451PED1001        20012026000000000014990341043210PED1001        "
    "          091000012345678909CLIENTE DE TESTE                        000000000000000000000025004                         "
)
U_OF_SHEET: Final = (
    "2370001300002U 060000000000003100000000000000000000000000000000000000000000000000000000153000000000000150500000000000000"
    "000000000000000002201202623012026000000000000000000000000000                              00000000000000000000000       "
)
"""A title of Bradesco, CNAB 240: 149.90 due on 2026-01-20, paid 153.00 on 2026-01-22, net 150.50, credit 2026-01-23, fee 2.50."""

ITAU_HEADER: Final = (
    "02RETORNO01COBRANCA       123400567897        LOJA EXEMPLO LTDA             341BANCO ITAU S.A.220126        00042230126"
).ljust(394) + "000001"
ITAU_TITLE: Final = (
    "10212345678000195123400567897        PED1001                  00012345            109000123457             I06220126PED1001"
    "                       200126000000001499034143210010000000000250                          "
    "000000000000000000000000000000000000000000000001505000000000003100000000000000   230126"
).ljust(392) + "BB000002"
"""Itaú, CNAB 400: 149.90, fee 2.50, posted 150.50, interest 3.10, nosso número 109/00012345-7."""


def columns(width: int, fields: Iterable[tuple[int, str]]) -> str:
    """Write texts at positions counted from 1."""
    line = [" "] * width
    for first, text in fields:
        line[first - 1 : first - 1 + len(text)] = text
    assert len(line) == width
    return "".join(line)


def changed(line: str, *fields: tuple[int, str]) -> str:
    """Return a line with other texts at positions counted from 1."""
    made = list(line)
    for first, text in fields:
        made[first - 1 : first - 1 + len(text)] = text
    assert len(made) == len(line)
    return "".join(made)


def header_240(bank: str = "237", **_: str) -> str:
    """Build the header of a CNAB 240 file of 2026-01-23."""
    return columns(
        240,
        [(1, bank), (4, "0000"), (8, "0"), (18, "2"), (19, "12345678000195"), (53, "01234"), (59, "000000067890"), (71, "1"),
         (73, "LOJA EXEMPLO LTDA"), (103, "BANCO DE TESTE"), (143, "2"), (144, "23012026"), (152, "080000"), (158, "000042"), (164, "084")],
    )  # fmt: skip


def lot_header(bank: str = "237", lot: int = 1, service: str = "01", credit: str = "23012026") -> str:
    """Build the header of a lot of boletos."""
    return columns(
        240,
        [(1, bank), (4, f"{lot:04d}"), (8, "1"), (9, "T"), (10, service), (14, "040"), (18, "2"), (19, "012345678000195"),
         (54, "01234"), (60, "000000067890"), (74, "LOJA EXEMPLO LTDA"), (184, "00000042"), (192, "23012026"), (200, credit)],
    )  # fmt: skip


def lot_trailer(bank: str, records: int, lot: int = 1) -> str:
    """Build the trailer of a lot; records count its header and itself."""
    return columns(240, [(1, bank), (4, f"{lot:04d}"), (8, "5"), (18, f"{records:06d}")])


def file_trailer(bank: str, lots: int, records: int) -> str:
    """Build the trailer of a file; records count its header and itself."""
    return columns(240, [(1, bank), (4, "9999"), (8, "9"), (18, f"{lots:06d}"), (24, f"{records:06d}")])


def title_240(
    code: str = "06", number: int = 12345, *, bank: str = "237", sequence: int = 1, order: str = "PED1001", cents: int = 14990,
    paid: int | None = None, interest: int = 0, discount: int = 0, rebate: int = 0, day: str = "22012026", due: str = "20012026",
    credit: str = "23012026", reasons: str = "04", collecting: str = "34104321",
) -> tuple[str, str]:  # fmt: skip
    """Build segments T and U in FEBRABAN's columns, the nosso número right-aligned without check digit."""
    paid = cents + interest - discount - rebate if paid is None else paid
    first = changed(
        T_OF_SHEET, (1, bank), (9, f"{sequence:05d}"), (16, code), (38, f"{number:020d}"), (59, f"{order:15.15}"), (74, due),
        (82, f"{cents:015d}"), (97, f"{collecting:8.8}"), (106, f"{order:25.25}"), (214, f"{reasons:10.10}"),
    )  # fmt: skip
    second = changed(
        U_OF_SHEET, (1, bank), (9, f"{sequence + 1:05d}"), (16, code), (18, f"{interest:015d}"), (33, f"{discount:015d}"),
        (48, f"{rebate:015d}"), (78, f"{paid:015d}"), (93, f"{paid:015d}"), (138, day), (146, credit),
    )  # fmt: skip
    return first, second


def file_240(lines: Iterable[str], bank: str = "237", end: str = "\r\n", trailers: bool = True) -> bytes:
    """Put one lot of lines into a whole file."""
    body = [header_240(bank), lot_header(bank), *lines]
    if trailers:
        body += [lot_trailer(bank, len(body)), file_trailer(bank, 1, len(body) + 2)]
    return "".join(line + end for line in body).encode("latin-1")


def large_240(titles: int, bank: str = "237") -> Iterator[bytes]:
    """Give the lines of a file of many paid titles: nosso número and order number count up from 1."""
    yield header_240(bank).encode() + b"\r\n"
    yield lot_header(bank).encode() + b"\r\n"
    first, second = title_240(bank=bank)
    for index in range(1, titles + 1):
        # The number stands in 46-56 with its check digit left to 57, the portfolio in 38-40: as Bradesco sends it.
        number = f"009{0:05d}{index:011d}{bradesco_digit('09', f'{index:011d}')}"
        order, sequence = f"{index:010d}", (2 * index - 1) % 100_000
        yield (
            first[:8]
            + f"{sequence:05d}"
            + first[13:37]
            + number
            + first[57:58]
            + f"{order:15}"
            + first[73:105]
            + f"{order:25}"
            + first[130:]
            + "\r\n"
        ).encode()
        yield (second[:8] + f"{(sequence + 1) % 100_000:05d}" + second[13:] + "\r\n").encode()
    yield lot_trailer(bank, 2 * titles + 2).encode() + b"\r\n" if 2 * titles + 2 < 10**6 else b""
    yield file_trailer(bank, 1, 2 * titles + 4).encode() + b"\r\n" if 2 * titles + 4 < 10**6 else b""


def bradesco_digit(carteira: str, number: str) -> str:
    """Compute the check digit as Bradesco documents it, by the long way."""
    weights = [2, 7, 6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2]
    rest = sum(int(digit) * weight for digit, weight in zip(carteira + number, weights, strict=True)) % 11
    return "P" if rest == 1 else "0" if rest == 0 else str(11 - rest)


def header_400(bank: str = "341") -> str:
    """Build the header of a CNAB 400 file of 2026-01-22."""
    return changed(ITAU_HEADER, (77, bank), (80, "BANCO DE TESTE "))


def itau_title(code: str = "06", number: int = 12345, *, sequence: int = 2, order: str = "PED1001", cents: int = 14990,
               posted: int = 15050, fee: int = 250, interest: int = 310, discount: int = 0, day: str = "220126") -> str:  # fmt: skip
    """Build one line of Itaú's CNAB 400."""
    return changed(
        ITAU_TITLE, (38, f"{order:25.25}"), (63, f"{number:08d}"), (86, f"{number:08d}"), (109, code), (111, day), (117, f"{order:10.10}"),
        (153, f"{cents:013d}"), (176, f"{fee:013d}"), (241, f"{discount:013d}"), (254, f"{posted:013d}"), (267, f"{interest:013d}"),
        (395, f"{sequence:06d}"),
    )  # fmt: skip


def bradesco_title(code: str = "06", number: int = 12345, *, sequence: int = 2, order: str = "PED1001", cents: int = 14990,
                   paid: int = 15300, interest: int = 310, day: str = "220126", reasons: str = "00") -> str:  # fmt: skip
    """Build one line of Bradesco's CNAB 400: portfolio 009, agency 01234, account 0067890-1."""
    return columns(
        400,
        [(1, "1"), (2, "02"), (4, "12345678000195"), (21, "0"), (22, "009"), (25, "01234"), (30, "0067890"), (37, "1"),
         (38, order), (71, f"{number:011d}"), (82, bradesco_digit("09", f"{number:011d}")), (108, "9"), (109, code), (111, day),
         (117, f"{order:10.10}"), (147, "200126"), (153, f"{cents:013d}"), (166, "34104321"), (176, f"{250:013d}"), (189, "0" * 65),
         (254, f"{paid:013d}"), (267, f"{interest:013d}"), (280, "0" * 13), (296, "230126"), (319, f"{reasons:10.10}"),
         (395, f"{sequence:06d}")],
    )  # fmt: skip


def trailer_400(sequence: int, bank: str = "341") -> str:
    """Build the trailer of a CNAB 400 file."""
    return columns(400, [(1, "9201"), (5, bank), (18, f"{sequence - 2:08d}"), (395, f"{sequence:06d}")])


def file_400(lines: Iterable[str], bank: str = "341", end: str = "\r\n", trailer: bool = True) -> bytes:
    """Put lines into a whole file, numbering them."""
    body = [header_400(bank), *(changed(line, (395, f"{number:06d}")) for number, line in enumerate(lines, start=2))]
    if trailer:
        body.append(trailer_400(len(body) + 1, bank))
    return "".join(line + end for line in body).encode("latin-1")
