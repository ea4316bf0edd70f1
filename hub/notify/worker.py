"""The process that mails: takes notices from the queue one by one, writes each try down, and hands the mail to the server.

Mail server, database or broker away: nothing is taken from the queue until all of them are back, so an outage uses up no tries.
"""

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar

import structlog
from aio_pika.abc import AbstractIncomingMessage
from sqlalchemy.exc import SQLAlchemyError

from hub import faults
from hub.bus.connection import backoff, broker_errors, connected
from hub.bus.heartbeat import BEAT_S, Heartbeat
from hub.bus.publisher import Publisher
from hub.bus.retry import Retry, attempt_of, climb, decide
from hub.bus.subscribers import Source, delivery_of
from hub.bus.thread import OneThread
from hub.bus.topology import NOTIFY, RETRY_DELAYS_S
from hub.config import Settings, mailbox
from hub.engine.dead_letters import insert_dead_letters, letter
from hub.engine.engine import Engine
from hub.errors import SettingsInvalid, StoreUnavailable, TransientError
from hub.notify import ledger
from hub.notify.message import AddressUnusable, build_message, message_id_of, recipient_of
from hub.notify.rendering import Look, RenderingFailed, Templates
from hub.notify.request import NoticeRequest, Unreadable, read_request
from hub.notify.smtp import Mailer, MailRefused, MailServerAway, MailUncertain, server_of

_log: Final = structlog.get_logger(__name__)

ROLE: Final = "notify"
_Arrived = asyncio.Queue[AbstractIncomingMessage | None]
_STORE_TRIES: Final = 12
_AWAY_MOST_S: Final = 30.0
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class NotifyOptions:
    """What tests make smaller. Mails go out one after the other; `prefetch` only saves the broker's round trips.

    `busy_s` is the rung on which a notice waits that another process has begun.
    """

    prefetch: int = 10
    busy_s: int = RETRY_DELAYS_S["30s"]
    away_s: float = 1.0
    beat_s: float = BEAT_S
    deadline_s: float = 25.0


@dataclass(frozen=True, slots=True)
class Sender:
    """Who writes: `Name <address>`, and where answers go."""

    address: str
    reply_to: str | None = None


def start(engine: Engine, *, options: NotifyOptions | None = None) -> int:
    """Mail until SIGTERM or SIGINT; return the exit status. This is the whole process. Raises: SettingsInvalid."""
    notifier = build(engine, options=options)

    async def until_signal() -> int:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()

        def received(number: signal.Signals) -> None:
            if stop.is_set():
                os._exit(128 + number)
            _log.info("stopping", signal=number.name)
            stop.set()

        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, received, number)
        return await run(notifier, stop)

    return asyncio.run(until_signal())


def build(engine: Engine, *, options: NotifyOptions | None = None, mailer: Mailer | None = None) -> "Notifier":
    """Build the parts from the settings. Raises: SettingsInvalid, also for a template that can't be read."""
    settings = engine.settings
    url, sender = settings.notify_smtp_url, settings.notify_from
    if url is None or sender is None:
        raise SettingsInvalid("HUB_NOTIFY_SMTP_URL is not set: the hub sends no e-mail")
    server = server_of(url, settings.notify_timeout.total_seconds())
    return Notifier(
        engine,
        Templates(look_of(settings)),
        mailer or Mailer(server),
        Sender(sender, settings.notify_reply_to),
        longest_try_s=server.longest_try_s,
        options=options or NotifyOptions(),
    )


def look_of(settings: Settings) -> Look:
    """Take from the settings what e-mails show of the shop: the sender's name signs them."""
    name, address = mailbox(settings.notify_from or "")
    return Look(name or address, settings.timezone, settings.carriers, settings.notify_order_url, settings.notify_templates)


async def run(notifier: "Notifier", stop: asyncio.Event) -> int:
    """Mail until `stop`; 0 = ended in good order, 1 = cut off or failed."""
    task = asyncio.create_task(notifier.run())
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait((task, stopping), return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    notifier.stop()
    done, _ = await asyncio.wait((task,), timeout=notifier.options.deadline_s)
    if not done:
        _log.error("cut off: the mail in hand was not answered in time")
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return 1
    if error := task.exception():
        _log.error("the notifier ended", exc_info=error)
    return 0 if stop.is_set() and task.exception() is None else 1


class Notifier:
    """Empties hub.notify into the mail server."""

    def __init__(
        self, engine: Engine, templates: Templates, mailer: Mailer, sender: Sender, *, longest_try_s: float, options: NotifyOptions
    ) -> None:
        self.options: Final = options
        self.sent = 0
        self._engine = engine
        self._templates = templates
        self._mailer = mailer
        self._sender = sender
        self._address = mailbox(sender.address)[1]
        self._longest_try_s = longest_try_s
        self._own_user = engine.settings.amqp_user
        self._publisher = Publisher(engine.settings.amqp_url, "order-hub notify publisher")
        self._heartbeat = Heartbeat(engine.database, [ROLE], clock=engine.clock, every_s=options.beat_s)
        self._thread = OneThread("notify")
        self._stop = asyncio.Event()

    def stop(self) -> None:
        """Finish the mail in hand and end."""
        self._stop.set()

    async def run(self) -> None:
        """Mail until `stop`."""
        beating = asyncio.create_task(self._heartbeat.run())
        attempt = 0
        try:
            while not self._stop.is_set():
                try:
                    # The store first: a mail that can't be written down must not go out.
                    await self._thread.run(self._heartbeat.probe)
                    await self._mailer.open()
                    async with connected(self._engine.settings.amqp_url, "order-hub notify") as connection:
                        arrived: _Arrived = asyncio.Queue()
                        with broker_errors():
                            channel = await connection.channel(publisher_confirms=False)
                            await channel.set_qos(prefetch_count=self.options.prefetch)
                            queue = await channel.declare_queue(NOTIFY, passive=True)
                            await queue.consume(arrived.put)
                        connection.close_callbacks.add(_end_of(arrived))
                        channel.close_callbacks.add(_end_of(arrived))
                        _log.info("mailing")
                        while (message := await self._next(arrived)) is not None:
                            await self._handle(message)
                            attempt = 0
                    if not self._stop.is_set():
                        raise TransientError("the line to the broker is lost")
                except TransientError as error:
                    attempt += 1
                    _log.warning("no mail can be sent now", error=str(error), attempt=attempt)
                    await self._sleep(backoff(attempt, first_s=self.options.away_s, most_s=_AWAY_MOST_S))
        finally:
            self._heartbeat.stop()
            await asyncio.gather(beating, return_exceptions=True)
            await self._mailer.close()
            await self._publisher.close()
            self._thread.close()

    async def _next(self, arrived: _Arrived) -> AbstractIncomingMessage | None:
        getting, stopping = asyncio.create_task(arrived.get()), asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait((getting, stopping), return_when=asyncio.FIRST_COMPLETED)
            return None if self._stop.is_set() or not getting.done() else getting.result()
        finally:
            getting.cancel()
            stopping.cancel()

    # -- one notice ---------------------------------------------------------------------------------------------------

    async def _handle(self, message: AbstractIncomingMessage) -> None:
        """Settle one message. Raises: TransientError when something is away; the message comes again then."""
        try:
            request = read_request(message.body)
        except Unreadable as error:
            cause = str(error)
            await self._store(lambda: self._bury(message, cause))
            await self._ack(message)
            return
        message_id = message_id_of(request.key, self._address)
        hold_s = self._longest_try_s + 60
        claim = await self._store(lambda: ledger.begin(self._engine, request, message_id, hold_s=hold_s))
        told = {"order": request.order, "template": request.template, "message_id": message_id}
        delay_s: int | None = None
        if claim.kind == "over":
            _log.info("notice is settled already", status=claim.status, **told)
        elif claim.kind == "busy":
            _log.info("notice is begun by another process; looking again later", **told)
            delay_s = self.options.busy_s
        else:
            faults.reach("notify_after_started")
            if claim.uncertain:
                _log.warning("a try ended without an answer: this may be a second copy", copies=claim.uncertain + 1, **told)
            delay_s = await self._settle(request, attempt_of(message.headers), told)
        if delay_s is not None:
            await climb(self._publisher, message, queue=NOTIFY, delay_s=delay_s, own_user=self._own_user)
        faults.reach("notify_before_ack")
        await self._ack(message)

    async def _settle(self, request: NoticeRequest, attempt: int, told: dict[str, str]) -> int | None:
        """Try once and write down how it ended; returns the rung to wait on before the next try, None when there is none."""

        async def ended(status: ledger.End, detail: str | None = None, *, uncertain: bool = False, staff: str = "") -> None:
            await self._store(lambda: ledger.end(self._engine, request, status, detail, uncertain=uncertain, staff=staff))

        try:
            skipped = self._pointless(request)
            answer = None if skipped else await self._deliver(request)
        except MailServerAway as error:
            await ended("deferred", str(error))
            raise
        except (AddressUnusable, RenderingFailed, MailRefused) as error:
            _log.error("e-mail failed", error=str(error), exc_info=error if isinstance(error, RenderingFailed) else None, **told)
            await ended("failed", str(error), staff=_for_staff(error))
        except TransientError as error:
            decision = decide(error, attempt)
            if isinstance(decision, Retry):
                _log.warning("e-mail deferred", error=str(error), attempt=attempt, again_in_s=decision.delay_s, **told)
                await ended("deferred", str(error), uncertain=isinstance(error, MailUncertain))
                return decision.delay_s
            _log.error("e-mail given up", error=str(error), attempt=attempt, **told)
            staff = f"sem sucesso após {attempt} tentativas ({error})"
            await ended("failed", f"given up after {attempt} tries: {error}", uncertain=isinstance(error, MailUncertain), staff=staff)
        except Exception as error:  # a defect must not stop the mails behind this one
            _log.exception("e-mail failed by a defect", **told)
            self._mailer.drop()
            await ended("failed", f"a defect: {type(error).__name__}", staff="erro interno do hub")
        else:
            faults.reach("notify_after_answer")
            await ended("skipped" if skipped else "sent", skipped or answer)
            if not skipped:
                self.sent += 1
            _log.info("e-mail skipped" if skipped else "e-mail sent", detail=skipped or answer, **told)
        return None

    def _pointless(self, request: NoticeRequest) -> str | None:
        """Say why a notice should not be sent at all."""
        if not request.recipient:
            return "the order has no e-mail address"
        due = request.due_at
        if due is not None and due <= self._engine.clock():
            return "the payment's time was over before the e-mail could be sent"
        return None

    async def _deliver(self, request: NoticeRequest) -> str:
        recipient = recipient_of(request.recipient or "")
        message = build_message(
            self._templates.render(request),
            key=request.key,
            recipient=recipient,
            sender=self._sender.address,
            reply_to=self._sender.reply_to,
            now=self._engine.clock(),
        )
        try:
            async with asyncio.timeout(self._longest_try_s):
                return await self._mailer.send(message, sender=self._address, recipient=recipient)
        except TimeoutError as error:
            self._mailer.drop()
            raise MailUncertain("no answer in time") from error

    # -- settling -----------------------------------------------------------------------------------------------------

    async def _store(self, function: Callable[[], T]) -> T:
        """Write, and try again for a while: what happened to a mail should not be forgotten for a short outage."""
        for attempt in range(1, _STORE_TRIES):
            try:
                return await self._thread.run(function)
            except StoreUnavailable as error:
                _log.warning("the store does not take it", error=str(error), attempt=attempt)
                await self._sleep(backoff(attempt))
        return await self._thread.run(function)

    def _bury(self, message: AbstractIncomingMessage, cause: str) -> None:
        now = self._engine.clock()
        delivery = delivery_of(message, Source(NOTIFY, message.routing_key or NOTIFY, 0), now)
        try:
            with self._engine.database.begin() as connection:
                insert_dead_letters(connection, [letter(delivery, kind="unreadable", cause=cause, body=message.body, adapter=None, at=now)])
        except SQLAlchemyError as error:
            raise StoreUnavailable(f"dead letters: {type(error).__name__}") from error
        _log.error("dead letter", kind="unreadable", cause=cause, queue=NOTIFY)

    async def _ack(self, message: AbstractIncomingMessage) -> None:
        with broker_errors():
            await message.ack()

    async def _sleep(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stop.wait()


def _for_staff(error: Exception) -> str:
    match error:
        case AddressUnusable():
            return "o endereço de e-mail do cliente não é válido"
        case RenderingFailed():
            return "o modelo deste e-mail tem um erro"
        case _:
            return f"o servidor de e-mail recusou ({error})"


def _end_of(arrived: _Arrived) -> Callable[..., None]:
    return lambda *_: arrived.put_nowait(None)
