"""Each requirement of the desk has a test, and the page that says so is as the marks are."""

from tests.requirements import PAGE, REQUIREMENTS, page, proofs


def test_every_requirement_is_proved() -> None:
    assert [row.id for row in REQUIREMENTS if not proofs()[row.id]] == []


def test_the_page_is_what_the_marks_say() -> None:
    assert PAGE.read_text() == page()
