"""The hub's settings: environment variables HUB_* and a .env file, read once, frozen; nobody else reads the environment."""

import json
import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from email.utils import parseaddr
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dotenv import dotenv_values
from pydantic import AfterValidator, BeforeValidator, Field, PrivateAttr, SecretStr, ValidationError, field_validator, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict
from stdnum.br import cnpj, cpf

from adapters.contract import Secrets
from hub.errors import SettingsInvalid
from schemas.facts import FACT_KINDS
from schemas.orders import OrderRules
from schemas.vocabulary import Role

PREFIX: Final = "HUB_"
SECRETS_PREFIX: Final = "HUB_SECRETS_"
MAP_PREFIX: Final = "HUB_MAP_"
ENV_FILE_VARIABLE: Final = "HUB_ENV_FILE"  # another file than .env; empty = none
FISCAL_XML_KEY: Final = "erp.nfe"

# Not settings: the tests' own, and the crash points (hub/faults.py), which must stay out of what a user configures.
_FOREIGN: Final = ("HUB_TEST", "HUB_PROOF", "HUB_CRASH_AT")
_MASK: Final = "***"


# -- values -----------------------------------------------------------------------------------------------------------

_UNIT_S: Final[Mapping[str, int]] = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 7 * 86_400, "y": 366 * 86_400}
_DURATION: Final = re.compile(r"(?:\d{1,9}[smhdwy])+")
_MAX_DURATION: Final = timedelta(days=100 * 366)


def parse_duration(value: object) -> timedelta:
    """Read `90s`, `15m`, `1h30m`, `10d`, `2w`, `6y` (a year is 366 days: what must be kept six years is never gone early) or 0."""
    if isinstance(value, timedelta):
        duration = value
    elif isinstance(value, str) and value.strip() == "0":
        duration = timedelta(0)
    elif isinstance(value, str) and _DURATION.fullmatch(value.strip()):
        parts = re.findall(r"(\d+)([smhdwy])", value)
        duration = timedelta(seconds=sum(int(number) * _UNIT_S[unit] for number, unit in parts))
    else:
        raise ValueError("must be a duration: numbers with s, m, h, d, w or y, as in 90s, 15m, 1h30m, 10d; or 0")
    if not timedelta(0) <= duration <= _MAX_DURATION:
        raise ValueError("must be a duration from 0 to 100 years")
    return duration


def format_duration(duration: timedelta) -> str:
    """Write a duration as parse_duration reads it."""
    rest, text = int(duration.total_seconds()), ""
    for unit in "dhms":
        number, rest = divmod(rest, _UNIT_S[unit])
        text += f"{number}{unit}" if number else ""
    return text or "0"


def _zone(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("must be the name of a time zone, as in America/Sao_Paulo") from None


def _url(schemes: tuple[str, ...], example: str) -> Callable[[str], str]:
    def check(value: str) -> str:
        # The value never stands in the message: it may hold a password.
        try:
            parts = urlsplit(value)
            _ = parts.port
        except ValueError:
            raise ValueError(f"must be a URL, as in {example}") from None
        if parts.scheme.split("+")[0] not in schemes:
            raise ValueError(f"must be a URL that begins with {' or '.join(f'{scheme}://' for scheme in schemes)}, as in {example}")
        return value

    return check


_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")
_MAILBOX: Final = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]{1,64}@(?=.{1,253}\Z)[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})*", re.ASCII)


def _smtp_url(value: str) -> str:
    """smtp:// speaks STARTTLS unless ?starttls=never, smtps:// speaks TLS from the start. A password never goes over an open line."""
    value = _url(("smtp", "smtps"), "smtp://user:password@mail.example:587")(value)
    parts = urlsplit(value)
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    starttls = options.pop("starttls", "required")
    if not parts.hostname:
        raise ValueError("must name a host, as in smtp://user:password@mail.example:587")
    if options or parts.path not in ("", "/") or parts.fragment:
        raise ValueError("knows no path and no option but ?starttls=required or ?starttls=never")
    if starttls not in ("required", "never") or (parts.scheme == "smtps" and "starttls" in parts.query):
        raise ValueError("starttls must be required or never, and smtps:// has none")
    if bool(parts.username) != bool(parts.password):
        raise ValueError("must have user and password, or none of both")
    if parts.username and parts.scheme == "smtp" and starttls == "never" and parts.hostname not in _LOOPBACK:
        raise ValueError("would send the password over an open line: use STARTTLS or smtps://")
    return value


def is_address(value: str) -> bool:
    """Say whether a text is one plain address, as in loja@exemplo.invalid: no name, no list, no quotes, no line break."""
    return _MAILBOX.fullmatch(value) is not None


def mailbox(value: str) -> tuple[str, str]:
    """Read `Name <box@host>` or `box@host`: name and address. Raises: ValueError; line breaks and lists are refused."""
    value = value.strip()
    if not value.isprintable():
        raise ValueError("must be one line")
    name, found = parseaddr(value)
    if not is_address(found) or ("<" in value) != bool(value.endswith(">")):
        raise ValueError("must be an address, as in Loja Exemplo <loja@exemplo.invalid>")
    return name, found


def _mailbox(value: str) -> str:
    mailbox(value)
    return value.strip()


def _order_url(value: str) -> str:
    if "{order}" not in value:
        raise ValueError("must hold {order}, as in https://loja.example/pedidos/{order}")
    return _url(("https", "http"), "https://loja.example/pedidos/{order}")(value)


def _shop_document(value: str) -> str:
    if not (cnpj.is_valid(value) or cpf.is_valid(value)):
        raise ValueError("must be a CNPJ or CPF with its check digits")
    return value.strip()


def _json_object(value: str, example: str) -> dict[str, Any]:
    try:
        found = json.loads(value)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise ValueError(f"must be a JSON object, as in {example}")
    return found


def _roles(value: object) -> object:
    return _json_object(value, '{"maria": "operator"}') if isinstance(value, str) else value


def _carriers(value: object) -> object:
    """`correios, loggi=Loggi Express` or a JSON object; a code without title is shown as itself."""
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith("{"):
        return _json_object(value, '{"correios": "Correios"}')
    pairs = [part.partition("=") for part in value.split(",") if part.strip()]
    titles = {code.strip(): title.strip() for code, _, title in pairs}
    return {code: title or CARRIER_TITLES.get(code, code) for code, title in titles.items()}


def _passwords(value: object) -> object:
    """`role=password, role=password` or a JSON object."""
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith("{"):
        return _json_object(value, '{"shop": "..."}')
    pairs = [part.strip().partition("=") for part in value.split(",") if part.strip()]
    if not all(role and password for role, _, password in pairs):
        raise ValueError("must be a list role=password, role=password or a JSON object")
    return {role: password for role, _, password in pairs}


def parse_list(value: str) -> tuple[str, ...]:
    """Read a list separated by commas, or a JSON list, which a value that holds a comma needs."""
    if value.lstrip().startswith("["):
        try:
            found = json.loads(value)
        except ValueError:
            found = None
        if not isinstance(found, list) or not all(isinstance(part, str) and part for part in found):
            raise ValueError('must be a list: values separated by commas, or JSON as in ["first", "second"]')
        return tuple(found)
    return tuple(part.strip() for part in value.split(",") if part.strip())


def _flag(value: str) -> bool:
    match value.strip().lower():
        case "1" | "true" | "yes" | "on":
            return True
        case "0" | "false" | "no" | "off" | "":
            return False
    raise ValueError("must be true or false")


def _key_set(value: str) -> dict[str, dict[str, str]]:
    """A JWK set (`{"keys": [...]}`) or an object from key id to key."""
    found = _json_object(value, '{"keys": [{"kid": "1", "kty": "RSA", ...}]}')
    keys = found.get("keys")
    named = {str(key.get("kid")): key for key in keys if isinstance(key, dict)} if isinstance(keys, list) else found
    if not all(isinstance(key, dict) for key in named.values()):
        raise ValueError("must be a JWK set")
    return {kid: {name: part for name, part in key.items() if isinstance(part, str)} for kid, key in named.items()}


# What an adapter knows by name (adapters.contract.Secrets); every other HUB_SECRETS_<PROVIDER>_* goes into `extra`.
_SECRET_READERS: Final[Mapping[str, Callable[[str], object]]] = {
    "WEBHOOK": parse_list,
    "REQUIRE_SIGNATURE": _flag,
    "ACCOUNTS": parse_list,
    "JWKS": _key_set,
}
_SHOWN_SECRETS: Final = ("_REQUIRE_SIGNATURE", "_ACCOUNTS", "_BASE_URL")

CARRIER_TITLES: Final[Mapping[str, str]] = {
    "melhor_envio": "Melhor Envio",
    "frenet": "Frenet",
    "correios": "Correios",
    "jadlog": "Jadlog",
    "loggi": "Loggi",
}

Duration = Annotated[timedelta, BeforeValidator(parse_duration)]
ToleranceCents = Annotated[int, Field(ge=0, le=10**12)]


# -- where values come from -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Variable:
    value: str
    source: str


def _variables() -> dict[str, _Variable]:
    """All HUB_* variables: the environment wins over the .env file."""
    given = os.environ.get(ENV_FILE_VARIABLE)
    if given and not Path(given).is_file():
        raise SettingsInvalid(f"{ENV_FILE_VARIABLE}: there is no file {given}")
    found: dict[str, _Variable] = {}
    file = Path(given or ".env")
    if given != "" and file.is_file():
        try:
            lines = dotenv_values(file, encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsInvalid(f"the file {file} cannot be read: {type(error).__name__}") from error
        for name, value in lines.items():
            if name.upper().startswith(PREFIX) and value is not None:
                found[name.upper()] = _Variable(value, str(file))
    for name, value in os.environ.items():
        if name.upper().startswith(PREFIX):
            found[name.upper()] = _Variable(value, "environment")
    return found


class _VariablesSource(PydanticBaseSettingsSource):
    """Hands the variables over unparsed: what a comma or JSON means is each field's own business."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        variable = _variables().get(PREFIX + field_name.upper())
        return (variable.value if variable else None), field_name, False

    def __call__(self) -> dict[str, Any]:
        variables = _variables()
        values: dict[str, Any] = {
            field: variables[name].value
            for name, field in _FIELD_OF.items()
            if name in variables and _says_something(field, variables[name].value)
        }
        values["secret_variables"] = {
            name.removeprefix(SECRETS_PREFIX): variable.value for name, variable in variables.items() if name.startswith(SECRETS_PREFIX)
        }
        values["word_maps"] = {
            name.removeprefix(MAP_PREFIX): variable.value
            for name, variable in variables.items()
            if name.startswith(MAP_PREFIX) and variable.value
        }
        return values


def _says_something(field: str, value: str) -> bool:
    # Compose files and systemd units pass variables on empty; only here does an empty one mean something: never.
    return bool(value.strip()) or field == "policy_cancel_refused_after"


# -- the settings -----------------------------------------------------------------------------------------------------


class Settings(BaseSettings):
    """Everything that can be configured. `load_settings` is the way to it that explains what is wrong."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid", hide_input_in_errors=True)

    amqp_url: Annotated[str, AfterValidator(_url(("amqp", "amqps"), "amqps://user:password@host:5671/vhost"))] = Field(
        default="amqp://guest:guest@localhost:5672/",
        repr=False,
        description="RabbitMQ; URL, the virtual host is its path, amqps for TLS; default the local broker's guest",
    )
    database_url: Annotated[str, AfterValidator(_url(("postgresql", "postgres", "sqlite"), "postgresql://user@host/hub"))] = Field(
        default="sqlite:///hub.db", repr=False, description="Database; URL postgresql://... or sqlite:///file; default sqlite:///hub.db"
    )
    timezone: Annotated[ZoneInfo, BeforeValidator(_zone)] = Field(
        default=ZoneInfo("America/Sao_Paulo"),
        description="Zone of providers' times without offset and of rules that count days; tz name; default America/Sao_Paulo",
    )
    prefetch: int = Field(
        default=512, ge=1, le=65_535, description="Deliveries in hand per queue (4 where bodies are large); number; default 512"
    )
    batch_max: int = Field(default=256, ge=1, le=10_000, description="Deliveries in one transaction; number; default 256")

    policy_expire_boleto_grace_days: int = Field(
        default=3, ge=0, le=366, description="Wait for a boleto's money after its due date; bank days; default 3"
    )
    policy_expire_pix_grace: Duration = Field(default=timedelta(hours=1), description="Wait after a Pix has expired; duration; default 1h")
    policy_expire_other: Duration = Field(
        default=timedelta(days=10),
        description="Unpaid orders without any due date expire this long after they were placed; duration; default 10d",
    )
    policy_expire_settle: Duration = Field(
        default=timedelta(minutes=15),
        description="Wait for money that may lie in the queues before an order expires; duration; default 15m",
    )
    policy_cancel_refused_after: Duration | None = Field(
        default=timedelta(hours=24),
        description="Cancel an order this long after its last payment was refused; duration, empty = never; default 24h",
    )
    policy_void_on_cancel: bool = Field(
        default=True, description="Void authorized and pending payments of a canceled order; true or false; default true"
    )
    policy_close_on_full_refund: bool = Field(
        default=True, description="Close an order whose money is all refunded; true or false; default true"
    )
    policy_hold_on_value_mismatch: Literal["above", "never"] = Field(
        default="above", description="Hold an order whose NF-e is above its due by more than 5 %; above or never; default above"
    )
    policy_require_nf_before_shipping: bool = Field(
        default=False, description="Refuse shipments before an NF-e is issued; true or false; default false"
    )
    policy_homologation: bool = Field(
        default=False,
        description="This is a test shop: NF-e of homologação count and those of production do not; true or false; default false",
    )
    policy_parked_ttl: Duration = Field(
        default=timedelta(hours=72), description="How long a fact of an unknown order waits before a person is asked; duration; default 72h"
    )
    policy_amount_tolerance_cents: ToleranceCents = Field(
        default=0, description="An order is paid when no more than this is missing; integer cents (BRL); default 0"
    )
    policy_fiscal_tolerance_cents: ToleranceCents = Field(
        default=5, description="NF-e and order may differ by this; integer cents (BRL); default 5"
    )

    carriers: Annotated[Mapping[str, str], BeforeValidator(_carriers)] = Field(
        default=CARRIER_TITLES,
        description="Carriers for shipment.create beside `custom`; list `code, code=Title` or JSON object; "
        "default melhor_envio, frenet, correios, jadlog, loggi",
    )
    roles: Annotated[Mapping[str, Role] | None, BeforeValidator(_roles)] = Field(
        default=None,
        description='Role per broker user; JSON object of viewer, operator, supervisor, as in {"maria": "operator"}; '
        "default unset: everybody is supervisor",
    )
    outbound_timeout: Duration = Field(
        default=timedelta(seconds=30), description="Longest time that a call to a provider may take; duration; default 30s"
    )
    retain_raw: Duration = Field(
        default=timedelta(days=30), description="Keep raw messages for trace and replay; duration, 0 = not at all; default 30d"
    )
    retain_fiscal_xml: Duration = Field(
        default=timedelta(seconds=6 * _UNIT_S["y"]),
        description="Keep NF-e XML as the law asks; duration, 0 = not at all; default 6y (years of 366 days)",
    )
    customer_link_secret: SecretStr | None = Field(
        default=None,
        description="Key of the links that let staff see the shop as a customer does; text of 32 characters or more; default unset: none",
    )
    customer_link_url: Annotated[str, AfterValidator(_url(("http", "https"), "https://loja.example/entrar"))] | Literal[""] = Field(
        default="", description="Where the shop takes those links; URL; default empty: the link is the query alone"
    )
    customer_link_ttl: Duration = Field(default=timedelta(minutes=5), description="How long such a link is good; duration; default 5m")
    broker_passwords: Annotated[Mapping[str, SecretStr], BeforeValidator(_passwords)] = Field(
        default={},
        repr=False,
        description="Passwords of the broker users that `hub topology export` writes; list `role=password` or JSON object; default none",
    )
    notify_smtp_url: Annotated[str, AfterValidator(_smtp_url)] | None = Field(
        default=None,
        repr=False,
        description="Mail server of `hub notify run`; URL smtp://user:password@host:587 (STARTTLS; ?starttls=never on a trusted line) or "
        "smtps://host:465; default unset: the hub sends no e-mail",
    )
    shop_name: str = Field(default="", description="The shop's name at the head of printed documents; text; default none")
    shop_document: Annotated[str, AfterValidator(_shop_document)] | None = Field(
        default=None, description="The shop's tax id on printed documents; CNPJ or CPF, formatted or not; default unset"
    )
    shop_address: str = Field(
        default="", description="The shop's address on printed documents; text, | or a line break between its lines; default none"
    )
    shop_logo: Path | None = Field(
        default=None, description="The shop's logo on printed documents; path of a PNG or JPEG file; default unset"
    )

    notify_from: Annotated[str, AfterValidator(_mailbox)] | None = Field(
        default=None, description="Sender of e-mails, its name signs them; `Loja Exemplo <loja@exemplo.invalid>`; default unset"
    )
    notify_reply_to: Annotated[str, AfterValidator(_mailbox)] | None = Field(
        default=None, description="Where answers to e-mails go; address; default unset: the sender"
    )
    notify_timeout: Duration = Field(
        default=timedelta(seconds=30), description="Wait for each answer of the mail server; duration, 1s to 5m; default 30s"
    )
    notify_templates: Path | None = Field(
        default=None, description="Folder whose files go before the hub's own e-mail templates; path; default unset: none"
    )
    notify_order_url: Annotated[str, AfterValidator(_order_url)] | None = Field(
        default=None, description="The customer's page of an order; URL with {order} in it; default unset: e-mails have no such link"
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least level that is logged; word; default info"
    )
    log_format: Literal["auto", "json", "console"] = Field(
        default="auto", description="Form of the log: json lines, console for eyes, auto = console on a terminal; word; default auto"
    )

    # Names of these two are open: HUB_SECRETS_<PROVIDER>_* and HUB_MAP_<PROVIDER>.
    secret_variables: Mapping[str, SecretStr] = Field(default={}, repr=False, description="HUB_SECRETS_<PROVIDER>_*")
    word_maps: Mapping[str, Mapping[str, str]] = Field(default={}, description="HUB_MAP_<PROVIDER>")

    _secrets: dict[str, Secrets] = PrivateAttr(default_factory=dict)
    _sources: dict[str, str] = PrivateAttr(default_factory=dict)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments first (the CLI's options), then environment and .env together."""
        return init_settings, _VariablesSource(settings_cls)

    @field_validator("policy_cancel_refused_after", mode="before")
    @classmethod
    def _empty_is_never(cls, value: object) -> object:
        return None if isinstance(value, str) and not value.strip() else value

    @field_validator("carriers")
    @classmethod
    def _carrier_codes(cls, value: Mapping[str, str]) -> Mapping[str, str]:
        for code in value:
            if not re.fullmatch(r"[a-z][a-z0-9_]{0,63}", code) or code == "custom":
                raise ValueError("a carrier's code is a word of small letters, digits and _, and not `custom`")
        return value

    @field_validator("customer_link_secret")
    @classmethod
    def _long_enough(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and len(value.get_secret_value()) < 32:
            raise ValueError("must have 32 characters or more")
        return value

    @field_validator("notify_timeout")
    @classmethod
    def _bearable(cls, value: timedelta) -> timedelta:
        if not timedelta(seconds=1) <= value <= timedelta(minutes=5):
            raise ValueError("must be a duration from 1s to 5m")
        return value

    @field_validator("notify_templates")
    @classmethod
    def _folder(cls, value: Path | None) -> Path | None:
        if value is not None and not value.is_dir():
            raise ValueError("must be a folder that exists")
        return value

    @field_validator("secret_variables")
    @classmethod
    def _readable_secrets(cls, value: Mapping[str, SecretStr]) -> Mapping[str, SecretStr]:
        for name, secret in value.items():
            for ending, read in _SECRET_READERS.items():
                if name.endswith(f"_{ending}"):
                    try:
                        read(secret.get_secret_value())
                    except ValueError as error:
                        raise ValueError(f"{SECRETS_PREFIX}{name}: {error}") from None
        return value

    @field_validator("word_maps", mode="before")
    @classmethod
    def _readable_maps(cls, value: Mapping[str, object]) -> Mapping[str, object]:
        read: dict[str, object] = {}
        for provider, words in value.items():
            try:
                found = _json_object(words, '{"raw word": "payment.pending"}') if isinstance(words, str) else words
                if not isinstance(found, Mapping) or not all(kind in FACT_KINDS for kind in found.values()):
                    raise ValueError("its values must be fact kinds, as payment.pending or shipment.in_transit")
            except ValueError as error:
                raise ValueError(f"{MAP_PREFIX}{provider}: {error}") from None
            read[provider.upper()] = found
        return read

    @model_validator(mode="after")
    def _consistent(self) -> "Settings":
        if self.notify_smtp_url is not None and self.notify_from is None:
            raise ValueError("HUB_NOTIFY_FROM must be set with HUB_NOTIFY_SMTP_URL: it is the sender of the e-mails")
        self.order_rules()
        return self

    def order_rules(self) -> OrderRules:
        """The part of the policy that is copied into each order when it is placed (architecture D2)."""
        refused = self.policy_cancel_refused_after
        return OrderRules(
            amount_tolerance_cents=self.policy_amount_tolerance_cents,
            close_on_full_refund=self.policy_close_on_full_refund,
            expire_boleto_grace_days=self.policy_expire_boleto_grace_days,
            expire_pix_grace_s=int(self.policy_expire_pix_grace.total_seconds()),
            expire_other_s=int(self.policy_expire_other.total_seconds()),
            expire_settle_s=int(self.policy_expire_settle.total_seconds()),
            cancel_refused_after_s=None if refused is None else int(refused.total_seconds()),
            void_on_cancel=self.policy_void_on_cancel,
            hold_on_value_mismatch=self.policy_hold_on_value_mismatch,
            require_nf_before_shipping=self.policy_require_nf_before_shipping,
            fiscal_tolerance_cents=self.policy_fiscal_tolerance_cents,
            homologation=self.policy_homologation,
        )

    @property
    def policy(self) -> OrderRules:
        """Another name of order_rules."""
        return self.order_rules()

    @property
    def notifies(self) -> bool:
        """Whether the hub itself sends e-mail to customers; only then it has a queue for that."""
        return self.notify_smtp_url is not None

    @property
    def parked_ttl(self) -> timedelta:
        """How long a fact of an unknown order waits."""
        return self.policy_parked_ttl

    @cached_property
    def amqp_user(self) -> str:
        """The broker user the hub connects as: a command from it is refused, and only its `hub-user` header is believed."""
        return unquote(urlsplit(self.amqp_url).username or "guest")

    def retention_of(self, key: str) -> timedelta | None:
        """How long the raw message of an inbound key is kept; None = it is not."""
        return (self.retain_fiscal_xml if key == FISCAL_XML_KEY else self.retain_raw) or None

    def word_map(self, provider: str) -> Mapping[str, str]:
        """Words of a provider that this shop has mapped to fact kinds without waiting for a release."""
        return self.word_maps.get(_variable_part(provider), {})

    def secrets(self, provider: str) -> Secrets:
        """What the settings know of a provider's account."""
        found = self._secrets.get(provider)
        if found is None:
            found = self._secrets[provider] = self._collect_secrets(f"{_variable_part(provider)}_")
        return found

    def _collect_secrets(self, prefix: str) -> Secrets:
        given = {
            name.removeprefix(prefix): secret.get_secret_value()
            for name, secret in self.secret_variables.items()
            if name.startswith(prefix)
        }
        return Secrets(
            webhook=parse_list(given.pop("WEBHOOK", "")),
            require_signature=_flag(given.pop("REQUIRE_SIGNATURE", "")),
            jwks=_key_set(given.pop("JWKS", "") or "{}"),
            accounts=parse_list(given.pop("ACCOUNTS", "")),
            extra={name.lower(): value for name, value in given.items()},
        )


_FREE_FORM: Final = frozenset({"secret_variables", "word_maps"})
_FIELD_OF: Final[Mapping[str, str]] = {PREFIX + field.upper(): field for field in Settings.model_fields if field not in _FREE_FORM}


def _variable_part(provider: str) -> str:
    return re.sub(r"\W", "_", provider).upper()


def load_settings(**overrides: Any) -> Settings:
    """Read the settings; `overrides` (by field name, None = not given) are what the command line said.

    Raises: SettingsInvalid, naming each variable that is wrong and why, and never its value.
    """
    variables = _variables()
    if hints := list(near_misses(variables)):
        raise SettingsInvalid("\n".join(hints))
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        settings = Settings(**given)
    except ValidationError as error:
        # `from None`: a traceback would show pydantic's error beside ours.
        raise SettingsInvalid("\n".join(_complaints(error))) from None
    for name, variable in variables.items():
        ours = name in _FIELD_OF or name.startswith((SECRETS_PREFIX, MAP_PREFIX))
        if ours and _says_something(_FIELD_OF.get(name, ""), variable.value):
            settings._sources[name] = variable.source
    settings._sources.update({PREFIX + name.upper(): "command line" for name in given})
    return settings


def _complaints(error: ValidationError) -> Iterable[str]:
    for problem in error.errors(include_url=False, include_input=False, include_context=False):
        field, *place = (str(part) for part in problem["loc"] or ("",))
        text = problem["msg"].removeprefix("Value error, ")
        if field in ("", *_FREE_FORM) and text.startswith(PREFIX):
            yield text
        else:
            yield f"{PREFIX}{field.upper()}{f' ({place[0]})' if place else ''}: {text[:1].lower()}{text[1:]}"


# -- near misses ------------------------------------------------------------------------------------------------------


def near_misses(names: Iterable[str]) -> Iterable[str]:
    """One hint for each name that was surely meant to be another: a misspelled policy would be silently not in force."""
    known = {*_FIELD_OF, ENV_FILE_VARIABLE}
    for name in sorted(names):
        if name in known or name.startswith((MAP_PREFIX, *_FOREIGN)):
            continue
        meant = _meant_secret(name) if name.startswith(SECRETS_PREFIX) else _meant(name, known)
        if meant:
            yield f"{name} is not a setting; did you mean {meant}?"


def _meant(name: str, known: Iterable[str]) -> str | None:
    for prefix in (SECRETS_PREFIX, MAP_PREFIX):
        head = "_".join(name.split("_")[:2]) + "_"
        if head != name + "_" and _near(head, prefix):
            return prefix + name.removeprefix(head)
    rest = name.removeprefix(PREFIX)
    for candidate in known:
        if _near(name, candidate) or candidate == f"{PREFIX}POLICY_{rest}":
            return candidate
    return None


def _meant_secret(name: str) -> str | None:
    for ending in _SECRET_READERS:
        if name.endswith(f"_{ending}"):
            return None
    for ending in _SECRET_READERS:
        words = ending.count("_") + 1
        parts = name.split("_")
        tail = "_".join(parts[-words:])
        if len(parts) > words + 2 and _near(PREFIX + tail, PREFIX + ending):
            return "_".join([*parts[:-words], ending])
    return None


def _near(name: str, known: str) -> bool:
    if name.replace("_", "") == known.replace("_", ""):
        return name != known
    # Short names are near to too much: HUB_PORT or HUB_USER of another program must not stop this one.
    return 0 < edit_distance(name, known) <= (1 if len(known) - len(PREFIX) < 7 else 2)


def edit_distance(one: str, other: str) -> int:
    """Count insertions, deletions, substitutions and swaps of neighbours that turn one text into the other."""
    before_last: list[int] = []
    last = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        row = [i]
        for j, b in enumerate(other, 1):
            cost = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (a != b))
            if i > 1 and j > 1 and a == other[j - 2] and one[i - 2] == b:
                cost = min(cost, before_last[j - 2] + 1)
            row.append(cost)
        before_last, last = last, row
    return last[-1]


# -- what is in force -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class EffectiveSetting:
    """One line of `hub config`. `value` has its secrets masked; `source`: command line, environment, the .env file, default."""

    name: str
    value: str
    source: str
    description: str


def effective(settings: Settings) -> list[EffectiveSetting]:
    """List every setting in force, secrets masked."""
    sources = settings._sources
    lines = [
        EffectiveSetting(
            name, _shown(getattr(settings, field)), sources.get(name, "default"), Settings.model_fields[field].description or ""
        )
        for name, field in _FIELD_OF.items()
    ]
    for part, secret in sorted(settings.secret_variables.items()):
        name = SECRETS_PREFIX + part
        value = masked_url(secret.get_secret_value()) if name.endswith(_SHOWN_SECRETS) else _MASK
        lines.append(EffectiveSetting(name, value, sources.get(name, "argument"), "Account at a provider; default none"))
    for provider, words in sorted(settings.word_maps.items()):
        name = MAP_PREFIX + provider
        lines.append(
            EffectiveSetting(name, _shown(words), sources.get(name, "argument"), "Words of a provider mapped to fact kinds; default none")
        )
    return lines


def _shown(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case SecretStr():
            return _MASK
        case timedelta():
            return format_duration(value)
        case ZoneInfo():
            return value.key
        case Mapping():
            return json.dumps({key: _MASK if isinstance(one, SecretStr) else one for key, one in value.items()}, ensure_ascii=False)
        case str():
            return masked_url(value)
    return str(value)


def masked_url(value: str) -> str:
    """Replace the passwords in a URL, in its user part and in its query; other text comes back as it is."""
    if "://" not in value:
        return value
    parts = urlsplit(value)
    host = parts.netloc
    if "@" in host:
        user, _, address = host.rpartition("@")
        host = f"{user.partition(':')[0]}:{_MASK}@{address}" if ":" in user else host
    query = [(name, _MASK if "pass" in name.lower() or "secret" in name.lower() else text) for name, text in parse_qsl(parts.query)]
    # Put together by hand: urlunsplit writes sqlite:///file as sqlite:/file.
    return f"{parts.scheme}://{host}{parts.path}" + (f"?{urlencode(query, safe='*/-:=')}" if query else "")
