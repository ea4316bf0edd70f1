"""Schema, settings, verify, doctor, topology files, and the door of publish."""

import json
from datetime import timedelta
from pathlib import Path

from hub.cli.doctor import database_checks
from hub.store.database import Database
from tests import world
from tests.unit.cli.conftest import Run


def test_upgrade_and_current(hub: Run, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'new.db'}"
    assert hub("db", "upgrade", "--database-url", url).exit_code == 0
    assert "already" in hub("db", "upgrade", "--database-url", url).stdout
    result = hub("db", "current", "--json", "--database-url", url)
    assert result.exit_code == 0
    versions = json.loads(result.stdout)
    assert versions["current"] == versions["needed"]
    empty = f"sqlite:///{tmp_path / 'empty.db'}"
    assert hub("db", "current", "--database-url", empty).exit_code == 3


def test_an_old_schema_is_refused_with_the_remedy(hub: Run, shop: str) -> None:
    database = Database.open(shop)
    with database.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0000'")
    database.dispose()
    result = hub("orders", "list", "--database-url", shop)
    assert result.exit_code == 3
    assert "hub db upgrade" in result.stderr


def test_config_masks_secrets(hub: Run) -> None:
    settings = {
        "HUB_AMQP_URL": "amqps://hub:geheim1@broker/",
        "HUB_DATABASE_URL": "postgresql://hub:geheim2@db/hub",
        "HUB_SECRETS_PIX_WEBHOOK": "geheim3",
        "HUB_CUSTOMER_LINK_SECRET": "geheim4" * 8,
    }
    for options in ((), ("--json",)):
        result = hub("config", *options, **settings)
        assert result.exit_code == 0
        assert "geheim" not in result.output
        assert "HUB_SECRETS_PIX_WEBHOOK" in result.stdout
    lines = {one["name"]: one for one in json.loads(result.stdout)}
    assert lines["HUB_AMQP_URL"]["source"] == "environment"
    assert lines["HUB_BATCH_MAX"] == {**lines["HUB_BATCH_MAX"], "value": "256", "source": "default"}


def test_verify_finds_what_was_tampered_with(hub: Run, shop: str) -> None:
    result = hub("verify", "--json", "--database-url", shop)
    assert result.exit_code == 0
    assert json.loads(result.stdout)["findings"] == []
    database = Database.open(shop)
    with database.begin() as connection:
        connection.exec_driver_sql("UPDATE orders SET captured_cents = 1 WHERE number = '1001'")
    database.dispose()
    result = hub("verify", "--database-url", shop)
    assert result.exit_code == 1
    assert "captured_cents" in result.stdout
    (finding,) = json.loads(hub("verify", "--json", "--database-url", shop).stdout)["findings"]
    assert finding["order"] == "1001"


def test_doctor_reports_everything_and_fails_without_a_broker(hub: Run, shop: str) -> None:
    result = hub("doctor", "--json", "--database-url", shop, "--amqp-url", "amqp://hub:geheim@127.0.0.1:9/")
    assert result.exit_code == 3
    assert "geheim" not in result.output
    checks = {one["check"]: one for one in json.loads(result.stdout)}
    assert checks["broker"]["status"] == "fail"
    assert checks["database"]["status"] == checks["schema"]["status"] == "ok"
    assert checks["roles"]["status"] == "warn"
    assert "payments.pix" in checks["secrets"]["detail"]
    assert checks["dead letters"]["detail"] == "1 open"
    assert checks["exceptions"]["detail"] == "1 open"
    assert checks["parked"]["detail"].startswith("1 facts")


def test_doctor_warns_when_events_stay_unpublished(shop: str) -> None:
    settings = world.settings(database_url=shop)
    grades = {
        minutes: {one.name: one.grade for one in database_checks(settings, world.NOW + timedelta(minutes=minutes))}["outbox"]
        for minutes in (1, 10)
    }
    assert grades == {1: "ok", 10: "warn"}


def test_doctor_is_content_with_secrets_and_roles(hub: Run, shop: str) -> None:
    settings = {
        "HUB_ROLES": '{"ana": "operator"}',
        "HUB_SECRETS_PIX_WEBHOOK": "a",
        "HUB_SECRETS_PAGARME_BASIC_USER": "loja",
        "HUB_SECRETS_PAGARME_BASIC_PASSWORD": "b",
    }
    result = hub("doctor", "--json", "--database-url", shop, "--amqp-url", "amqp://127.0.0.1:9/", **settings)
    checks = {one["check"]: one for one in json.loads(result.stdout)}
    assert checks["roles"]["status"] == "ok"
    assert not {"payments.pix", "payments.pagarme"} & set(checks.get("secrets", {}).get("detail", "").replace(",", "").split())


def test_doctor_says_what_to_do_without_a_database(hub: Run) -> None:
    result = hub("doctor", "--json", "--database-url", "sqlite:///nothing.db", "--amqp-url", "amqp://127.0.0.1:9/")
    checks = {one["check"]: one for one in json.loads(result.stdout)}
    assert checks["database"]["advice"] == "run `hub db upgrade`"
    assert not Path("nothing.db").exists()


def test_topology_export_makes_a_definitions_file(hub: Run, tmp_path: Path) -> None:
    passwords = tmp_path / "passwords.json"
    passwords.write_text('{"shop": "geheim"}')
    out = tmp_path / "definitions.json"
    result = hub("topology", "export", "--out", str(out), "--passwords", str(passwords), "--vhost", "loja")
    assert result.exit_code == 0
    document = json.loads(out.read_text())
    assert {"hub.inbound", "hub.events"} <= {one["name"] for one in document["exchanges"]}
    assert "geheim" not in out.read_text()
    assert document["vhosts"] == [{"name": "loja"}]
    passwords.write_text('{"boss": "x"}')
    assert hub("topology", "export", "--passwords", str(passwords)).exit_code == 2
    assert json.loads(hub("topology", "export").stdout)["vhosts"] == [{"name": "/"}]


def test_publish_refuses_what_nobody_reads_before_it_connects(hub: Run, tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_text("{}")
    url = ("--amqp-url", "amqp://127.0.0.1:9/")
    assert hub("publish", "payments.nobody", str(file), *url).exit_code == 2
    assert hub("publish", "hub.commands", str(file), *url).exit_code == 2
    assert hub("publish", "payments.pix", str(tmp_path / "none.json"), *url).exit_code == 2
    big = tmp_path / "big.json"
    with big.open("wb") as stream:
        stream.truncate(8 * 1024 * 1024 + 1)
    assert hub("publish", "payments.pix", str(big), *url).exit_code == 2
    assert hub("publish", "payments.pix", str(file), *url).exit_code == 3
    assert hub("publish", "payments.nobody", "--force", str(file), *url).exit_code == 3


def test_the_traceback_is_for_those_who_ask(hub: Run) -> None:
    calm = hub("orders", "list", "--database-url", "sqlite:///nothing.db")
    assert "Traceback" not in calm.stderr
    curious = hub("--debug", "orders", "list", "--database-url", "sqlite:///nothing.db")
    assert curious.exit_code == 3
    assert "Traceback" in curious.stderr
