"""The authority's words (cStat) and what each says about a note (erp.md 1.3)."""

import re
from collections.abc import Mapping
from typing import Final, Literal

from schemas.facts import FiscalKind

NOTHING: Final = "nothing"
NoteMeaning = FiscalKind | Literal["nothing"]

NOTE_KINDS: Final[Mapping[str, NoteMeaning]] = {
    "100": "fiscal.issued",
    "150": "fiscal.issued",  # authorized after the deadline; libraries forget it
    "110": "fiscal.denied",
    "301": "fiscal.denied",
    "302": "fiscal.denied",
    "303": "fiscal.denied",
    "205": "fiscal.denied",  # was denied before
    "101": "fiscal.canceled",  # of the old service, and how a consultation says that the note was canceled
    "151": "fiscal.canceled",
    "218": "fiscal.canceled",  # refused, because it is canceled already
    "420": "fiscal.canceled",
    "103": "fiscal.requested",
    "105": "fiscal.requested",
    "124": "fiscal.requested",  # EPEC: the contingency is authorized, not the note
    # Duplicates: the first one with this key, or this number, may be authorized. Its own answer will tell.
    "204": "fiscal.requested",
    "539": "fiscal.requested",
    # The lot was processed; what became of each note stands inside.
    "104": NOTHING,
    "128": NOTHING,
    "102": NOTHING,  # a range of numbers was voided
    "107": NOTHING,  # how the service is
    "108": NOTHING,
    "109": NOTHING,
    "217": NOTHING,  # the authority does not know the note
    "501": NOTHING,  # a cancellation came too late
    "573": NOTHING,  # an event came twice
    "656": NOTHING,  # the ERP asks too often
}
_REJECTED: Final = re.compile(r"[2-9][0-9]{2}")

EVENT_EFFECTIVE: Final[Mapping[str, str | None]] = {
    "135": None,
    "136": "event_not_linked",  # registered, though the authority's base lacks the note
    "155": "canceled_late",
    "101": None,
    "151": "canceled_late",
    # The same event, or the cancellation, was registered before.
    "573": "event_repeated",
    "218": "event_repeated",
    "420": "event_repeated",
}
"""Statuses of retEvento under which the event counts, and the flag that goes with it. Under all others it does not."""

ONLY_CANCELLATIONS: Final = frozenset({"101", "151", "155", "218", "420"})
"""Statuses that make no other event effective."""


def note_kind(status: str) -> NoteMeaning:
    """Return what a status says about a note; a word nobody knows is `fiscal.unknown`."""
    known = NOTE_KINDS.get(status)
    if known is not None:
        return known
    # Four digits came with the tax reform and are not documented yet: never a guess.
    return "fiscal.rejected" if _REJECTED.fullmatch(status) else "fiscal.unknown"
