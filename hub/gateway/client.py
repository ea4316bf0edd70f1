"""HTTP to one provider: base URL, authentication, timeouts, and which failures say what. No log holds a token, a body or a query."""

import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import urlsplit

import httpx
import orjson

from adapters.contract import Adapter, Auth, BasicAuth, ClientCredentials, HttpRequest, HttpResponse, Secrets, StaticAuth
from hub.errors import UpstreamUnavailable

MOST_BYTES: Final = 8 * 1024 * 1024
_TOKEN_MARGIN_S: Final = 30.0
_TOKEN_LEAST_S: Final = 60.0
_USER_AGENT: Final = "order-hub"


class NothingSent(UpstreamUnavailable):
    """No connection was made, so the provider cannot know of the request."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """In seconds. `whole_s` bounds a call with all that belongs to it."""

    connect_s: float = 5.0
    read_s: float = 20.0
    whole_s: float = 30.0


@dataclass(slots=True)
class _Token:
    value: str
    until: float


class ProviderClient:
    """Performs requests to one provider. `now`: a monotonic clock, for the tokens."""

    def __init__(self, adapter: Adapter, secrets: Secrets, *, timeouts: Timeouts, now: Callable[[], float]) -> None:
        self._adapter = adapter
        self._given = secrets.extra
        self._timeouts = timeouts
        self._now = now
        self._client: httpx.AsyncClient | None = None
        self._token: _Token | None = None

    async def send(self, request: HttpRequest) -> HttpResponse:
        """Perform a request. Redirects are not followed: an answer that points elsewhere is none.

        Raises: NothingSent when it cannot have arrived; UpstreamUnavailable when that is not known, or a setting is missing.
        """
        client = self._opened()
        # Our credentials go to the provider's own base URL and nowhere else.
        headers = {**request.headers, **({} if urlsplit(request.url).netloc else await self._authentication(client))}
        return await self._perform(client, request.method, request.url, headers, request.body)

    def forget_token(self) -> None:
        """Ask for a new token next time: the provider refused this one."""
        self._token = None

    async def close(self) -> None:
        """Close the connections."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    # -- how ------------------------------------------------------------------------------------------------------------------

    def _opened(self) -> httpx.AsyncClient:
        if self._client is None:
            timeouts = self._timeouts
            self._client = httpx.AsyncClient(
                base_url=self._base_url(),
                timeout=httpx.Timeout(timeouts.read_s, connect=timeouts.connect_s, pool=timeouts.connect_s),
                verify=self._certificates(),
                follow_redirects=False,
                trust_env=False,
                headers={"User-Agent": _USER_AGENT},
            )
        return self._client

    def _base_url(self) -> str:
        outbound = self._adapter.outbound
        url = self._given.get("base_url") or (None if outbound is None else outbound.base_url)
        if not url:
            raise NothingSent(f"{self._variable('base_url')} is not set")
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise NothingSent(f"{self._variable('base_url')} is no http or https URL")
        return url

    def _certificates(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self._given.get("ca_file") or None)
        auth = None if self._adapter.outbound is None else self._adapter.outbound.auth
        name = auth.certificate if isinstance(auth, ClientCredentials) else None
        path = self._given.get(name) if name is not None else None
        if path:
            try:
                context.load_cert_chain(path)
            except OSError as error:
                raise NothingSent(f"the file of {self._variable(name or '')} cannot be read: {error.strerror or error}") from error
        return context

    def _variable(self, name: str) -> str:
        return f"HUB_SECRETS_{self._adapter.provider.upper()}_{name.upper()}"

    def _setting(self, name: str) -> str:
        value = self._given.get(name)
        if not value:
            raise NothingSent(f"{self._variable(name)} is not set")
        return value

    async def _authentication(self, client: httpx.AsyncClient) -> Mapping[str, str]:
        auth: Auth | None = None if self._adapter.outbound is None else self._adapter.outbound.auth
        match auth:
            case None:
                return {}
            case StaticAuth(headers=templates):
                return {name: template.format_map(_Settings(self)) for name, template in templates.items()}
            case BasicAuth(user=user, password=password):
                pair = httpx.BasicAuth(self._setting(user), self._setting(password) if password else "")
                return {"Authorization": pair._auth_header}
            case ClientCredentials():
                return {"Authorization": f"Bearer {await self._bearer(client, auth)}"}

    async def _bearer(self, client: httpx.AsyncClient, auth: ClientCredentials) -> str:
        if self._token is not None and self._now() < self._token.until:
            return self._token.value
        pair = httpx.BasicAuth(self._setting(auth.client_id), self._setting(auth.client_secret))
        headers = {"Authorization": pair._auth_header, "Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        try:
            response = await self._perform(client, "POST", auth.token_path, headers, b"grant_type=client_credentials")
        except UpstreamUnavailable as error:
            raise NothingSent(f"no token: {error}") from error
        if not response.is_success:
            raise NothingSent(f"no token: the provider answered {response.status}")
        try:
            document = orjson.loads(response.body)
            token, lifetime = str(document["access_token"]), float(document.get("expires_in") or 0)
        except (ValueError, KeyError, TypeError):
            raise NothingSent("no token: the provider's answer holds none") from None
        self._token = _Token(token, self._now() + max(_TOKEN_LEAST_S, lifetime) - _TOKEN_MARGIN_S)
        return token

    async def _perform(
        self, client: httpx.AsyncClient, method: str, url: str, headers: Mapping[str, str], body: bytes | None
    ) -> HttpResponse:
        try:
            async with client.stream(method, url, headers=dict(headers), content=body) as response:
                received = bytearray()
                async for chunk in response.aiter_bytes():
                    received += chunk
                    if len(received) > MOST_BYTES:
                        raise UpstreamUnavailable(f"the answer is longer than {MOST_BYTES} bytes")
                named = {name.lower(): value for name, value in response.headers.items()}
                return HttpResponse(response.status_code, named, bytes(received))
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol) as error:
            raise NothingSent(type(error).__name__) from error
        except httpx.HTTPError as error:
            # Its text may hold the whole URL.
            raise UpstreamUnavailable(type(error).__name__) from error


class _Settings(dict[str, str]):
    """The provider's settings, for a template's names; one that is missing is named in the error."""

    def __init__(self, client: ProviderClient) -> None:
        super().__init__()
        self._client = client

    def __missing__(self, name: str) -> str:
        return self._client._setting(name)


def retry_after_s(headers: Mapping[str, str], now_epoch_s: float) -> float | None:
    """Read Retry-After: seconds or a date (RFC 9110, 10.2.3). None = not given, or not legible."""
    value = headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit() and len(value) < 10:
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - now_epoch_s)
    except (ValueError, TypeError):
        return None
