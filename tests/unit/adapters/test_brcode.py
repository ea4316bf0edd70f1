"""BR Code: the published vectors, what is refused and where, and that what is built is read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.brcode import BrCode, BrCodeInvalid, build, crc16, read

STATIC = (
    "00020126380014br.gov.bcb.pix0116pix@loja.example5204000053039865406149.905802BR"
    "5917LOJA EXEMPLO LTDA6009SAO PAULO62110507PED10016304D67D"
)
DYNAMIC = (
    "00020101021226760014br.gov.bcb.pix2554pix.psp.example/qr/v2/0f3c9a7e4b1d4c2f8a6e5d4c3b2a19085204000053039865802BR"
    "5917LOJA EXEMPLO LTDA6009SAO PAULO62070503***63049250"
)
LOJA = BrCode("LOJA EXEMPLO LTDA", "SAO PAULO", key="pix@loja.example", amount_cents=14990, txid="PED1001")


def checked(text: str) -> str:
    """Put the right check digits behind a code without any."""
    return f"{text}6304{crc16(f'{text}6304'.encode()):04X}"


def test_the_check_value_of_the_crc() -> None:
    assert crc16(b"123456789") == 0x29B1


def test_the_static_vector() -> None:
    assert build(LOJA) == STATIC
    assert read(STATIC) == LOJA


def test_the_dynamic_vector() -> None:
    code = BrCode("LOJA EXEMPLO LTDA", "SAO PAULO", url="pix.psp.example/qr/v2/0f3c9a7e4b1d4c2f8a6e5d4c3b2a1908", single_use=True)
    assert build(code) == DYNAMIC
    assert read(DYNAMIC) == code


def test_accents_go_and_long_names_are_cut() -> None:
    code = read(build(BrCode("Confecções São João & Irmãos Ltda", "Águas de Lindóia do Sul", key="+5511999999999")))
    assert (code.merchant_name, code.merchant_city) == ("Confeccoes Sao Joao & Irm", "Aguas de Lindoi")
    assert (code.amount_cents, code.txid) == (None, None)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"key": None}, "key"),
        ({"url": "pix.example/1"}, "key"),
        ({"txid": "PED-1001"}, "txid"),
        ({"txid": "x" * 26}, "txid"),
        ({"amount_cents": 0}, "amount_cents"),
        ({"amount_cents": 10**12}, "amount_cents"),
        ({"merchant_name": ""}, "merchant_name"),
        ({"merchant_city": "日本"}, "merchant_city"),
        ({"description": "x" * 60}, "key, description or url"),
        ({"key": "x" * 100}, "key"),
        ({"postal_code": "13010-000"}, "postal_code"),
        ({"mcc": "1"}, "mcc"),
    ],
)
def test_what_cannot_be_built_is_refused_by_its_field(change: dict[str, object], field: str) -> None:
    values = {name: getattr(LOJA, name) for name in BrCode.__slots__}
    with pytest.raises(BrCodeInvalid, match=f"^{field}:"):
        build(BrCode(**{**values, **change}))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "^00: must be 01"),
        ("hello", "^character 1:"),
        ("000201" + "26", "^character 7:"),
        ("000201" + "2699x", "^26: is cut off, 99 characters are announced and 1 are there"),
        ("000201" + "000201", "^00: stands twice"),
        (STATIC[:-1] + "E", "^63: the check digits are wrong"),
        (STATIC.replace("149.90", "149.91"), "^63: the check digits are wrong"),
        (checked("0002015802BR5303840"), "^53: must be 986"),
        (checked("0002015802US5303986"), "^58: must be BR"),
        (checked("0002015802BR5303986"), "^26 to 51: none"),
        (checked("00020126180014br.gov.bcb.pix5802BR5303986"), "^26: must hold either a key"),
        (checked("00020126220014br.gov.bcb.pix01015802BR5303986"), "^26"),
        (checked("00020126230014br.gov.bcb.pix0101x5406149,905802BR5303986"), "^54: must be an amount"),
        (STATIC + "0", "^character"),
        ("x" * 600, "^code: has 600 characters"),
    ],
)
def test_what_is_no_code_is_refused_by_its_place(text: str, words: str) -> None:
    with pytest.raises(BrCodeInvalid, match=words):
        read(text)


def test_pix_is_found_beside_other_arrangements_and_its_name_in_any_case() -> None:
    code = read(checked("0002012604abcd27230014BR.GOV.BCB.PIX0101x5303986540510.505802BR5901L6001C"))
    assert (code.key, code.amount_cents, code.txid) == ("x", 1050, None)


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused_in_one_way(text: str) -> None:
    for candidate in (text, STATIC[:60] + text, checked("000201" + "".join(ch for ch in text if ch.isprintable()))):
        try:
            read(candidate)
        except BrCodeInvalid as error:
            assert len(str(error)) < 200


@given(st.integers(0, len(STATIC) - 1), st.characters(min_codepoint=32, max_codepoint=126))
def test_one_other_character_is_always_seen(index: int, character: str) -> None:
    changed = STATIC[:index] + character + STATIC[index + 1 :]
    if changed.upper() != STATIC.upper() or (changed != STATIC and index < len(STATIC) - 4):
        with pytest.raises(BrCodeInvalid):
            read(changed)


TEXT = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=14)


@given(
    TEXT, TEXT, TEXT, st.none() | st.integers(1, 10**12 - 1), st.none() | st.from_regex(r"[A-Za-z0-9]{1,25}", fullmatch=True), st.booleans()
)
def test_what_is_built_is_read(name: str, city: str, key: str, cents: int | None, txid: str | None, single_use: bool) -> None:
    code = BrCode(name, city, key=key, amount_cents=cents, txid=txid, single_use=single_use)
    assert read(build(code)) == code
