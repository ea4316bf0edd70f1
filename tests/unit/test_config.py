"""Settings: what is read, what is refused, and that no secret is ever shown."""

from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from adapters.contract import Secrets
from hub.config import (
    Settings,
    edit_distance,
    effective,
    format_duration,
    load_settings,
    masked_url,
    near_misses,
    parse_duration,
    parse_list,
)
from hub.errors import SettingsInvalid
from schemas.orders import OrderRules


@pytest.fixture
def env(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    return monkeypatch


def refusal(**overrides: object) -> str:
    """What load_settings says against the settings."""
    with pytest.raises(SettingsInvalid) as caught:
        load_settings(**overrides)
    assert caught.value.__suppress_context__ or caught.value.__cause__ is None
    return str(caught.value)


def test_the_defaults_are_those_of_the_contract() -> None:
    settings = load_settings()
    assert settings.amqp_url == "amqp://guest:guest@localhost:5672/"
    assert settings.database_url == "sqlite:///hub.db"
    assert settings.timezone.key == "America/Sao_Paulo"
    assert (settings.prefetch, settings.batch_max) == (512, 256)
    assert settings.order_rules() == settings.policy == OrderRules()
    assert settings.parked_ttl == timedelta(hours=72)
    assert list(settings.carriers) == ["melhor_envio", "frenet", "correios", "jadlog", "loggi"]
    assert settings.roles is None
    assert settings.retention_of("payments.pix") == timedelta(days=30)
    assert settings.retention_of("erp.nfe") == timedelta(days=6 * 366)
    assert settings.amqp_user == "guest"
    assert settings.secrets("pagarme") == Secrets()


def test_the_policy_goes_into_the_rules_of_an_order(env: pytest.MonkeyPatch) -> None:
    for name, value in {
        "EXPIRE_BOLETO_GRACE_DAYS": "5",
        "EXPIRE_PIX_GRACE": "30m",
        "EXPIRE_OTHER": "2w",
        "EXPIRE_SETTLE": "0",
        "CANCEL_REFUSED_AFTER": "",
        "VOID_ON_CANCEL": "false",
        "CLOSE_ON_FULL_REFUND": "no",
        "HOLD_ON_VALUE_MISMATCH": "never",
        "REQUIRE_NF_BEFORE_SHIPPING": "1",
        "PARKED_TTL": "90s",
        "AMOUNT_TOLERANCE_CENTS": "10",
        "FISCAL_TOLERANCE_CENTS": "0",
    }.items():
        env.setenv(f"HUB_POLICY_{name}", value)
    settings = load_settings()
    assert settings.order_rules() == OrderRules(
        amount_tolerance_cents=10,
        close_on_full_refund=False,
        expire_boleto_grace_days=5,
        expire_pix_grace_s=1_800,
        expire_other_s=14 * 86_400,
        expire_settle_s=0,
        cancel_refused_after_s=None,
        void_on_cancel=False,
        hold_on_value_mismatch="never",
        require_nf_before_shipping=True,
        fiscal_tolerance_cents=0,
    )
    assert settings.parked_ttl == timedelta(seconds=90)


def test_an_empty_variable_is_an_unset_one(env: pytest.MonkeyPatch) -> None:
    for name in ("HUB_ROLES", "HUB_AMQP_URL", "HUB_PREFETCH", "HUB_POLICY_EXPIRE_OTHER", "HUB_CARRIERS", "HUB_MAP_PAGARME"):
        env.setenv(name, "")
    env.setenv("HUB_PORT", "of another program")
    assert load_settings() == Settings()


def test_environment_wins_over_the_file_and_the_command_line_over_both(env: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "shop.env"
    file.write_text("HUB_PREFETCH=10\nHUB_BATCH_MAX=20\nOTHER=1\nHUB_TIMEZONE=America/Manaus\nHUB_SECRETS_PIX_WEBHOOK=from-the-file\n")
    env.setenv("HUB_ENV_FILE", str(file))
    env.setenv("HUB_BATCH_MAX", "30")
    settings = load_settings(database_url="sqlite:///other.db", amqp_url=None)
    sources = {line.name: (line.value, line.source) for line in effective(settings)}
    assert sources["HUB_PREFETCH"] == ("10", str(file))
    assert sources["HUB_BATCH_MAX"] == ("30", "environment")
    assert sources["HUB_DATABASE_URL"] == ("sqlite:///other.db", "command line")
    assert sources["HUB_TIMEZONE"] == ("America/Manaus", str(file))
    assert sources["HUB_AMQP_URL"] == ("amqp://guest:***@localhost:5672/", "default")
    assert sources["HUB_SECRETS_PIX_WEBHOOK"] == ("***", str(file))
    assert settings.secrets("pix").webhook == ("from-the-file",)


def test_a_dot_env_in_the_working_folder_is_read(env: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("HUB_PREFETCH=7\n")
    env.chdir(tmp_path)
    env.delenv("HUB_ENV_FILE", raising=False)
    assert load_settings().prefetch == 7
    env.setenv("HUB_ENV_FILE", "")
    assert load_settings().prefetch == 512


def test_a_named_file_that_is_missing_is_an_error(env: pytest.MonkeyPatch, tmp_path: Path) -> None:
    env.setenv("HUB_ENV_FILE", str(tmp_path / "none"))
    assert "there is no file" in refusal()


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("HUB_PREFETCH", "many", "HUB_PREFETCH: input should be a valid integer"),
        ("HUB_PREFETCH", "0", "HUB_PREFETCH: input should be greater than or equal to 1"),
        ("HUB_TIMEZONE", "America/Sao_Paolo", "HUB_TIMEZONE: must be the name of a time zone"),
        ("HUB_TIMEZONE", "../etc/passwd", "HUB_TIMEZONE: must be the name of a time zone"),
        ("HUB_AMQP_URL", "http://u:hunter2@host/", "HUB_AMQP_URL: must be a URL that begins with amqp:// or amqps://"),
        ("HUB_AMQP_URL", "amqp://u:hunter2@host:port/", "HUB_AMQP_URL: must be a URL"),
        ("HUB_DATABASE_URL", "mysql://u:hunter2@host/hub", "HUB_DATABASE_URL: must be a URL that begins with postgresql://"),
        ("HUB_ROLES", '{"maria": "hunter2"}', "HUB_ROLES (maria): input should be 'viewer', 'operator' or 'supervisor'"),
        ("HUB_ROLES", "maria", "HUB_ROLES: must be a JSON object"),
        ("HUB_RETAIN_RAW", "30", "HUB_RETAIN_RAW: must be a duration"),
        ("HUB_RETAIN_RAW", "-1d", "HUB_RETAIN_RAW: must be a duration"),
        ("HUB_RETAIN_RAW", "999y", "HUB_RETAIN_RAW: must be a duration from 0 to 100 years"),
        ("HUB_POLICY_HOLD_ON_VALUE_MISMATCH", "below", "input should be 'above' or 'never'"),
        ("HUB_CARRIERS", "correios, custom", "HUB_CARRIERS: a carrier's code is"),
        ("HUB_CUSTOMER_LINK_SECRET", "hunter2", "HUB_CUSTOMER_LINK_SECRET: must have 32 characters"),
        ("HUB_SECRETS_PAGARME_WEBHOOK", '["hunter2', "HUB_SECRETS_PAGARME_WEBHOOK: must be a list"),
        ("HUB_SECRETS_PAGARME_REQUIRE_SIGNATURE", "hunter2", "HUB_SECRETS_PAGARME_REQUIRE_SIGNATURE: must be true or false"),
        ("HUB_SECRETS_PIX_JWKS", "hunter2", "HUB_SECRETS_PIX_JWKS: must be a JSON object"),
        ("HUB_MAP_PAGARME", '{"hunter2": "paid"}', "HUB_MAP_PAGARME: its values must be fact kinds"),
        ("HUB_BROKER_PASSWORDS", "hunter2", "HUB_BROKER_PASSWORDS: must be a list role=password"),
        ("HUB_MAP_PAGARME", "hunter2", "HUB_MAP_PAGARME: must be a JSON object"),
    ],
)
def test_an_error_names_variable_and_reason_and_never_the_value(env: pytest.MonkeyPatch, name: str, value: str, told: str) -> None:
    env.setenv(name, value)
    said = refusal()
    assert told in said
    assert "hunter2" not in said
    assert said.startswith(name)


def test_all_errors_are_told_at_once(env: pytest.MonkeyPatch) -> None:
    env.setenv("HUB_PREFETCH", "x")
    env.setenv("HUB_BATCH_MAX", "x")
    assert len(refusal().splitlines()) == 2


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("HUB_PREFECTH", "HUB_PREFETCH"),
        ("HUB_AMQPURL", "HUB_AMQP_URL"),
        ("HUB_AMQP_URI", "HUB_AMQP_URL"),
        ("HUB_ROLE", "HUB_ROLES"),
        ("HUB_POLICY_VOID_ON_CANCELL", "HUB_POLICY_VOID_ON_CANCEL"),
        ("HUB_VOID_ON_CANCEL", "HUB_POLICY_VOID_ON_CANCEL"),
        ("HUB_SECRET_PAGARME_WEBHOOK", "HUB_SECRETS_PAGARME_WEBHOOK"),
        ("HUB_SECRETS_PAGARME_WEBHOK", "HUB_SECRETS_PAGARME_WEBHOOK"),
        ("HUB_SECRETS_MELHOR_ENVIO_REQUIRE_SIGNATUR", "HUB_SECRETS_MELHOR_ENVIO_REQUIRE_SIGNATURE"),
        ("HUB_MAPS_PAGARME", "HUB_MAP_PAGARME"),
    ],
)
def test_a_near_miss_stops_the_start_with_a_hint(env: pytest.MonkeyPatch, name: str, meant: str) -> None:
    env.setenv(name, "1")
    assert refusal() == f"{name} is not a setting; did you mean {meant}?"


@pytest.mark.parametrize(
    "name",
    [
        # Other programs' and Kubernetes' names, and the tests' own.
        *("HUB_PORT", "HUB_HOST", "HUB_URL", "HUB_USER", "HUB_TOKEN", "HUB_CONFIG", "HUB_VERBOSE", "HUB_PROTOCOL", "HUB_GITHUB_TOKEN"),
        *("HUB_SERVICE_HOST", "HUB_PORT_8080_TCP_ADDR", "HUB_TESTING", "HUB_CRASH_AT", "HUB_TEST_AMQP_URL", "HUB_PROOF"),
        *("HUB_SECRETS_PAGARME_TOKEN", "HUB_SECRETS_PAGARME_BASE_URL", "HUB_SECRETS_PAGARME_WEBHOOK_USER", "HUB_MAP_PAGARME"),
    ],
)
def test_other_names_are_left_alone(name: str) -> None:
    assert list(near_misses([name])) == []


def test_no_setting_is_a_near_miss_of_another() -> None:
    assert list(near_misses(line.name for line in effective(Settings()))) == []


def test_secrets_of_a_provider_are_gathered(env: pytest.MonkeyPatch) -> None:
    env.setenv("HUB_SECRETS_PAGARME_WEBHOOK", "new, old")
    env.setenv("HUB_SECRETS_PAGARME_REQUIRE_SIGNATURE", "true")
    env.setenv("HUB_SECRETS_PAGARME_ACCOUNTS", "acc_1,acc_2")
    env.setenv("HUB_SECRETS_PAGARME_BASIC_USER", "shop")
    env.setenv("HUB_SECRETS_MELHOR_ENVIO_WEBHOOK", '["with, comma"]')
    env.setenv("HUB_SECRETS_PIX_JWKS", '{"keys": [{"kid": "k1", "kty": "RSA", "n": "n", "e": "AQAB", "key_ops": ["verify"]}]}')
    settings = load_settings()
    assert settings.secrets("pagarme") == Secrets(
        webhook=("new", "old"), require_signature=True, accounts=("acc_1", "acc_2"), extra={"basic_user": "shop"}
    )
    assert settings.secrets("melhor_envio").webhook == ("with, comma",)
    assert settings.secrets("pix").jwks == {"k1": {"kid": "k1", "kty": "RSA", "n": "n", "e": "AQAB"}}
    assert settings.secrets("pagarme") is settings.secrets("pagarme")


def test_no_secret_is_shown_anywhere(env: pytest.MonkeyPatch) -> None:
    env.setenv("HUB_SECRETS_PAGARME_WEBHOOK", "hunter2")
    env.setenv("HUB_SECRETS_PAGARME_TOKEN", "hunter2")
    env.setenv("HUB_SECRETS_PAGARME_BASE_URL", "https://shop:hunter2@api.invalid/core")
    env.setenv("HUB_CUSTOMER_LINK_SECRET", "hunter2" * 6)
    env.setenv("HUB_BROKER_PASSWORDS", "shop=hunter2, hub=hunter2=")
    env.setenv("HUB_AMQP_URL", "amqps://hub:hunter2@broker.invalid/shop")
    env.setenv("HUB_DATABASE_URL", "postgresql://hub:hunter2@db.invalid/hub?sslmode=require&sslpassword=hunter2")
    settings = load_settings()
    lines = {line.name: line.value for line in effective(settings)}
    for text in (repr(settings), str(settings), repr(lines)):
        assert "hunter2" not in text
    assert lines["HUB_AMQP_URL"] == "amqps://hub:***@broker.invalid/shop"
    assert lines["HUB_DATABASE_URL"] == "postgresql://hub:***@db.invalid/hub?sslmode=require&sslpassword=***"
    assert lines["HUB_SECRETS_PAGARME_BASE_URL"] == "https://shop:***@api.invalid/core"
    assert lines["HUB_BROKER_PASSWORDS"] == '{"shop": "***", "hub": "***"}'
    assert settings.broker_passwords["hub"].get_secret_value() == "hunter2="
    assert settings.amqp_user == "hub"


def test_words_are_mapped_per_provider(env: pytest.MonkeyPatch) -> None:
    env.setenv("HUB_MAP_MELHOR_ENVIO", '{"Saiu para entrega ao destinatário": "shipment.out_for_delivery"}')
    settings = load_settings()
    assert settings.word_map("melhor_envio") == {"Saiu para entrega ao destinatário": "shipment.out_for_delivery"}
    assert settings.word_map("pagarme") == {}


def test_carriers_have_titles(env: pytest.MonkeyPatch) -> None:
    env.setenv("HUB_CARRIERS", "correios, loggi = Loggi Express, motoboy")
    assert load_settings().carriers == {"correios": "Correios", "loggi": "Loggi Express", "motoboy": "motoboy"}
    env.setenv("HUB_CARRIERS", '{"correios": "Correios, SEDEX"}')
    assert load_settings().carriers == {"correios": "Correios, SEDEX"}


def test_roles_come_as_json(env: pytest.MonkeyPatch) -> None:
    env.setenv("HUB_ROLES", '{"maria": "operator", "os:ana": "supervisor"}')
    assert load_settings().roles == {"maria": "operator", "os:ana": "supervisor"}


def test_nothing_is_kept_when_retention_is_nought(env: pytest.MonkeyPatch) -> None:
    env.setenv("HUB_RETAIN_RAW", "0")
    settings = load_settings()
    assert settings.retention_of("payments.pix") is None
    assert settings.retention_of("erp.nfe") is not None


def test_settings_are_frozen() -> None:
    settings = Settings()
    with pytest.raises(ValidationError):
        settings.prefetch = 1  # type: ignore[misc]


def test_every_setting_tells_its_unit_and_default() -> None:
    for line in effective(Settings()):
        assert "; default " in line.description, line.name
        assert line.description.count(";") >= 2, line.name


@given(st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=36_000)))
def test_durations_are_read_as_they_are_written(duration: timedelta) -> None:
    whole = timedelta(seconds=int(duration.total_seconds()))
    assert parse_duration(format_duration(whole)) == whole


@given(st.text(max_size=30))
def test_any_text_is_a_list_or_refused(text: str) -> None:
    try:
        assert all(parse_list(text))
    except ValueError as error:
        assert text.lstrip().startswith("[")
        assert "must be a list" in str(error)


def test_distances_between_names() -> None:
    assert [edit_distance("abcd", other) for other in ("abcd", "abdc", "abd", "abcde", "xbcd", "dcba")] == [0, 1, 1, 1, 1, 3]


def test_urls_are_masked_and_other_text_is_not() -> None:
    assert masked_url("sqlite:///hub.db") == "sqlite:///hub.db"
    assert masked_url("amqp://host/") == "amqp://host/"
    assert masked_url("plain: text") == "plain: text"
