"""Answers for Fetch out of the input: what a provider would have said, applied as the gateway applies it, without a network."""

from datetime import datetime
from typing import Final

from sqlalchemy import select

from adapters.contract import AdapterError, Fetch, HttpResponse
from hub.engine import outbound
from hub.engine.engine import Engine
from hub.engine.outbound import FETCH, Work
from hub.replay.source import FETCHED
from hub.store.tables import outbound_requests

_TYPES: Final = {".json": "application/json", ".xml": "application/xml"}
_LEASE_S: Final = 60.0
_MOST_STEPS: Final = 10
"""An answer may lead to another read; one that leads back to itself must not go on for ever."""


class Answers:
    """What is known by now: for each adapter, resource and id the answer that was given last."""

    def __init__(self, engine: Engine, *, after: int = 0) -> None:
        """`after`: requests up to this row are somebody else's."""
        self._engine: Final = engine
        self._after = after
        self._known: dict[tuple[str, str, str], HttpResponse] = {}
        self.count = 0

    def __bool__(self) -> bool:
        return bool(self._known)

    def add(self, key: str, body: bytes) -> None:
        """Take an answer by its key `fetched/<family>.<provider>/<resource>-<id>.json|xml`, which source.py has checked."""
        adapter, _, name = key.removeprefix(f"{FETCHED}/").partition("/")
        suffix = next((one for one in _TYPES if name.endswith(one)), "")
        resource, _, identity = name.removesuffix(suffix).partition("-")
        headers = {"content-type": _TYPES[suffix]} if suffix else {}
        self._known[adapter, resource, identity] = HttpResponse(200, headers, body)
        self.count += 1

    def give(self, at: datetime) -> None:
        """Answer every read that waits and whose answer is known, and what those lead to. Raises: StoreUnavailable."""
        for _ in range(_MOST_STEPS if self._known else 0):
            given = [self._answer(request, at) for request in self._waiting()]
            if not any(given):
                return

    def _waiting(self) -> list[int]:
        table = outbound_requests
        wanted = select(table.c.id, table.c.adapter, table.c.request_key).where(
            table.c.id > self._after, table.c.action == FETCH, table.c.state == "queued"
        )
        with self._engine.database.read() as connection:
            rows = connection.execute(wanted.order_by(table.c.id)).all()
        return [number for number, adapter, key in rows if (adapter, *key.partition(":")[::2]) in self._known]

    def _answer(self, request: int, at: datetime) -> bool:
        work = outbound.claim(self._engine, request, lease_s=_LEASE_S)
        if not isinstance(work, Work) or work.fetch is None or work.adapter.parse_response is None:
            return False
        fetch: Fetch = work.fetch
        response = self._known[work.adapter.name, fetch.resource, fetch.resource_id]
        try:
            translation = work.adapter.parse_response(fetch, response, at)
        except AdapterError as error:
            outbound.give_up(self._engine, request, f"the answer cannot be read: {error}")
            return False
        except Exception as error:  # an adapter's defect must not stop the others
            outbound.give_up(self._engine, request, f"{type(error).__name__} in {work.adapter.name}")
            return False
        return outbound.apply_answer(self._engine, work, response, translation, at=at)
