"""Boleto return files: bad lines, identities, readings of the nosso número, line ends, cutting."""

import io
from collections.abc import Sequence
from datetime import UTC, date, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.contract import Facts, Ignored, PayloadMalformed, RawDelivery
from adapters.payments.cnab import ADAPTER
from adapters.payments.cnab.layouts import bradesco_digit
from adapters.payments.cnab.slips import due_date, due_factor, read_slip
from schemas.facts import PaymentFact
from tests import bank_files as files

NOW = datetime(2026, 12, 1, tzinfo=UTC)
FACTOR_EPOCH = date(1997, 10, 7)


def translated(body: bytes, **headers: object) -> Facts:
    translation = ADAPTER.translate(RawDelivery(body, {name.replace("_", "-"): value for name, value in headers.items()}, NOW))
    assert isinstance(translation, Facts)
    return translation


def payments(body: bytes) -> list[PaymentFact]:
    translation = translated(body)
    assert not translation.failed
    return [fact for fact in translation.facts if isinstance(fact, PaymentFact)]


def causes(body: bytes) -> list[str]:
    return [part.cause for part in translated(body).failed]


def titles(count: int) -> list[tuple[str, str]]:
    return [files.title_240(number=100 + index, sequence=2 * index + 1, order=f"PED{index}") for index in range(count)]


# --- Bad lines ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spoil", "cause"),
    [
        (lambda t, u: [files.changed(t, (38, " " * 20)), u], "line 5: columns 46-57 (nosso número): must be digits"),
        (lambda t, u: [files.changed(t, (38, "0" * 20)), u], "line 5: columns 46-57 (nosso número): is missing"),
        (lambda t, u: [files.changed(t, (82, "x")), u], "line 5: columns 82-96 (title amount): must be 15 digits"),
        (lambda t, u: [t, files.changed(u, (138, "31022026"))], "line 6: columns 138-145 (occurrence date): is a day that no calendar has"),
        (lambda t, u: [t, files.changed(u, (78, "0" * 15))], "line 6: columns 78-92 (amount paid): is zero, and the title is paid"),
        (lambda t, u: [t, files.changed(u, (18, f"{99999999:015d}"))],
         "line 6: columns 18-32 (interest and fine): must be less than the amount paid"),
        (lambda t, u: [t, files.changed(u, (16, "09"))], "line 6: columns 16-17 (movement code): differs between segments T and U"),
        (lambda t, u: [t, files.changed(u, (9, "00009"))], "line 6: columns 9-13 (sequence number): does not follow that of segment T"),
        (lambda t, u: [t], "line 5: segment T has no segment U after it"),
        (lambda t, u: [u], "line 5: segment U has no segment T before it"),
        (lambda t, u: [t + "x", u], "line 5: has 241 columns, the layout 240"),
        (lambda t, u: [t, u + "x"], "line 6: has 241 columns, the layout 240"),
        (lambda t, u: [files.changed(t, (8, "?")), u], "line 5: column 8 (record type): must be a digit from 0 to 5, or 9"),
        (lambda t, u: [files.changed(t, (16, "0A")), files.changed(u, (16, "0A"))],
         "line 5: columns 16-17 (movement code): must be 2 digits"),
    ],
)  # fmt: skip
def test_a_bad_line_is_named_and_spoils_no_other(spoil: object, cause: str) -> None:
    first, second, third = titles(3)
    assert callable(spoil)
    body = files.file_240([*first, *spoil(*second), *third])
    translation = translated(body)
    assert [part.cause for part in translation.failed] == [cause]
    assert [fact.references[2].value for fact in translation.facts] == ["PED0", "PED2"]


def test_a_bad_line_run_again_is_still_named_by_its_place_in_the_banks_file() -> None:
    first, second, third = titles(3)
    (part,) = translated(files.file_240([*first, second[0], files.changed(second[1], (78, "x")), *third])).failed
    assert part.headers == {"hub-file-line": 5}
    with pytest.raises(PayloadMalformed, match=r"^line 6: columns 78-92"):
        ADAPTER.translate(RawDelivery(part.part, part.headers, NOW))


def test_a_mended_part_is_the_title() -> None:
    first, second, third = titles(3)
    (part,) = translated(files.file_240([*first, second[0], files.changed(second[1], (78, "x")), *third])).failed
    mended = part.part.replace(b"x" + second[1][78:92].encode(), second[1][77:92].encode())
    assert payments(mended) == payments(files.file_240(second))


def test_a_bad_line_of_cnab_400_is_named() -> None:
    body = files.file_400([files.itau_title(), files.changed(files.itau_title(number=7), (254, "?")), files.itau_title(number=8)])
    assert causes(body) == ["line 3: columns 254-266 (amount posted): must be 13 digits"]
    assert len(translated(body).facts) == 2


def test_a_file_of_bad_lines_only_is_refused_whole() -> None:
    with pytest.raises(PayloadMalformed, match=r"line 3: .*; and 1 more of the same delivery"):
        ADAPTER.translate(RawDelivery(files.file_240([pair[0] for pair in titles(2)]), {}, NOW))


# --- The file -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "cause"),
    [
        (b"", "line 1: the file is empty"),
        (b"\x1a", "line 1: the file is empty"),
        (b"hello", "line 1: is no header of a CNAB 240 or CNAB 400 return file"),
        (files.changed(files.ITAU_HEADER, (2, "1"), (3, "REMESSA")).encode(), "remessa"),
        (files.changed(files.ITAU_HEADER, (77, "001")).encode(), "line 1: CNAB 400 of bank 001 is not known, only that of 237 and 341"),
        (files.file_240([]) + files.file_240([]), "line 5: stands behind the file trailer"),
        (files.file_240([*files.title_240(), files.header_240()], trailers=False), "line 5: a second file header; one file a message"),
        (files.file_240(files.title_240()).replace(b"000004", b"000005"), "number of records of the lot): says 5 records of the lot"),
        (files.file_240(files.title_240()).replace(b"000001000006", b"000002000006"), "says 2 lots, there are 1"),
        (files.file_240(files.title_240()).replace(b"000001000006", b"000001x00006"), "number of records): must be digits"),
    ],
)
def test_a_file_that_is_none_or_not_whole_is_refused_whole(body: bytes, cause: str) -> None:
    with pytest.raises(PayloadMalformed) as caught:
        ADAPTER.translate(RawDelivery(body, {}, NOW))
    assert cause in str(caught.value)


@pytest.mark.parametrize("end", ["\r\n", "\n", "\r"])
@pytest.mark.parametrize("tail", ["", "\x1a", "END\x1a", "ENDEND"])
@pytest.mark.parametrize("trim", [False, True])
def test_line_ends_and_trailing_blanks_say_nothing(end: str, tail: str, trim: bool) -> None:
    lines = files.file_240(files.title_240()).decode().splitlines()
    text = end.join(line.rstrip() if trim else line for line in lines)
    assert payments((text + tail.replace("END", end)).encode()) == payments(files.file_240(files.title_240()))


def test_bookkeeping_moves_nothing_and_zero_counts_say_nothing() -> None:
    body = files.file_240(files.title_240("28")).replace(b"000001000006", b"000000000000")
    assert isinstance(ADAPTER.translate(RawDelivery(body, {}, NOW)), Ignored)


# --- What is told -------------------------------------------------------------------------------------------------------------


def test_the_same_number_means_another_thing_at_another_bank() -> None:
    told = {
        "itau": ADAPTER.translate(RawDelivery(files.file_400([files.itau_title("15")]), {}, NOW)),
        "bradesco": translated(files.file_400([files.bradesco_title("15")], "237")).facts[0].kind,
        "febraban": translated(files.file_240(files.title_240("15"))).facts[0].kind,
    }
    assert isinstance(told["itau"], Ignored)
    assert (told["bradesco"], told["febraban"]) == ("payment.captured", "payment.unknown")


def test_a_payment_is_the_same_in_every_file_and_another_on_another_day() -> None:
    one = payments(files.file_240(files.title_240()))[0]
    elsewhere = payments(files.file_240([*titles(1)[0], *files.title_240(sequence=3)]))[1]
    again = payments(files.file_240(files.title_240(day="23012026")))[0]
    other_bank = payments(files.file_240(files.title_240(collecting="00100019")))[0]
    assert one == elsewhere
    assert len({one.payment_key, again.payment_key, other_bank.payment_key}) == 3


def test_the_fee_is_added_only_where_it_was_withheld() -> None:
    def settled(posted: int, fee: int) -> tuple[int | None, int | None]:
        fact = payments(files.file_400([files.itau_title(posted=posted, fee=fee, interest=310)]))[0]
        return fact.amount_cents, fact.paid_cents

    assert settled(15050, 250) == (14990, 15300)  # 149.90 + 3.10 - 2.50
    assert settled(15300, 250) == (14990, 15300)  # charged elsewhere
    assert settled(10050, 250) == (9990, 10300)  # less was paid


def numbers_of(fact: PaymentFact) -> list[str]:
    return [reference.value for reference in fact.references if reference.kind == "nosso_numero"]


def bradesco(number: str) -> PaymentFact:
    first, second = files.title_240()
    return payments(files.file_240([files.changed(first, (38, number)), second]))[0]


def test_a_check_digit_settles_how_a_bradesco_number_is_read() -> None:
    assert bradesco_digit("19", "00000000002") == "8"
    assert bradesco_digit("19", "00000000001") == "P"
    assert numbers_of(bradesco("019" + "00000" + "00000000002" + "8")) == ["237:00000000002"]
    assert numbers_of(bradesco("019" + "00000" + "00000000001" + "P")) == ["237:00000000001"]
    assert numbers_of(bradesco("019" + "00000" + "00000000002" + "7")) == ["237:00000000002", "237:00000000027"]
    assert numbers_of(bradesco("00000000000000012345")) == ["237:00000012345", "237:00000001234"]


def test_seventeen_digits_of_banco_do_brasil_have_no_check_digit() -> None:
    first, second = files.title_240(bank="001")
    body = files.file_240([files.changed(first, (38, "12345670000012345   ")), second], "001")
    assert numbers_of(payments(body)[0]) == ["001:12345670000012345"]


def test_a_bank_without_a_table_is_read_by_febrabans_in_cnab_240() -> None:
    fact = payments(files.file_240(files.title_240(bank="748"), "748"))[0]
    assert (fact.kind, fact.raw_word, fact.amount_cents) == ("payment.captured", "748/240:06", 14990)


@pytest.mark.parametrize("ours", ["MARIA DA SILVA", "maria1@exemplo.invalid", "000000", ""])
def test_what_may_name_the_customer_is_no_reference(ours: str) -> None:
    fact = payments(files.file_240(files.title_240(order=ours)))[0]
    assert {reference.kind for reference in fact.references} == {"nosso_numero", "payment_id"}


def test_dates_that_only_inform_cost_no_payment() -> None:
    fact = payments(files.file_240(files.title_240(due="99999999", credit="31022026")))[0]
    assert (fact.kind, fact.credited_at) == ("payment.captured", datetime(2026, 1, 23, 3, tzinfo=UTC))  # the lot's


# --- Cutting ------------------------------------------------------------------------------------------------------------------


def parts_of(body: bytes) -> list[tuple[bytes, int]]:
    assert ADAPTER.cut is not None
    return [(part.head + body[part.start : part.end], part.first_line) for part in ADAPTER.cut(io.BytesIO(body)).parts]


def references(facts: Sequence[object]) -> list[str]:
    return [fact.references[1].value for fact in facts if isinstance(fact, PaymentFact)]


def test_a_large_file_is_cut_after_a_thousand_titles_and_says_the_same() -> None:
    body = b"".join(files.large_240(2500))
    parts = parts_of(body)
    assert [len(part) for part, _ in parts] == [2 * 242 + 2000 * 242 - 2] * 2 + [2 * 242 + 1000 * 242 - 2]
    assert [line for _, line in parts] == [3, 2003, 4003]
    assert all(line[7:8] not in b"59" for part, _ in parts for line in part.splitlines())
    told = [fact for part, line in parts for fact in translated(part, hub_file_line=line).facts]
    assert told == list(translated(body).facts)


def test_a_title_keeps_what_follows_it_and_its_lot_when_a_file_is_cut() -> None:
    y = files.columns(240, [(1, "237"), (4, "0001"), (8, "3"), (14, "Y"), (18, "03")])
    first = [line for index in range(1001) for line in (*files.title_240(number=100 + index, sequence=2 * index + 1), y)]
    second = list(files.title_240(number=5, day="23012026"))
    lots = [files.header_240(), files.lot_header(), *first, files.lot_trailer("237", len(first) + 2),
            files.lot_header(lot=2), *second, files.lot_trailer("237", 4, 2)]  # fmt: skip
    lots.append(files.file_trailer("237", 2, len(lots) + 1))
    parts = parts_of("".join(line + "\n" for line in lots).encode())
    assert [part.count(b"\n") + 1 for part, _ in parts] == [3002, 5, 4]
    assert [part.splitlines()[1][3:7] for part, _ in parts] == [b"0001", b"0001", b"0002"]
    assert [line for _, line in parts] == [3, 3003, 3008]
    assert parts[1][0].endswith(y.encode())


def test_a_bad_line_in_a_part_is_named_by_its_place_in_the_file() -> None:
    lines = list(files.large_240(2500))
    assert len(lines) == 5004
    lines[3001] = lines[3001].replace(b"000000000014990000000000014990", b"00000000001X990000000000014990")
    failed = [part for body, line in parts_of(b"".join(lines)) for part in translated(body, hub_file_line=line).failed]
    assert [part.cause for part in failed] == ["line 3002: columns 78-92 (amount paid): must be 15 digits"]


def test_a_file_is_not_cut_when_it_is_small_or_not_whole() -> None:
    assert ADAPTER.cut is not None
    small = ADAPTER.cut(io.BytesIO(files.file_240([*files.title_240(), *files.title_240("99", sequence=3)])))
    assert (small.items, small.parts) == (2, ())
    assert [(line.word, line.meaning, line.items) for line in small.summary] == [
        ("237/240:06", "paid (payment.captured)", 1),
        ("237/240:99", "not known", 1),
    ]
    with pytest.raises(PayloadMalformed, match="says 5005 records"):
        ADAPTER.cut(io.BytesIO(b"".join(files.large_240(2500)).replace(b"000001005004", b"000001005005")))


def test_cnab_400_is_cut_too() -> None:
    body = files.file_400([files.itau_title(number=index, order=str(index)) for index in range(1, 1502)])
    parts = parts_of(body)
    assert [line for _, line in parts] == [2, 1002]
    assert sum(len(translated(part, hub_file_line=line).facts) for part, line in parts) == 1501


# --- Whatever comes in --------------------------------------------------------------------------------------------------------

LINES = [line.encode() for pair in titles(4) for line in pair]


@given(st.data())
@settings(deadline=None, max_examples=300)
def test_lines_may_be_spoiled_lost_doubled_or_swapped_and_never_crash(data: st.DataObject) -> None:
    lines = list(LINES)
    for _ in range(data.draw(st.integers(1, 5))):
        index = data.draw(st.integers(0, max(0, len(lines) - 1)))
        if not lines:
            break
        match data.draw(st.sampled_from("sldw")):
            case "s":
                start = data.draw(st.integers(0, 240))
                junk = data.draw(st.binary(max_size=30))
                lines[index] = lines[index][:start] + junk + lines[index][start + len(junk) :]
            case "l":
                del lines[index]
            case "d":
                lines.insert(index, lines[index])
            case _:
                other = data.draw(st.integers(0, len(lines) - 1))
                lines[index], lines[other] = lines[other], lines[index]
    body = b"\r\n".join([files.header_240().encode(), files.lot_header().encode(), *lines])
    try:
        translation = ADAPTER.translate(RawDelivery(body, {}, NOW))
    except PayloadMalformed as error:
        assert str(error).startswith("line ")
        return
    if isinstance(translation, Facts):
        for part in translation.failed:
            assert part.cause.startswith("line ")
            assert 1 <= int(part.cause.split(" ")[1].rstrip(":")) <= len(body.splitlines()) + 64
    assert ADAPTER.cut is not None
    ADAPTER.cut(io.BytesIO(body))


# --- Boletos ------------------------------------------------------------------------------------------------------------------


def test_barcode_and_line_of_the_sheet() -> None:
    barcode, line = "34197133200000149901090001234571234567897000", "34191090080123457123845678970000713320000014990"
    for number in (barcode, line, "34191.09008 01234.571238 45678.970000 7 13320000014990"):
        slip = read_slip(number, near=date(2026, 1, 10))
        assert (slip.barcode, slip.line) == (barcode, line)
        assert (slip.bank, slip.due_on, slip.amount_cents) == ("341", date(2026, 1, 20), 14990)


def test_the_due_factor_began_anew_in_2025() -> None:
    assert due_date(9999, date(2025, 2, 1)) == date(2025, 2, 21)
    assert due_date(1000, date(2025, 2, 1)) == date(2025, 2, 22)
    assert due_date(1000, date(2000, 6, 1)) == date(2000, 7, 3)
    assert due_date(0, date(2025, 2, 1)) is None
    assert (due_factor(date(2025, 2, 21)), due_factor(date(2025, 2, 22)), due_factor(date(2026, 1, 20))) == (9999, 1000, 1332)


@given(st.dates(date(2000, 7, 3), date(2090, 1, 1)), st.integers(-4000, 4000))
def test_the_nearest_day_of_a_factor_is_meant(day: date, days: int) -> None:
    near = date.fromordinal(day.toordinal() + days)
    assert due_date(due_factor(day), near) == day or near < date(2000, 7, 3)


@pytest.mark.parametrize(
    ("number", "cause"),
    [
        ("8" + "0" * 47, "utility"),
        ("34191090080123457123845678970000713320000014991"[:46], "44 digits"),
        ("34191090090123457123845678970000713320000014990", "field 1"),
        ("34197133200000149911090001234571234567897000", "position 5"),
        ("3419x", "digits"),
        ("", "digits"),
    ],
)
def test_other_numbers_are_refused(number: str, cause: str) -> None:
    with pytest.raises(PayloadMalformed, match=cause):
        read_slip(number, near=date(2026, 1, 10))
