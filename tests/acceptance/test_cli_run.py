"""The whole hub by its command line alone: prepare, run, publish, look, command, stop."""

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from tests import traffic
from tests.acceptance.test_cli_broker import ROOT, Done, hub

_PATIENCE_S: Final = 60.0


class Running:
    """A hub in the background."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path) -> None:
        self.process = process
        self.log = log

    async def stop(self) -> int:
        """Ask it to end."""
        self.process.send_signal(signal.SIGTERM)
        return await asyncio.wait_for(self.process.wait(), 40)


@asynccontextmanager
async def running(amqp_url: str, database_url: str, tmp_path: Path, *arguments: str) -> AsyncIterator[Running]:
    """Run `hub run`; kill it if the test did not stop it."""
    log = tmp_path / "hub.log"
    environment = {
        **os.environ,
        "HUB_ENV_FILE": "",
        "HUB_AMQP_URL": amqp_url,
        "HUB_DATABASE_URL": database_url,
        "HUB_LOG_FORMAT": "json",
    }
    with log.open("wb") as stream:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "hub", "run", *arguments, cwd=ROOT, env=environment, stdout=stream, stderr=stream, start_new_session=True
        )
    try:
        yield Running(process, log)
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
            await process.wait()


async def until(look: Callable[[], Any], log: Path) -> Any:
    """Look again and again until there is something to see."""
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        found = look()
        if asyncio.iscoroutine(found):
            found = await found
        if found:
            return found
        assert time.monotonic() < deadline, log.read_text()[-4000:]
        await asyncio.sleep(0.3)


def files(tmp_path: Path, *messages: traffic.Message) -> dict[str, list[str]]:
    """Write messages to files, by key."""
    made: dict[str, list[str]] = {}
    for index, message in enumerate(messages):
        path = tmp_path / f"{index:03}.json"
        path.write_bytes(message.body)
        made.setdefault(message.key, []).append(str(path))
    return made


@pytest.mark.parametrize("embedded", [True, False], ids=["sqlite", "postgresql"])
async def test_a_day_by_the_command_line(request: pytest.FixtureRequest, amqp_url: str, tmp_path: Path, embedded: bool) -> None:
    url = f"sqlite:///{tmp_path / 'hub.db'}" if embedded else str(request.getfixturevalue("empty_database_url"))

    async def run(*arguments: str) -> Done:
        return await hub(*arguments, amqp_url=amqp_url, database_url=url)

    assert (await run("run")).status == 3, "without a schema it does not start"
    assert (await run("db", "upgrade")).status == 0
    assert (await run("topology", "apply")).status == 0
    async with running(amqp_url, url, tmp_path) as hub_run:
        given = files(tmp_path, traffic.pix("1001"), traffic.placed("1001"), traffic.placed("1002"), traffic.pix("1001"))
        for key, paths in given.items():
            assert (await run("publish", key, *paths)).status == 0

        async def paid() -> bool:
            rows = json.loads((await run("orders", "list", "--status", "processing", "--json")).out)
            return [row["number"] for row in rows] == ["1001"]

        await until(paid, hub_run.log)
        canceled = await run("order", "cancel", "1002", "1001", "--yes", "--json", "--reason", "teste")
        assert canceled.status == 1, canceled.err
        assert [answer["code"] for answer in json.loads(canceled.out)] == [None, "cancel_requires_refund"]

        async def published() -> bool:
            (order,) = json.loads((await run("trace", "1002", "--json")).out)["orders"]
            return all(event["published"] for entry in order["entries"] for event in entry["events"])

        await until(published, hub_run.log)
        doctor = await run("doctor", "--json")
        checks = {one["check"]: one["status"] for one in json.loads(doctor.out)}
        assert doctor.status == 0, doctor.out
        assert {checks[name] for name in ("database", "schema", "broker", "topology", "workers", "outbox", "dead letters")} == {"ok"}
        verified = json.loads((await run("verify", "--json")).out)
        assert (verified["orders"], verified["findings"]) == (2, [])
        assert await hub_run.stop() == 0
        assert "cliente1001@exemplo.invalid" not in hub_run.log.read_text()


async def test_the_desk_by_the_queue(amqp_url: str, database_url: str, tmp_path: Path) -> None:
    """Every manual step of a sale, from one hub's command line to the other's worker and back."""
    assert (await hub("topology", "apply", amqp_url=amqp_url)).status == 0

    async def run(*arguments: str, status: int = 0) -> Any:
        done = await hub(*arguments, "--json", amqp_url=amqp_url, database_url=database_url)
        assert done.status == status, (arguments, done.out, done.err)
        return json.loads(done.out)

    async def order(*arguments: str, status: int = 0) -> list[tuple[str, str | None, str]]:
        answers = await run("order", *arguments, "--actor", "ana", status=status)
        return [(one["order"], one["code"], one["status"]) for one in answers]

    async def all_there() -> bool:
        rows = await run("orders", "list", "--status", "processing")
        return len(rows) == 3 and bool((await run("trace", traffic.txid_of("9009")))["parked"])

    async with running(amqp_url, database_url, tmp_path) as hub_run:
        sold = [message for number in ("1001", "1002", "1003") for message in (traffic.placed(number), traffic.pix(number))]
        for key, paths in files(tmp_path, *sold, traffic.pix("1003", serial=1), traffic.pix("9009")).items():
            assert (await hub("publish", key, *paths, amqp_url=amqp_url)).status == 0
        await until(all_there, hub_run.log)

        assert await order("hold", "1001", "1002", "--hold-reason", "stock") == [("1001", None, "holded"), ("1002", None, "holded")]
        assert await order("start-production", "1001", "1003", status=1) == [
            ("1001", "order_held", "holded"),
            ("1003", None, "in_production"),
        ]
        assert await order("release", "1001", "1002") == [("1001", None, "processing"), ("1002", None, "processing")]
        track = ("--track", "AA123456785BR=https://exemplo.invalid/AA123456785BR")
        assert await order("shipment-create", "1001", "--carrier", "correios", *track, "--item", "CAM-01=1") == [
            ("1001", None, "partially_shipped")
        ]
        assert await order("shipment-create", "1001", "--carrier", "pombo", status=1) == [("1001", "carrier_unknown", "partially_shipped")]
        assert await order("shipment-create", "1001", "1002", "--carrier", "custom", "--title", "Motoboy") == [
            ("1001", None, "shipped"),
            ("1002", None, "shipped"),
        ]
        assert await order("shipment-mark-delivered", "1001", "1002", "--notify") == [
            ("1001", None, "delivered"),
            ("1002", None, "delivered"),
        ]
        assert await order("comment", "1001", "--text", "elogiou a entrega", "--visible") == [("1001", None, "delivered")]
        assert await order("refund", "1002", "--amount", "10,00", "--method", "pix", "--yes") == [("1002", None, "delivered")]
        assert await order("refund", "1002", "--all", "--method", "pix", "--yes") == [("1002", None, "closed")]

        (found,) = await run("exceptions", "list")
        assert (found["order"], found["kind"]) == ("1003", "overpaid")
        (settled,) = await run("exceptions", "resolve", str(found["id"]), "--resolution", "fica de crédito")
        assert settled["outcome"] == "accepted"
        assert await run("exceptions", "list") == []
        (named,) = await run("reference", "add", "1001", "--kind", "txid", "--value", traffic.txid_of("9009"))
        assert named["result"]["released"] == 1

        page = await run("orders", "show", "1001")
        assert [len(one["tracks"]) for one in page["shipments"]] == [1, 0]
        assert [one["actor"] for one in page["timeline"] if one["kind"].startswith("shipment.")] == ["ana"] * 3
        assert [one["kind"] for one in page["exceptions"]] == ["overpaid"]
        assert (await run("trace", "AA123456785BR"))["orders"][0]["number"] == "1001"
        assert (await run("verify"))["findings"] == []
        assert await hub_run.stop() == 0


async def test_several_processes_on_one_machine(amqp_url: str, database_url: str, tmp_path: Path) -> None:
    assert (await hub("topology", "apply", amqp_url=amqp_url)).status == 0

    async def look(*arguments: str) -> Any:
        return json.loads((await hub(*arguments, "--json", amqp_url=amqp_url, database_url=database_url)).out)

    async def workers_are(count: int) -> bool:
        checks = {one["check"]: one["detail"] for one in await look("doctor")}
        return bool(checks["workers"] == f"{count} alive")

    async def all_there() -> bool:
        return len(await look("orders", "list", "--limit", "100")) == 50

    async with running(amqp_url, database_url, tmp_path, "--workers", "2") as hub_run:
        await until(lambda: workers_are(2), hub_run.log)
        given = files(tmp_path, *(traffic.placed(str(number)) for number in range(1000, 1050)))
        assert (await hub("publish", "shop.orders", *given["shop.orders"], amqp_url=amqp_url)).status == 0
        await until(all_there, hub_run.log)
        assert await hub_run.stop() == 0
    assert await workers_are(0)


async def test_sqlite_takes_one_process(amqp_url: str, sqlite_url: str) -> None:
    done = await hub("run", "--workers", "2", amqp_url=amqp_url, database_url=sqlite_url)
    assert done.status == 2
    assert "PostgreSQL" in done.err


async def test_unknown_roles_are_wrong_usage(amqp_url: str, sqlite_url: str) -> None:
    done = await hub("run", "--only", "worker,cook", amqp_url=amqp_url, database_url=sqlite_url)
    assert done.status == 2
    assert "cook" in done.err
