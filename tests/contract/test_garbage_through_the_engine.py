"""A thousand spoiled bodies per adapter through the engine: none crashes, none is lost, each ends where a person can find it."""

import json
import random
import resource
from collections import Counter
from collections.abc import Callable, Iterator

import pytest
from lxml import etree  # type: ignore[import-untyped]

from adapters.contract import RawDelivery
from hub.engine.deliveries import Delivery
from hub.engine.engine import Engine
from hub.engine.verify import verify
from scripts.golden import cases
from tests.contract.adapter_cases import CASES
from tests.contract.garbage import JUNK, documents
from tests.world import NOW, open_engine, query, registered

_BOMB = b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "bbbbbbbb"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]><a>&c;</a>'
_EXTERNAL = b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]><a>&x;</a>'
_ENDS = {"applied", "ignored", "parked", "dead_letter", "fetch", "duplicate"}


def _bodies(name: str, count: int, chance: random.Random) -> Iterator[bytes]:
    """Make spoiled bodies of one adapter: random bytes, truncations, bombs, and golden bodies with garbage in several places."""
    yield from (_BOMB, _EXTERNAL, b"", b"\x00", b"null", b"[" * 5000, b"<a>" * 5000, b'{"a": NaN}', b"\xff\xfe\x00\x00")
    golden = [(case.payload, document) for case, document in documents([case for case in cases() if case.adapter_name == name])]
    for number in range(count - 9):
        payload, document = chance.choice(golden)
        match number % 4:
            case 0:
                yield payload[: chance.randrange(len(payload))]
            case 1:
                yield chance.randbytes(chance.randrange(1, 400))
            case 2:
                spoiled = bytearray(payload)
                for _ in range(chance.randrange(1, 6)):
                    spoiled[chance.randrange(len(spoiled))] = chance.randrange(256)
                yield bytes(spoiled)
            case _:
                for _ in range(chance.randrange(1, 4)):
                    if places := document.places():
                        document = document.spoiled(chance.choice(places), chance.choice(JUNK))
                yield document.body()


def _well_formed(name: str, body: bytes) -> bool:
    """Say whether a body is JSON, or XML without a DOCTYPE, at all."""
    try:
        json.loads(body)
        return True
    except (ValueError, RecursionError):
        pass
    if CASES[name].lines:  # every line stands for itself: the adapter's own tests say which are read
        return True
    if not name.startswith("erp.") or name == "erp.json":
        return False
    try:
        tree = etree.fromstring(body.lstrip(), etree.XMLParser(resolve_entities=False, no_network=True))
        return tree.getroottree().docinfo.internalDTD is None
    except (etree.XMLSyntaxError, ValueError):
        # What a bank or an ERP wraps: base64, zip, gzip, a wrong declaration. The adapter's own tests say which are read.
        return name in ("erp.nfe", "erp.xml")


@pytest.mark.proof
@pytest.mark.parametrize("name", sorted(registered()))
def test_every_spoiled_body_ends_where_a_person_finds_it(name: str, sized: Callable[[int, int], int]) -> None:
    engine = open_engine("sqlite://")
    ends: Counter[str] = Counter()
    for number, body in enumerate(_bodies(name, sized(200, 1000), random.Random(name))):
        (outcome,) = engine.process([Delivery(name, RawDelivery(body, {}, NOW, name))])
        assert outcome.kind in _ENDS, (number, outcome)
        ends[outcome.kind] += 1
        # An empty call is how a bank tries a webhook's address out (payments.pix).
        if body.strip() and not _well_formed(name, body):
            assert outcome.kind == "dead_letter", (number, body[:200], outcome)
    assert ends["dead_letter"] > 0
    _all_dead_letters_have_a_reason(engine)
    report = verify(engine.database)
    assert report.findings == []
    # Kilobytes on Linux; the whole test process, so this only catches what grows without bound.
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < 2_000_000


def _all_dead_letters_have_a_reason(engine: Engine) -> None:
    for kind, cause, trace in query(engine, "SELECT kind, cause, traceback FROM dead_letters"):
        assert kind == "unreadable", (kind, cause, trace)
        assert len(cause) > 8 and "\x00" not in cause
