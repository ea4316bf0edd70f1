"""What an adapter is: raw bytes in, canonical facts out. Pure: no I/O, no clock, no environment.

AdapterError                      -> dead letter
  PayloadMalformed                   kind `unreadable`
  SignatureInvalid                   kind `untrusted`
    SigningKeyUnknown                the hub refetches the provider's key set once, then kind `untrusted`
AskAgain                           no dead letter: the same Fetch is made again, later
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal

from schemas.facts import Fact
from schemas.references import Reference, ReferenceKind


class AdapterError(Exception):
    """The delivery cannot be taken as it is; it becomes a dead letter, bytes and headers kept."""


class PayloadMalformed(AdapterError):
    """The body is not the documented shape. The message names the field and the value's place, never the value of personal data."""


class SignatureInvalid(AdapterError):
    """The signature is wrong, or required and missing."""


class SigningKeyUnknown(SignatureInvalid):
    """The delivery is signed by a key that is not in the provider's key set as we know it; it may have been rotated."""

    def __init__(self, key_id: str) -> None:
        super().__init__(f"signed by key id {key_id!r}, which is not in the key set")
        self.key_id = key_id


class AskAgain(AdapterError):
    """An answer to a Fetch that came with HTTP 200 and says: not now. Only parse_response raises it."""

    def __init__(self, reason: str, after_s: int | None = None) -> None:
        super().__init__(reason)
        self.after_s = after_s


@dataclass(frozen=True, slots=True)
class RawDelivery:
    """One inbound message as it came. `headers` are the AMQP headers; HTTP ones are inside under `hub-http-headers`."""

    body: bytes
    headers: Mapping[str, object]
    received_at: datetime
    routing_key: str = ""
    content_type: str | None = None

    @property
    def http_headers(self) -> Mapping[str, str] | None:
        """Headers of the HTTP request in lower case, or None: the message came from an authenticated AMQP user."""
        table = self.headers.get("hub-http-headers")
        if not isinstance(table, Mapping):
            return None
        return {str(name).lower(): value if isinstance(value, str) else str(value) for name, value in table.items()}

    @property
    def http_query(self) -> Mapping[str, str]:
        """The query string of the HTTP request, or empty."""
        table = self.headers.get("hub-http-query")
        return {str(name): str(value) for name, value in table.items()} if isinstance(table, Mapping) else {}


@dataclass(frozen=True, slots=True)
class FailedPart:
    """One bad item of a batch; becomes a dead letter of its own beside the facts of its neighbours.

    `headers` are added to those of the letter: where the item stood, for the adapter to know when the letter is run again.
    """

    cause: str
    part: bytes
    headers: Mapping[str, object] = field(default_factory=dict, compare=False)


def none_legible(failed: Sequence[FailedPart]) -> PayloadMalformed:
    """Return the error for a batch of which nothing could be read: then the delivery itself is the bad part, its bytes kept."""
    more = f"; and {len(failed) - 1} more of the same delivery" if len(failed) > 1 else ""
    return PayloadMalformed(f"{failed[0].cause}{more}")


@dataclass(frozen=True, slots=True)
class Facts:
    """What a delivery says. `delivery_id` is the provider's id of this notification, when it has one."""

    facts: tuple[Fact, ...]
    failed: tuple[FailedPart, ...] = ()
    delivery_id: str | None = None


@dataclass(frozen=True, slots=True)
class Ignored:
    """Understood, and nothing to do: a ping, bookkeeping, an event of another system."""

    reason: str
    delivery_id: str | None = None


@dataclass(frozen=True, slots=True)
class Fetch:
    """The notification is only a hint: this resource must be read from the provider."""

    resource: str
    resource_id: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    delivery_id: str | None = None


Translation = Facts | Ignored | Fetch


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """An HTTP call described; hub.gateway performs it. `url` may be relative to the provider's base URL."""

    method: Literal["GET", "POST", "PUT", "DELETE", "PATCH"]
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """The answer to an HttpRequest."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_success(self) -> bool:
        """2xx."""
        return 200 <= self.status < 300


@dataclass(frozen=True, slots=True)
class Secrets:
    """What verify may know of a provider's account. Lists, so that a secret can be rotated without a gap.

    `extra` holds further HUB_SECRETS_<PROVIDER>_* values by lower-case name (for example `basic_user`).
    """

    webhook: tuple[str, ...] = ()
    require_signature: bool = False
    jwks: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # key id -> JSON Web Key
    accounts: tuple[str, ...] = ()
    extra: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Idempotency:
    """How a repeated outbound call behaves at the provider (architecture D9).

    key: the same key within `ttl_hours` is the same request; by_id: our id is the resource, for ever; query: ask before repeating;
    none: a person decides; safe: changes nothing.
    """

    mode: Literal["key", "by_id", "query", "none", "safe"]
    ttl_hours: int | None = None


@dataclass(frozen=True, slots=True)
class FilePart:
    """One message out of a large file: `head` (the headers, repeated), then the file's bytes from `start` up to `end`.

    `first_line` is the number in the file of the first line behind the headers, sent as `hub-file-line`.
    """

    head: bytes
    start: int
    end: int
    first_line: int
    items: int


@dataclass(frozen=True, slots=True)
class FileLine:
    """How many items of a file say the same: the adapter's raw word, what it means, and the count. No word: cannot be read."""

    word: str
    meaning: str
    items: int


@dataclass(frozen=True, slots=True)
class Cutting:
    """What a whole file is, and how it becomes messages. No parts: it goes as it is."""

    sha256: str
    items: int
    parts: tuple[FilePart, ...]
    summary: tuple[FileLine, ...]


Cut = Callable[[Iterable[bytes]], Cutting]
"""Check a file, given as its lines with their ends, and say how it is cut. Raises: PayloadMalformed, and then nothing may be sent."""
# --- Outbound: what the hub asks of a provider --------------------------------------------------------------------------------

OutboundAction = Literal["refund", "void"]


@dataclass(frozen=True, slots=True)
class Call:
    """One request to a provider, as its row of outbound_requests holds it: keys and amounts, nothing personal.

    `payment_key` is that of the provider's facts. `amount_cents`: in terms of the debt; None for a void. `told_cents`: what
    had gone back of this payment when it was asked for, so that a query can tell this movement from earlier ones.
    `idempotency_key`: 32 lower-case hexadecimal digits, the same at every repeat.
    """

    action: OutboundAction
    payment_key: Reference
    idempotency_key: str
    amount_cents: int | None = None
    told_cents: int = 0


@dataclass(frozen=True, slots=True)
class Done:
    """The provider did it, and its answer holds no facts."""


@dataclass(frozen=True, slots=True)
class Failed:
    """The provider refused for good; nothing moved. `reason` is shown to staff: no personal data, no token."""

    reason: str


@dataclass(frozen=True, slots=True)
class Retry:
    """Nothing moved, and later it may: the ladder decides when, not before `after_seconds`."""

    reason: str
    after_seconds: int | None = None


@dataclass(frozen=True, slots=True)
class NotDone:
    """A query's answer: the provider knows nothing of this request, and it may be made (again)."""


@dataclass(frozen=True, slots=True)
class Unclear:
    """Whether it happened cannot be read from the answer. Never guessed: a query, else a person decides."""

    reason: str


Answer = Facts | Done | Failed | Retry | Unclear
"""Facts: accepted, and this is what the provider tells; whether the money is back or on its way is in their kinds."""

QueryAnswer = Facts | Done | Failed | NotDone | Retry | Unclear


@dataclass(frozen=True, slots=True)
class Query:
    """How to find out what became of a request whose answer was lost."""

    build: Callable[[Call], HttpRequest]
    parse: Callable[[Call, HttpResponse, datetime], QueryAnswer]


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing the provider can be asked to do. Pure, like the rest.

    `build` gives the same request for the same Call, byte for byte. `parse` sees every status but 401, 408, 425, 429 and 5xx: those, like
    a lost connection, say nothing about the request, and are the gateway's (ladder, Retry-After, circuit breaker). What `parse`
    does not understand is Unclear. Raises: PayloadMalformed, which counts as Unclear.
    """

    build: Callable[[Call], HttpRequest]
    parse: Callable[[Call, HttpResponse, datetime], Answer]
    idempotency: Idempotency
    query: Query | None = None


@dataclass(frozen=True, slots=True)
class StaticAuth:
    """Headers whose values are settings: header -> template over lower-case HUB_SECRETS_<PROVIDER>_* names, as `Bearer {token}`."""

    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class BasicAuth:
    """HTTP Basic; both name settings of the provider. `password` None = empty."""

    user: str
    password: str | None = None


@dataclass(frozen=True, slots=True)
class ClientCredentials:
    """OAuth2 client credentials, RFC 6749 section 4.4: the gateway asks `token_path` and keeps the token until shortly before its end.

    `client_id`, `client_secret` and `certificate` (file with certificate and key, for mTLS) name settings of the provider.
    """

    token_path: str
    client_id: str = "client_id"
    client_secret: str = "client_secret"
    certificate: str | None = None


Auth = StaticAuth | BasicAuth | ClientCredentials


@dataclass(frozen=True, slots=True)
class Outbound:
    """The provider's API as the gateway needs it. `base_url` may be replaced by HUB_SECRETS_<PROVIDER>_BASE_URL; None = must be set."""

    auth: Auth
    base_url: str | None = None
    operations: Mapping[OutboundAction, Operation] = field(default_factory=dict)


Verify = Callable[[RawDelivery, Secrets], None]
Translate = Callable[[RawDelivery], Translation]


def unsigned(delivery: RawDelivery, secrets: Secrets) -> None:
    """Verify nothing: the provider signs nothing. `hub doctor` lists adapters that use it."""
    if secrets.require_signature:
        raise SignatureInvalid("REQUIRE_SIGNATURE is set, but this provider does not sign its messages")


@dataclass(frozen=True, slots=True)
class Adapter:
    """The declared facts of one provider; found through the entry-point group `orderhub.adapters`.

    `name` is `<family>.<provider>`, the inbound key. `reference_kinds`: under which kinds a bare `reference` of an
    order.placed payment is registered. `shared_kinds`: kinds an applied fact never teaches (one value, many orders).
    `statuses`: every documented native word, for the contract suite. `resources`: words of its Fetches. `cut`: how a file
    too large for one message becomes several.
    """

    name: str
    translate: Translate
    verify: Verify
    docs: str
    body_identifies_event: bool = False
    reference_kinds: tuple[ReferenceKind, ...] = ()
    shared_kinds: tuple[ReferenceKind, ...] = ()
    statuses: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    amount_format: str = ""
    time_zone: str = ""
    idempotency: Idempotency = Idempotency("none")
    resources: tuple[str, ...] = ()
    jwks_url: str | None = None
    large_bodies: bool = False
    cut: Cut | None = None
    build_fetch: Callable[[Fetch], HttpRequest] | None = None
    parse_response: Callable[[Fetch, HttpResponse, datetime], Translation] | None = None
    outbound: Outbound | None = None

    @property
    def family(self) -> str:
        """payments, carriers, erp or shop."""
        return self.name.split(".", 1)[0]

    @property
    def provider(self) -> str:
        """The provider's code, scope of its references."""
        return self.name.split(".", 1)[1]


ENTRY_POINT_GROUP: Final = "orderhub.adapters"
