"""The whole path over a real broker: an order is placed, and an e-mail lies in the mailbox, once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from hub.bootstrap import load_adapters
from hub.bus import topology
from hub.engine.engine import Engine
from hub.notify import worker as notifying
from hub.notify.worker import NotifyOptions
from hub.store.database import Database
from tests.integration.bus.messages import count, engine_for, order, publish, settings_for, until, working
from tests.mailbox import DROP, Mailbox, mailbox

FAST = NotifyOptions(busy_s=5, away_s=0.1, beat_s=0.3, deadline_s=15)


@asynccontextmanager
async def mailing(engine: Engine) -> AsyncIterator[None]:
    """Run the notifier in this process; it must stop in good order."""
    stop = asyncio.Event()
    task = asyncio.create_task(notifying.run(notifying.build(engine, options=FAST), stop))
    try:
        yield
    finally:
        stop.set()
        assert await asyncio.wait_for(task, 30) == 0


@asynccontextmanager
async def hub(amqp_url: str, database_url: str, box: Mailbox) -> AsyncIterator[tuple[Engine, Database]]:
    """A hub with worker, relay and notifier."""
    settings = settings_for(
        amqp_url,
        database_url,
        notify_smtp_url=f"smtp://127.0.0.1:{box.port}?starttls=never",
        notify_from="Loja Exemplo <loja@exemplo.invalid>",
    )
    database = Database.open(database_url)
    engine = engine_for(settings, database)
    await topology.apply(amqp_url, topology.build(load_adapters().values(), notify=True))
    try:
        async with working(engine, "worker", "relay"), mailing(engine):
            yield engine, database
    finally:
        database.dispose()


async def test_a_placed_order_becomes_one_mail_however_often_its_notice_comes(amqp_url: str, any_database_url: str) -> None:
    async with mailbox() as box, hub(amqp_url, any_database_url, box) as (_, database):
        await publish(amqp_url, [("shop.orders", order("100"))])
        await until(lambda: count(database, "notices_sent", "status = 'sent'") == 1)
        body = b'{"order":"100","key":"100:order_placed","template":"order_placed","recipient":"x@exemplo.invalid","context":{}}'
        await publish(amqp_url, [("notification.requested.email.order_placed", body)] * 3, exchange="hub.events")
        await publish(amqp_url, [("shop.orders", order("101"))])
        await until(lambda: count(database, "notices_sent", "status = 'sent'") == 2)
        assert [str(mail["To"]) for mail in box.mails] == ["cliente@exemplo.invalid"] * 2
        mail = box.mails[0]
        assert str(mail["Subject"]) == "Recebemos seu pedido 100"
        text = mail.get_body(("plain",))
        assert text is not None
        assert "- 1 x Camiseta (R$ 119,70 cada)" in text.get_content()
        assert "Total: R$ 119,70" in text.get_content()


async def test_refused_for_good_is_noted_on_the_order(amqp_url: str, any_database_url: str) -> None:
    async with mailbox() as box, hub(amqp_url, any_database_url, box) as (_, database):
        box.rcpt = ["550 5.1.1 <cliente@exemplo.invalid> unknown"]
        await publish(amqp_url, [("shop.orders", order("100"))])
        await until(lambda: count(database, "notices_sent", "status = 'failed'") == 1)
        assert box.mails == []
        with database.read() as connection:
            found = [tuple(row) for row in connection.exec_driver_sql("SELECT order_number, actor, text FROM comments")]
        refused = "o servidor de e-mail recusou (the recipient is refused: 550 5.1.1 <***> unknown)"
        assert found == [("100", "policy:notify", f'E-mail "Pedido recebido" não enviado: {refused}')]


async def test_not_now_and_a_broken_line_are_tried_again(amqp_url: str, any_database_url: str) -> None:
    async with mailbox() as box, hub(amqp_url, any_database_url, box) as (_, database):
        box.data = ["451 4.3.0 try later"]
        await publish(amqp_url, [("shop.orders", order("100"))])
        await until(lambda: count(database, "notices_sent", "status = 'sent'") == 1)
        assert (len(box.mails), count(database, "notices_sent", "attempts = 2 AND uncertain = 0")) == (1, 1)
        box.data = [DROP]
        await publish(amqp_url, [("shop.orders", order("101"))])
        await until(lambda: count(database, "notices_sent", "status = 'sent'") == 2)
        assert count(database, "notices_sent", "attempts = 2 AND uncertain = 1") == 1
        assert box.ids()[1] == box.ids()[2]


async def test_what_is_no_notice_becomes_a_dead_letter(amqp_url: str, any_database_url: str) -> None:
    async with mailbox() as box, hub(amqp_url, any_database_url, box) as (_, database):
        await publish(amqp_url, [("notification.requested.email.shipped", b'{"order": 1}')], exchange="hub.events")
        await until(lambda: count(database, "dead_letters", "kind = 'unreadable' AND origin = 'hub.notify'") == 1)
        assert box.mails == []
