"""Group commit, fairness, isolation of suspicious deliveries, and the pause, with an engine that only remembers."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from adapters.contract import RawDelivery
from hub.bus.collector import Collector, CollectorOptions, InHand, Receipt
from hub.engine.deliveries import COMMANDS_KEY, Delivery, Outcome, Reply
from hub.errors import BrokerUnavailable, StoreUnavailable

NOW = datetime(2026, 11, 25, tzinfo=UTC)


class FakeReceipt:
    """Remembers what it was told."""

    def __init__(self, log: list[str], name: str) -> None:
        self.log, self.name, self.alive = log, name, True

    async def nack(self) -> None:
        self.log.append(f"nack {self.name}")

    async def reject(self) -> None:
        self.log.append(f"reject {self.name}")


async def acknowledge(receipts: Sequence[Receipt]) -> None:
    for receipt in receipts:
        assert isinstance(receipt, FakeReceipt)
        receipt.log.append(f"ack {receipt.name}")


class FakeConsumption:
    def __init__(self, log: list[str]) -> None:
        self.log = log

    async def pause(self) -> None:
        self.log.append("pause")

    async def resume(self) -> None:
        self.log.append("resume")


class Bench:
    """A collector between a fake engine and fake receipts."""

    def __init__(self, **options: float | int) -> None:
        self.log: list[str] = []
        self.batches: list[list[str]] = []
        self.failures: list[Exception] = []
        self.away = False
        self.probes = 0
        self.gate = threading.Event()
        self.gate.set()
        self.reply_failures: list[Exception] = []
        given = {"retry_first_s": 0.01, "retry_most_s": 0.02, "defect_pause_s": 0.0, "suspect_waits_s": 0.05, **options}
        self.collector = Collector(
            self.process,
            probe=self.probe,
            acknowledge=acknowledge,
            reply=self.reply,
            options=CollectorOptions(**given),  # type: ignore[arg-type]
        )
        self.collector.consumption = FakeConsumption(self.log)
        self.items: dict[str, InHand] = {}

    def process(self, batch: Sequence[Delivery]) -> list[Outcome]:
        self.gate.wait(5)
        names = [str(delivery.message_id) for delivery in batch]
        self.batches.append(names)
        if self.away:
            raise StoreUnavailable
        if self.failures:
            raise self.failures.pop(0)
        for name in names:
            if name.startswith("defect"):
                raise RuntimeError("a defect")
        return [
            Outcome("replied", reply=Reply(delivery.reply_to, None, {"to": name})) if delivery.reply_to else Outcome("applied")
            for name, delivery in zip(names, batch, strict=True)
        ]

    def probe(self) -> None:
        self.probes += 1
        if self.away:
            raise StoreUnavailable

    async def reply(self, reply: Reply) -> None:
        if self.reply_failures:
            raise self.reply_failures.pop(0)
        self.log.append(f"reply {reply.body['to']}")

    def give(self, *names: str, queue: str = "q", count: int = 0, reply_to: str | None = None, body: bytes = b"") -> None:
        for name in names:
            delivery = Delivery(queue, RawDelivery(body, {}, NOW), queue=queue, message_id=name, delivery_count=count, reply_to=reply_to)
            item = InHand(delivery, FakeReceipt(self.log, name), asyncio.get_running_loop().create_future())
            self.items[name] = item
            self.collector.submit(item)

    async def settled(self, *names: str) -> None:
        async with asyncio.timeout(5):
            for name in names:
                await self.items[name].settled

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(5):
            while not condition():
                await asyncio.sleep(0.005)


@asynccontextmanager
async def running(bench: Bench) -> AsyncIterator[Bench]:
    task = asyncio.create_task(bench.collector.run())
    try:
        yield bench
    finally:
        bench.gate.set()
        bench.collector.stop()
        await asyncio.wait_for(task, 5)
        bench.collector.close()


async def test_deliveries_wait_only_while_a_commit_is_running() -> None:
    async with running(Bench(batch_max=3)) as bench:
        bench.gate.clear()
        bench.give("a")
        await asyncio.sleep(0.02)
        bench.give("b", "c", "d", "e")
        bench.gate.set()
        await bench.settled("a", "b", "c", "d", "e")
        assert bench.batches == [["a"], ["b", "c", "d"], ["e"]]
        assert bench.log == ["ack a", "ack b", "ack c", "ack d", "ack e"]


async def test_commands_go_first_and_a_storm_leaves_room_for_others() -> None:
    bench = Bench(batch_max=8)
    bench.give(*(f"storm{n}" for n in range(50)), queue="storm")
    bench.give("small1", "small2", queue="small")
    bench.give("command", queue=COMMANDS_KEY)
    async with running(bench):
        await bench.settled("command", "small2")
    assert bench.batches[0][0] == "command"
    assert {"small1", "small2"} <= set(bench.batches[0])
    assert len(bench.batches[0]) == 8


async def test_a_transaction_is_capped_in_bytes_too() -> None:
    bench = Bench(batch_bytes=10)
    bench.give("a", "b", "c", body=b"1234567")
    async with running(bench):
        await bench.settled("a", "b", "c")
    assert bench.batches == [["a"], ["b"], ["c"]]


async def test_a_suspicious_delivery_is_tried_alone_after_the_others_least_redelivered_first() -> None:
    bench = Bench()
    bench.give("worst", queue="p", count=9)
    bench.give("bad", queue="p", count=2)
    bench.give("clean1", "clean2", queue="q", count=1)
    async with running(bench):
        await bench.settled("worst")
    assert bench.batches == [["clean1", "clean2"], ["bad"], ["worst"]]


async def test_an_isolated_queue_gets_one_transaction_per_delivery() -> None:
    bench = Bench()
    bench.give("a", "b", queue="p")
    bench.collector.isolate("p")
    bench.give("c", queue="p")
    async with running(bench):
        await bench.settled("a", "b", "c")
        bench.collector.rejoin("p")
        bench.give("d", "e", queue="p")
        await bench.settled("d", "e")
    assert bench.batches == [["a"], ["b"], ["c"], ["d", "e"]]


async def test_suspicious_deliveries_wait_for_consumers_that_are_starting() -> None:
    bench = Bench()
    bench.collector.expect_arrivals(0.1)
    async with running(bench):
        bench.give("poison", count=3)
        await asyncio.sleep(0.03)
        bench.give("neighbour", queue="other")
        await bench.settled("poison")
    assert bench.batches == [["neighbour"], ["poison"]]


async def test_a_short_outage_gives_nothing_back() -> None:
    async with running(Bench(hold_s=5)) as bench:
        bench.away = True
        bench.give("a")
        await bench.until(lambda: len(bench.batches) > 2)
        assert bench.collector.look() == "pause"
        bench.away = False
        await bench.settled("a")
        await bench.until(lambda: bench.log[-1] == "resume")
        assert bench.log == ["pause", "ack a", "resume"]


async def test_a_long_outage_gives_everything_back_once_and_consumes_after_a_probe() -> None:
    async with running(Bench(hold_s=0.05)) as bench:
        bench.away = True
        bench.give("a", "b")
        await bench.settled("a", "b")
        bench.give("late")
        await bench.settled("late")
        await bench.until(lambda: bench.probes > 1)
        assert bench.log == ["pause", "nack a", "nack b", "nack late"]
        bench.away = False
        await bench.until(lambda: bench.log[-1] == "resume")
        bench.give("c")
        await bench.settled("c")
        assert bench.log[-1] == "ack c"


async def test_each_failed_return_holds_longer() -> None:
    bench = Bench(hold_s=0.02)
    async with running(bench):
        bench.away = True
        bench.give("a")
        await bench.settled("a")
        assert bench.collector._hold_s == 0.04
        bench.away = False
        await bench.until(lambda: bench.log[-1] == "resume")
        bench.give("b")
        await bench.settled("b")
        assert bench.collector._hold_s == 0.02


async def test_another_part_that_sees_the_store_gone_stops_the_consumption() -> None:
    async with running(Bench(hold_s=5)) as bench:
        bench.away = True
        bench.collector.store_is_away()
        await bench.until(lambda: bench.probes > 0)
        bench.away = False
        await bench.until(lambda: bench.log == ["pause", "resume"])


async def test_a_defect_is_found_and_given_back_without_its_neighbours() -> None:
    bench = Bench()
    bench.give("a", "defect", "b")
    async with running(bench):
        await bench.settled("a", "b", "defect")
    assert sorted(bench.log) == ["ack a", "ack b", "reject defect"]


async def test_a_reply_goes_out_before_the_ack() -> None:
    async with running(Bench()) as bench:
        bench.give("ask", reply_to="reply.me")
        await bench.settled("ask")
        assert bench.log == ["reply ask", "ack ask"]


async def test_a_command_stays_in_hand_until_its_reply_is_out_and_blocks_nobody() -> None:
    async with running(Bench()) as bench:
        bench.reply_failures = [BrokerUnavailable(), TimeoutError()]
        bench.give("ask", reply_to="reply.me")
        bench.give("other")
        await bench.settled("other")
        assert bench.log == ["ack other"]
        await bench.settled("ask")
        assert bench.log == ["ack other", "reply ask", "ack ask"]


async def test_stopping_finishes_the_batch_in_hand_and_gives_the_rest_back() -> None:
    bench = Bench(batch_max=2)
    async with running(bench):
        bench.gate.clear()
        bench.give("a")
        await asyncio.sleep(0.02)
        bench.give("b", "c")
        bench.collector.stop()
        bench.gate.set()
        await bench.settled("a", "b", "c")
    assert bench.log == ["ack a", "nack b", "nack c"]


async def test_deliveries_whose_channel_died_are_dropped() -> None:
    bench = Bench()
    bench.give("a", "b", "c")
    bench.items["b"].settled.cancel()
    bench.items["c"].receipt.alive = False  # type: ignore[misc]
    async with running(bench):
        await bench.settled("a")
        await asyncio.sleep(0.02)
    assert bench.batches == [["a"]]


async def test_what_may_end_the_process_runs_when_nothing_is_in_hand() -> None:
    async with running(Bench()) as bench:
        bench.gate.clear()
        bench.give("a")
        await asyncio.sleep(0.02)
        bench.give("b")
        solo = asyncio.create_task(bench.collector.run_alone(lambda: list(bench.log)))
        await asyncio.sleep(0.02)
        bench.gate.set()
        assert sorted(await solo) == ["ack a", "ack b", "pause"]
        await bench.until(lambda: bench.log[-1] == "resume")
