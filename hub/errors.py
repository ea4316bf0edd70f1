"""Every error class of the hub; the docstring is the default message, the comment the disposition.

HubError
  TransientError                        -> pause or retry rung
    UpstreamUnavailable(retry_after_s)
    UpstreamThrottled(retry_after_s)
    UpstreamBusy(retry_after_s)
    UpstreamNotFound
    UpstreamUnclear
    StoreUnavailable
    BrokerUnavailable
  PermanentError                        -> dead letter, or refusal to start
    VersionUnsupported
    UpstreamRejected(native_code)
    SettingsInvalid
    DatabaseNotEmpty
    SchemaOutdated
    TopologyDrift

Rules do not raise: a guard returns Rejected(code), a fact is always applied. The adapters' own two errors live in
adapters/contract.py.
"""


class HubError(Exception):
    """Something went wrong in the hub."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or self.__class__.__doc__)


class TransientError(HubError):
    """This will pass; the work is kept and tried again."""


class UpstreamUnavailable(TransientError):
    """The provider does not answer."""

    def __init__(self, message: str | None = None, *, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class UpstreamThrottled(TransientError):
    """The provider asks to slow down."""

    def __init__(self, message: str | None = None, *, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class UpstreamBusy(TransientError):
    """The provider was not called now; this was no try."""

    def __init__(self, message: str | None = None, *, retry_after_s: float) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class UpstreamUnclear(TransientError):
    """Whether the provider did it cannot be told from its answer."""


class UpstreamNotFound(TransientError):
    """The provider does not know the resource, perhaps not yet."""


class StoreUnavailable(TransientError):
    """The database cannot take writes now."""


class BrokerUnavailable(TransientError):
    """RabbitMQ cannot be reached."""


class PermanentError(HubError):
    """Trying again will not help."""


class VersionUnsupported(PermanentError):
    """A message of a version this hub does not know."""


class UpstreamRejected(PermanentError):
    """The provider refused the request."""

    def __init__(self, message: str | None = None, *, native_code: str | None = None) -> None:
        super().__init__(message)
        self.native_code = native_code


class SettingsInvalid(PermanentError):
    """The settings are not usable."""


class DatabaseNotEmpty(PermanentError):
    """The database already holds orders."""


class SchemaOutdated(PermanentError):
    """The database schema is not the one this program needs; run `hub db upgrade`."""


class TopologyDrift(PermanentError):
    """The broker's exchanges and queues are not the ones the hub declares."""
