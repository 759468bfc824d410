"""Settings: production refuses what is unsafe; each refusal says what to do."""

from pathlib import Path

import pytest

from config import DEFAULT_SECRET, SettingsError, load

SAFE = {
    "KIBALI_DATABASE_URL": "postgresql://kibali@db.example/kibali",
    "KIBALI_SECRET_KEY": "x" * 40,
    "KIBALI_BASE_URL": "https://permits.example",
    "KIBALI_MAIL_URL": "smtps://portal:mail-password@mail.example",
    "KIBALI_MOMO_URL": "https://momo.example",
    "KIBALI_MOMO_SUBSCRIPTION_KEY": "subscription",
    "KIBALI_MOMO_API_USER": "5f0c1f3e-0000-4000-8000-000000000001",
    "KIBALI_MOMO_API_KEY": "key",
    "KIBALI_LOG_KEY": "/etc/kibali/log-key.pem",
    "KIBALI_SEAL": "pkcs11:/usr/lib/hsm.so?token=kibali&label=seal-{agency}&certificates=/etc/kibali/seal",
    "KIBALI_TSA_URL": "https://tsa.example",
}
DEMO = {"KIBALI_MODE": "demo", "KIBALI_DATABASE_URL": "postgres://kibali@localhost/kibali"}


def test_production_is_the_default_and_takes_safe_settings() -> None:
    settings = load(dict(SAFE))
    assert settings.mode == "production"
    assert settings.https
    assert not settings.demo_accounts
    assert not settings.webhook_private_hosts
    assert settings.database_url == "postgresql+psycopg://kibali@db.example/kibali"


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"KIBALI_SECRET_KEY": ""}, "KIBALI_SECRET_KEY"),
        ({"KIBALI_SECRET_KEY": "short"}, "KIBALI_SECRET_KEY"),
        ({"KIBALI_SECRET_KEY": DEFAULT_SECRET}, "KIBALI_SECRET_KEY"),
        ({"KIBALI_BASE_URL": "http://permits.example"}, "KIBALI_BASE_URL"),
        ({"KIBALI_HTTPS": "0"}, "KIBALI_HTTPS"),
        ({"KIBALI_DEMO_ACCOUNTS": "1"}, "KIBALI_DEMO_ACCOUNTS"),
        ({"KIBALI_WEBHOOK_PRIVATE_HOSTS": "yes"}, "KIBALI_WEBHOOK_PRIVATE_HOSTS"),
        ({"KIBALI_DATABASE_URL": ""}, "KIBALI_DATABASE_URL"),
        ({"KIBALI_COUNTRY": "FR"}, "KIBALI_COUNTRY"),
        ({"KIBALI_MODE": "staging"}, "KIBALI_MODE"),
        ({"KIBALI_BASE_URL": "https://"}, "KIBALI_BASE_URL"),
        ({"KIBALI_TRUSTED_PROXIES": "one"}, "KIBALI_TRUSTED_PROXIES"),
        ({"KIBALI_TRUSTED_PROXIES": "-1"}, "KIBALI_TRUSTED_PROXIES"),
        ({"KIBALI_MAIL_URL": ""}, "KIBALI_MAIL_URL"),
        ({"KIBALI_MAIL_URL": "mail.example"}, "KIBALI_MAIL_URL"),
        ({"KIBALI_SMS_URL": "africastalking://portal:key@127.0.0.1:8004"}, "KIBALI_SMS_URL"),
        ({"KIBALI_SMS_URL": "africastalking://sandbox:key@api.africastalking.com"}, "KIBALI_SMS_URL"),
        ({"KIBALI_SMS_URL": "africastalking://portal:key@api.sandbox.africastalking.com"}, "KIBALI_SMS_URL"),
        ({"KIBALI_MOMO_URL": "http://momo.example"}, "KIBALI_MOMO_URL"),
        ({"KIBALI_MOMO_SUBSCRIPTION_KEY": ""}, "KIBALI_MOMO_SUBSCRIPTION_KEY"),
        ({"KIBALI_MOMO_API_USER": ""}, "KIBALI_MOMO_API_USER"),
        ({"KIBALI_MOMO_API_KEY": ""}, "KIBALI_MOMO_API_KEY"),
        ({"KIBALI_LOG_KEY": ""}, "KIBALI_LOG_KEY"),
        ({"KIBALI_SEAL": ""}, "KIBALI_SEAL"),
        ({"KIBALI_TSA_URL": ""}, "KIBALI_TSA_URL"),
        ({"KIBALI_TSA_URL": "ftp://tsa.example"}, "KIBALI_TSA_URL"),
        ({"KIBALI_CRL_URL": "/lists"}, "KIBALI_CRL_URL"),
    ],
)
def test_production_refuses_what_is_unsafe_and_names_the_setting(changes: dict[str, str], names: str) -> None:
    with pytest.raises(SettingsError, match=names):
        load(SAFE | changes)


def test_the_demo_needs_nothing_but_a_database() -> None:
    settings = load(dict(DEMO))
    assert settings.demo
    assert settings.demo_accounts
    assert not settings.https
    assert settings.secret_key


def test_demo_accounts_belong_to_the_demo_alone() -> None:
    assert not load(DEMO | {"KIBALI_MODE": "test"}).demo_accounts


@pytest.mark.parametrize("spelling", ["postgres://a@h/d", "postgresql://a@h/d", "postgresql+psycopg://a@h/d"])
def test_every_usual_spelling_of_the_address_is_taken(spelling: str) -> None:
    assert load(DEMO | {"KIBALI_DATABASE_URL": spelling}).database_url == "postgresql+psycopg://a@h/d"


def test_lower_case_country_and_a_closing_slash_are_forgiven() -> None:
    settings = load(DEMO | {"KIBALI_COUNTRY": "cg", "KIBALI_BASE_URL": "http://127.0.0.1:8010/"})
    assert settings.country == "CG"
    assert settings.base_url == "http://127.0.0.1:8010"


def test_the_store_is_where_it_is_told(tmp_path: Path) -> None:
    assert load(DEMO | {"KIBALI_STORE": str(tmp_path)}).store == tmp_path


def test_secrets_do_not_show_when_settings_are_printed() -> None:
    settings = load(SAFE | {"KIBALI_MOMO_API_KEY": "momo-key-value", "KIBALI_MOMO_SUBSCRIPTION_KEY": "momo-sub-value"})
    shown = repr(settings)
    assert "mail-password" not in shown
    assert "x" * 40 not in shown
    assert "momo-key-value" not in shown
    assert "momo-sub-value" not in shown
