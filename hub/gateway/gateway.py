"""Performs one piece of work for a provider: take it in hand, call, hand the answer back. Never retries by itself: the ladder does."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Final, TypeVar, assert_never

import structlog

from adapters.contract import (
    AdapterError,
    Answer,
    AskAgain,
    Done,
    Facts,
    Failed,
    HttpRequest,
    HttpResponse,
    NotDone,
    Operation,
    QueryAnswer,
    Retry,
    Unclear,
)  # fmt: skip
from hub import faults
from hub.engine import outbound
from hub.engine.engine import Engine
from hub.engine.outbound import Busy, Unanswerable, Work
from hub.errors import (
    HubError,
    TransientError,
    UpstreamBusy,
    UpstreamNotFound,
    UpstreamRejected,
    UpstreamThrottled,
    UpstreamUnavailable,
    UpstreamUnclear,
)
from hub.gateway.breaker import Breaker
from hub.gateway.client import NothingSent, ProviderClient, Timeouts, retry_after_s

T = TypeVar("T")

_log: Final = structlog.get_logger(__name__)
_REFUSED: Final = 401
_SLOW_DOWN: Final = frozenset({425, 429})
_ILL: Final = 500
_TIMED_OUT: Final = 408


class Gateway:
    """Calls providers. One per process; its database work runs in threads of its own."""

    def __init__(
        self,
        engine: Engine,
        *,
        timeouts: Timeouts | None = None,
        now: Callable[[], float] = time.monotonic,
        threads: int = 2,
        rest_s: float = 30.0,
    ) -> None:
        """`rest_s`: how long a provider that failed several times in a row is left alone."""
        self._engine = engine
        self._timeouts = timeouts or Timeouts()
        self._now = now
        self._rest_s = rest_s
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="gateway")
        self._clients: dict[str, ProviderClient] = {}
        self._breakers: dict[str, Breaker] = {}

    async def perform(self, adapter: str, request_id: int) -> None:
        """Do what a row of outbound_requests asks for; coming back means that nothing is left to do.

        Raises: TransientError, to be tried again; UpstreamRejected, which no repeat will mend; StoreUnavailable.
        """
        breaker = self._breakers.setdefault(adapter, Breaker(rest_s=self._rest_s))
        wait = breaker.wait_s(self._now())
        if wait > 0:
            raise UpstreamBusy(f"{adapter} is left alone for a while", retry_after_s=wait)
        healthy: bool | None = None
        try:
            await self._claimed(request_id)
            healthy = True
        except (UpstreamUnavailable, UpstreamThrottled):
            healthy = False
            raise
        except HubError:
            healthy = True  # it answered; the answer was not to our liking
            raise
        finally:
            if healthy is False:
                breaker.failed(self._now())
            elif healthy:
                breaker.succeeded()
            else:
                breaker.trying = False

    async def give_up(self, request_id: int, cause: str, attempts: int) -> None:
        """End a request that was tried often enough. Raises: StoreUnavailable."""
        await self._run(lambda: outbound.give_up(self._engine, request_id, cause, attempts=attempts))

    async def close(self) -> None:
        """Close all connections."""
        for client in self._clients.values():
            await client.close()
        self._pool.shutdown(wait=False, cancel_futures=True)

    # -- one request ------------------------------------------------------------------------------------------------------------

    async def _claimed(self, request_id: int) -> None:
        # A call and a question after it, and time to write down what came of them.
        lease_s = self._timeouts.whole_s * 2 + min(5.0, self._timeouts.whole_s)
        found = await self._run(lambda: outbound.claim(self._engine, request_id, lease_s=lease_s))
        match found:
            case None:
                return
            case Busy(seconds=seconds):
                raise UpstreamBusy("another gateway may have it in hand", retry_after_s=seconds)
            case Unanswerable(work=work):
                await self._run(lambda: outbound.leave_to_person(self._engine, work.id, "begun, and its provider cannot be asked"))
            case Work() as work:
                try:
                    await (self._read(work) if work.fetch is not None else self._move(work))
                except TransientError as error:
                    nothing_moved = isinstance(error, NothingSent | UpstreamThrottled)
                    cause = f"{type(error).__name__}: {error}"
                    await self._run(lambda: outbound.put_off(self._engine, work, cause, nothing_moved=nothing_moved))
                    raise
            case _ as never:
                assert_never(never)

    async def _read(self, work: Work) -> None:
        """Perform a Fetch: safe, so it is repeated freely."""
        adapter, fetch = work.adapter, work.fetch
        assert fetch is not None
        if adapter.build_fetch is None or adapter.parse_response is None:
            raise UpstreamRejected(f"{adapter.name} reads nothing from its provider")
        response = await self._send(work, adapter.build_fetch(fetch))
        if response.status == 404:
            raise UpstreamNotFound(f"{fetch.resource} {fetch.resource_id}")
        if response.status == 403:
            raise UpstreamUnavailable("the provider answered 403")
        if not response.is_success:
            raise UpstreamRejected(f"the provider answered {response.status}", native_code=str(response.status))
        received_at = self._engine.clock()
        try:
            translation = adapter.parse_response(fetch, response, received_at)
        except AskAgain as error:
            raise UpstreamThrottled(str(error), retry_after_s=error.after_s) from error
        except AdapterError as error:
            raise UpstreamRejected(f"the answer cannot be read: {error}") from error
        except Exception as error:  # an adapter's defect must not stop the others
            raise UpstreamRejected(f"{type(error).__name__} in {adapter.name}") from error
        await self._run(lambda: outbound.apply_answer(self._engine, work, response, translation))

    # -- money ------------------------------------------------------------------------------------------------------------------

    async def _move(self, work: Work) -> None:
        """Make a Call, or ask what became of it. Each way out has left the row in a state from which nothing is done twice."""
        assert work.call is not None
        offered = None if work.adapter.outbound is None else work.adapter.outbound.operations.get(work.call.action)
        if offered is None:
            raise UpstreamRejected(f"{work.adapter.name} does no {work.call.action}")
        asked = False
        while True:
            if work.ask:
                answer, response = await self._asked(work, offered)
                asked = True
            else:
                answer, response = await self._made(work, offered)
            match answer:
                case Failed(reason=reason) if not (asked or work.first):
                    # An earlier try may have succeeded, so this refusal says nothing yet: money is freed only once somebody knows.
                    if offered.query is None:
                        raise UpstreamUnclear(reason)
                    work = replace(work, ask=True)
                case Facts() | Done() | Failed():
                    await self._settle(work, answer, response)
                    return
                case NotDone():
                    # The provider knows nothing of it: this is the first try again, and so says the row before it is made.
                    work = await self._run(lambda: outbound.begin_again(self._engine, work))  # noqa: B023
                case Retry(reason=reason, after_seconds=after):
                    raise UpstreamThrottled(reason, retry_after_s=after)
                case Unclear(reason=reason):
                    if asked or offered.query is None:
                        raise UpstreamUnclear(reason)
                    work = replace(work, ask=True)
                case _ as never:
                    assert_never(never)

    async def _made(self, work: Work, offered: Operation) -> tuple[Answer, HttpResponse]:
        assert work.call is not None
        response = await self._send(work, offered.build(work.call))
        try:
            return offered.parse(work.call, response, self._engine.clock()), response
        except AdapterError as error:
            return Unclear(f"the answer cannot be read: {error}"), response

    async def _asked(self, work: Work, offered: Operation) -> tuple[QueryAnswer, HttpResponse]:
        assert work.call is not None and offered.query is not None
        response = await self._send(work, offered.query.build(work.call))
        try:
            return offered.query.parse(work.call, response, self._engine.clock()), response
        except AdapterError as error:
            return Unclear(f"the answer cannot be read: {error}"), response

    async def _settle(self, work: Work, answer: Facts | Done | Failed, response: HttpResponse) -> None:
        unclear = await self._run(lambda: outbound.settle_call(self._engine, work, answer, response))
        if unclear is not None:
            raise UpstreamUnclear(unclear)

    # -- the call ---------------------------------------------------------------------------------------------------------------

    async def _send(self, work: Work, request: HttpRequest) -> HttpResponse:
        """Perform a request; what its status says about the provider and not about the request is raised here."""
        adapter = work.adapter
        client = self._clients.get(adapter.name)
        if client is None:
            secrets = self._engine.settings.secrets(adapter.provider)
            client = self._clients[adapter.name] = ProviderClient(adapter, secrets, timeouts=self._timeouts, now=self._now)
        began = self._now()
        try:
            async with asyncio.timeout(self._timeouts.whole_s):
                response = await client.send(request)
        except TimeoutError as error:
            raise UpstreamUnavailable(f"no answer within {self._timeouts.whole_s:g} s") from error
        faults.reach("gateway_after_http")
        took_ms = round((self._now() - began) * 1000)
        _log.info("provider answered", adapter=adapter.name, action=work.action, request=work.id, status=response.status, took_ms=took_ms)
        status = response.status
        if status == _REFUSED:
            client.forget_token()
            raise NothingSent("the provider refuses our credentials (401)")
        if status in _SLOW_DOWN:
            after = retry_after_s(response.headers, self._engine.clock().timestamp())
            raise UpstreamThrottled(f"the provider answered {status}", retry_after_s=after)
        if status == _TIMED_OUT or status >= _ILL:
            after = retry_after_s(response.headers, self._engine.clock().timestamp())
            raise UpstreamUnavailable(f"the provider answered {status}", retry_after_s=after)
        return response

    async def _run(self, function: Callable[[], T]) -> T:
        running: Awaitable[T] = asyncio.get_running_loop().run_in_executor(self._pool, function)
        return await asyncio.shield(running)
