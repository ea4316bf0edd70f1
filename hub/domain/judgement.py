"""What a command is judged with and what comes out: the shop, the order's rows, the three answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal

from hub.domain.decisions import Commented, Decision, Entry
from hub.domain.expiry import WEEKDAYS, BankCalendar
from hub.domain.labels import BUILT_IN, Statuses
from schemas.vocabulary import DocumentKind, RejectionCode

CUSTOM: Final = "custom"
"""A carrier that the shop names freely, shipment by shipment."""

POLICY: Final = "policy:"
"""How the actor of a command begins that the hub itself gives."""


@dataclass(frozen=True, slots=True)
class Shop:
    """What the shop decides and no order remembers. `online`: what each provider does when the hub asks it."""

    carriers: frozenset[str] = frozenset({"melhor_envio", "frenet", "correios", "jadlog", "loggi"})
    calendar: BankCalendar = WEEKDAYS
    statuses: Statuses = BUILT_IN
    online: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def offers(self, provider: str, action: str) -> bool:
        """Whether the hub can ask a provider for a `refund` or a `void`."""
        return action in self.online.get(provider, ())


@dataclass(frozen=True, slots=True)
class Known:
    """What the order's rows say and its ledger does not. `exception`: (kind, key) of the one that a command names by its row.

    `successor`: the number of the order that an edit or a reorder would place; `successor_exists`: it is taken.
    `address`: the one that would be replaced. `customer_known`: the shop has named the customer; `links`: it takes links to accounts.
    """

    done: frozenset[str] = frozenset()
    exception: tuple[str, str] | None = None
    address_version: int = 1
    address: Mapping[str, Any] | None = None
    customer_known: bool = False
    links: bool = False
    customer_erased: bool = False
    successor: str | None = None
    successor_exists: bool = False


SHOP: Final = Shop()
NOTHING_KNOWN: Final = Known()


@dataclass(frozen=True, slots=True)
class CommentText:
    """A comment as typed; its row also holds the status after the command."""

    text: str
    kind: DocumentKind | None
    document: str | None
    notified: bool
    visible: bool


@dataclass(frozen=True, slots=True)
class TrackText:
    """What is written beside a tracking number. None = not said; what was said before stays."""

    shipment: str
    number: str
    carrier: str | None
    title: str | None
    url: str | None


@dataclass(frozen=True, slots=True)
class AddressText:
    """The new address; replaces the whole."""

    type: str
    version: int
    address: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Texts:
    """What a command brings and no ledger keeps, since it may name a person: the engine writes it to tables of its own."""

    comment: CommentText | None = None
    tracks: tuple[TrackText, ...] = ()
    address: AddressText | None = None


NO_TEXTS: Final = Texts()


@dataclass(frozen=True, slots=True)
class ProviderRequest:
    """What a provider is to be asked for, once the decision is committed.

    `payment` is the attempt, (`key_kind`, `key`) the provider's own name of the payment. `told_cents`: what had gone back of it by then.
    """

    action: Literal["refund", "void"]
    provider: str
    payment: str
    key_kind: str
    key: str
    amount_cents: int | None = None
    told_cents: int = 0
    refund: str | None = None


@dataclass(frozen=True, slots=True)
class Accepted:
    """The command is done by folding this decision. One without entries changes nothing; that of a query needs no log row."""

    decision: Decision
    result: dict[str, Any] = field(default_factory=dict)
    message: str = ""
    texts: Texts = NO_TEXTS
    requests: tuple[ProviderRequest, ...] = ()


@dataclass(frozen=True, slots=True)
class NoOp:
    """Accepted, and nothing changes."""

    message: str
    result: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rejected:
    """Refused; nothing changes and no log row is written."""

    code: RejectionCode
    message: str


Judgement = Accepted | NoOp | Rejected


@dataclass(frozen=True, slots=True)
class By:
    """Who asked for what, when and why; and what every form may say beside: a comment, who is told of it."""

    command: str
    command_id: str
    at: datetime
    actor: str | None
    reason: str | None
    comment: str | None = None
    notify: bool | None = None
    visible: bool | None = None

    @property
    def policy(self) -> bool:
        """Whether the hub itself asks."""
        return self.actor is not None and self.actor.startswith(POLICY)

    def accept(
        self, *entries: Entry, result: dict[str, Any] | None = None, message: str = "", tracks: tuple[TrackText, ...] = ()
    ) -> Accepted:
        """Write the decision down; a comment on the form becomes one on the order."""
        comment = None
        if self.comment is not None and self.comment.strip():
            entries = (*entries, Commented(entry="comment"))
            comment = CommentText(self.comment, None, None, self.notify is True, self.visible is True)
        return Accepted(self.decide(entries), result or {}, message, Texts(comment, tracks) if comment or tracks else NO_TEXTS)

    def decide(self, entries: tuple[Entry, ...]) -> Decision:
        """Make the decision that holds these entries."""
        return Decision(
            kind=self.command,
            command_id=self.command_id,
            at=self.at,
            actor=self.actor,
            reason=self.reason,
            notify=self.notify,
            visible=self.visible,
            entries=entries,
        )
