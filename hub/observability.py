"""Logs: structlog set up once per process, with personal data and secrets masked and bodies left out. Importing configures nothing."""

import logging
import re
import sys
from collections.abc import Mapping
from typing import Any, Final, Literal, TextIO, cast

import structlog
from stdnum.br import cnpj, cpf
from structlog.typing import EventDict, Processor, WrappedLogger

LogFormat = Literal["auto", "console", "json"]

_MASK: Final = "***"
_NOISY: Final = ("aiormq", "aio_pika", "faststream")
_BODIES: Final = frozenset({"body", "payload", "raw", "content", "data", "document"})
_SECRETS: Final = re.compile(r"token|secret|passw|authorization|api_?key|cookie|signature|credential", re.IGNORECASE)
_PEOPLE: Final = frozenset(
    {"email", "recipient", "phone", "customer", "customer_name", "cpf", "cnpj", "billing_address", "shipping_address"}
)

_EMAIL: Final = re.compile(r"[\w.+%-]+@[\w-]+(?:\.[\w-]+)+")
_FORMATTED_TAX_ID: Final = re.compile(r"\b\d{3}\.\d{3}\.\d{3}-\d{2}\b|\b[0-9A-Z]{2}\.[0-9A-Z]{3}\.[0-9A-Z]{3}/[0-9A-Z]{4}-\d{2}\b")
# A run of digits is a CPF or CNPJ only with the right check digits: order numbers and bank references are as long.
_BARE_TAX_ID: Final = re.compile(r"(?<![0-9A-Za-z])(?:\d{11}|[0-9A-Z]{12}\d{2})(?![0-9A-Za-z])")
_BEARER: Final = re.compile(r"\b(bearer|basic|token)\s+[\w.~+/=-]{8,}", re.IGNORECASE)
# user:password@ of a URL, and what stands behind access_token= in a query string.
_URL_PASSWORD: Final = re.compile(r"(?<=://)([^\s:/@]*):[^\s/@]+@")
_QUERY_SECRET: Final = re.compile(r"([?&](?:access_token|token|secret|hmac|key)=)[^&\s]+", re.IGNORECASE)


def mask_text(text: str) -> str:
    """Replace e-mail addresses, CPF, CNPJ, tokens and passwords in a text."""
    text = _URL_PASSWORD.sub(rf"\1:{_MASK}@", text)
    text = _QUERY_SECRET.sub(rf"\1{_MASK}", text)
    text = _BEARER.sub(rf"\1 {_MASK}", text)
    text = _EMAIL.sub(_MASK, text)
    text = _FORMATTED_TAX_ID.sub(_MASK, text)
    return _BARE_TAX_ID.sub(_mask_tax_id, text)


def _mask_tax_id(match: re.Match[str]) -> str:
    found = match[0]
    known = cpf.is_valid(found) if len(found) == 11 else cnpj.is_valid(found)
    return _MASK if known else found


def _masked(name: str, value: Any, depth: int = 0) -> Any:
    lowered = name.lower()
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, bytes | bytearray | memoryview):
        return f"<{len(value)} bytes>"
    if lowered in _BODIES:
        return f"<{len(value)} characters>" if isinstance(value, str) else "<left out>"
    if lowered in _PEOPLE or _SECRETS.search(lowered):
        return _MASK
    if isinstance(value, str):
        return mask_text(value)
    if depth > 4:
        return "<nested>"
    if isinstance(value, Mapping):
        return {str(key): _masked(str(key), item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_masked("", item, depth + 1) for item in value]
    return mask_text(str(value))


def mask_event(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Mask every field of a log line; the last step before it is written, so that it sees tracebacks too."""
    return {name: _masked(name, value) for name, value in event.items()}


class _Standard(logging.Handler):
    """Hands lines of libraries that use the standard logging to structlog, so that they are masked too."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line of a library."""
        try:
            log = structlog.get_logger(record.name)
            log.log(record.levelno, record.getMessage(), exc_info=record.exc_info if record.exc_info and record.exc_info[0] else None)
        except Exception:
            self.handleError(record)


def configure(form: LogFormat = "auto", level: str = "info", stream: TextIO | None = None) -> None:
    """Set up logging for this process; `auto` is readable lines on a terminal and JSON elsewhere."""
    stream = stream or sys.stderr
    readable = form == "console" or (form == "auto" and stream.isatty())
    number = logging.getLevelNamesMapping()[level.upper()]
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        mask_event,
    ]
    last: Processor = (
        structlog.dev.ConsoleRenderer(colors=stream.isatty()) if readable else structlog.processors.JSONRenderer(sort_keys=False)
    )
    structlog.configure(
        processors=[*shared, last],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(stream),
        cache_logger_on_first_use=False,
    )
    for name in _NOISY:
        logging.getLogger(name).setLevel(logging.NOTSET)
    root = logging.getLogger()
    root.handlers = [_Standard()]
    # Below warning, libraries write whole frames and statements with their values: names and addresses that no masking finds.
    root.setLevel(logging.WARNING)


class _CurrentStderr:
    """Standard error as it is when a line is written: tests and shells exchange it."""

    def write(self, text: str) -> int:
        """Write a text."""
        return sys.stderr.write(text)

    def flush(self) -> None:
        """Pass it on."""
        sys.stderr.flush()


def configure_quiet() -> None:
    """Set up logging for a short command, which says itself what went wrong: nothing is logged, and nothing on standard output."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL),
        logger_factory=structlog.PrintLoggerFactory(cast(TextIO, _CurrentStderr())),
        cache_logger_on_first_use=False,
    )
    for name in _NOISY:
        logging.getLogger(name).setLevel(logging.CRITICAL)
