"""The answer of replay: one JSON object, written piece by piece, so that a large run needs no large memory."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, TextIO

import orjson
from sqlalchemy import Connection, func, select

from hub.engine.order_document import exception_document, order_document
from hub.replay.session import Session
from hub.store import lists
from hub.store.database import Database
from hub.store.tables import dead_letters, outbound_requests, parked_facts

Document = Mapping[str, Any]

OUTCOMES: Final = ("applied", "duplicate", "parked", "ignored", "fetch", "dead_letter", "replied")
"""What can become of a message; `counts` has one figure for each."""


@dataclass(frozen=True, slots=True)
class Mark:
    """What was in the database before: the answer speaks of what came after. `live`: a running hub works on it too."""

    dead_letters: int = 0
    parked: int = 0
    outbound: int = 0
    live: bool = False

    @classmethod
    def of(cls, database: Database, *, live: bool) -> "Mark":
        """Look at a database before the first message."""
        with database.read() as connection:
            letters, parked, outbound = (
                int(connection.execute(select(func.coalesce(func.max(table.c.id), 0))).scalar_one())
                for table in (dead_letters, parked_facts, outbound_requests)
            )
        return cls(letters, parked, outbound, live)


class Report:
    """Reads the answer out of the database after a replay."""

    def __init__(self, connection: Connection, session: Session, mark: Mark) -> None:
        self._connection: Final = connection
        self._session: Final = session
        self._mark: Final = mark
        fetches, outbound = lists.list_outbound(connection, after=mark.outbound)
        self.fetches: Final[list[dict[str, Any]]] = fetches
        self.outbound: Final[list[dict[str, Any]]] = outbound
        self.dead_letters: Final = [lists.dead_letter_document(row) for row in lists.list_dead_letters(connection, after=mark.dead_letters)]
        self.parked: Final = lists.list_parked(connection, after=mark.parked)
        self.numbers: Final = sorted(session.orders) if mark.live else lists.order_numbers(connection)
        self.exceptions: Final = [
            exception_document(row) for row in lists.list_exceptions(connection) if not mark.live or row["order_number"] in session.orders
        ]
        self.replies: Final = session.replies

    def orders(self) -> Iterator[Document]:
        """Give the orders, one at a time."""
        for number in self.numbers:
            document = order_document(self._connection, number)
            if document is not None:
                yield document

    def rows(self, limit: int) -> list[dict[str, Any]]:
        """Give the first orders as rows of a list."""
        wanted = lists.OrderFilter(numbers=tuple(self.numbers[:limit])) if self._mark.live else lists.OrderFilter()
        return lists.list_orders(self._connection, wanted, sort="number", limit=limit)

    def events(self) -> Iterator[Document]:
        """Give what would have been published, in the order of writing. With --into-live the running hub publishes it."""
        if self._mark.live:
            return
        yield from lists.outbox_events(self._connection)

    def counts(self) -> dict[str, int]:
        """Count messages by what became of them, and everything that the answer lists."""
        session = self._session
        events = 0 if self._mark.live else lists.outbox_backlog(self._connection)[0]
        return {
            "messages": session.messages,
            **{kind: session.outcomes.get(kind, 0) for kind in OUTCOMES},
            "fetched_answers": session.answers,
            "orders": len(self.numbers),
            "events": events,
            "replies": len(session.replies),
            "exceptions": len(self.exceptions),
            "dead_letters": len(self.dead_letters),
            "waiting": len(self.parked),
            "expired": session.expired,
            "timers": session.timers,
            "fetches": len(self.fetches),
            "outbound": len(self.outbound),
        }

    def write_json(self, stream: TextIO) -> None:
        """Write the whole answer."""
        stream.write("{")
        counts = self.counts()
        for name, documents in (
            ("orders", self.orders()),
            ("events", self.events()),
            ("replies", iter(self.replies)),
            ("exceptions", iter(self.exceptions)),
            ("dead_letters", iter(self.dead_letters)),
            ("parked", iter(self.parked)),
            ("fetches", iter(self.fetches)),
            ("outbound", iter(self.outbound)),
        ):
            stream.write(f'"{name}": [')
            _write_list(stream, documents)
            stream.write("],\n")
        stream.write(f'"counts": {orjson.dumps(counts).decode()}}}\n')


def _write_list(stream: TextIO, documents: Iterable[Document]) -> None:
    for index, document in enumerate(documents):
        stream.write((",\n" if index else "\n") + orjson.dumps(document).decode())
