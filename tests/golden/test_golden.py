"""Every recorded delivery comes out as somebody wrote it down by hand. New cases are found by themselves."""

import pytest

from scripts.golden import Case, cases, differences, registered

ADAPTERS = registered()


@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in cases()])
def test_a_recorded_delivery_comes_out_as_expected(case: Case) -> None:
    assert case.adapter_name in ADAPTERS, "no adapter of this name is registered; is the project installed?"
    assert case.expected is not None, "expected.json is missing: write it by hand, then run"
    lines = list(differences(case, ADAPTERS[case.adapter_name]))
    assert not lines, "\n" + "\n".join(lines)


def test_every_case_says_where_its_payload_comes_from() -> None:
    for case in cases():
        assert len((case.folder / "SOURCE.md").read_text(encoding="utf-8")) > 40, case.name


def test_every_adapter_has_golden_cases() -> None:
    assert {case.adapter_name for case in cases()} == set(ADAPTERS)
