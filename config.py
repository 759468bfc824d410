"""Typed settings from the environment (``KIBALI_*``). In production the portal refuses to start without its secrets."""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args
from urllib.parse import urlsplit

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

Mode = Literal["production", "demo", "test"]
Country = Literal["RW", "CG"]
ROOT = Path(__file__).resolve().parent
DEFAULT_SECRET = "demo-secret-not-for-production"


class SettingsError(Exception):
    """A setting is missing or unsafe; the message says which and what to do."""


@dataclass(frozen=True)
class Settings:
    mode: Mode = "production"
    country: Country = "RW"
    database_url: str = field(default="", repr=False)  # it may hold a password
    secret_key: str = field(default="", repr=False)
    base_url: str = "http://127.0.0.1:8000"
    store: Path = ROOT / ".local" / "store"
    log_key: Path | None = None  # PEM of the Ed25519 key that signs the log; outside production made beside the store
    heads: Path | None = None  # the folder of the exported heads of the log; None: beside the store
    https: bool = True
    demo_accounts: bool = False
    mail_url: str = field(default="", repr=False)  # smtp://user:password@host:port, or empty: the demo mailbox only
    sms_url: str = field(default="", repr=False)  # africastalking://… or infobip://…; empty: no texts are offered
    momo_url: str = "http://127.0.0.1:8001"
    momo_subscription_key: str = field(default="", repr=False)
    momo_api_user: str = ""
    momo_api_key: str = field(default="", repr=False)
    momo_environment: str = ""  # MTN's X-Target-Environment; empty: the country's own
    seal: str = ""  # where certificates and keys are: file:<folder> or pkcs11:…; empty: records are not signed
    seal_pin: str = field(default="", repr=False)
    tsa_url: str = ""  # the time-stamp authority (RFC 3161)
    crl_url: str = ""  # revocation lists, when the portal cannot reach the addresses in the certificates
    clamav: str = ""  # ClamAV's socket or host:port; empty: files are not scanned for viruses
    webhook_private_hosts: bool = False  # allow delivery to loopback: the demo's marketplace
    metrics_token: str = field(default="", repr=False)  # who may read /metrics from elsewhere than this machine
    trusted_proxies: int = 0

    @property
    def log_folder(self) -> Path:
        """Beside the store: where the log's key and heads are unless the settings say otherwise."""
        return self.store.with_name(f"{self.store.name}-log")

    @property
    def demo(self) -> bool:
        return self.mode == "demo"

    def check(self) -> None:
        """Raise SettingsError for anything that would be unsafe or cannot work."""
        if self.mode not in get_args(Mode):
            raise SettingsError(f"KIBALI_MODE is {self.mode!r}; it must be production, demo or test.")
        if self.country not in get_args(Country):
            raise SettingsError(f"KIBALI_COUNTRY is {self.country!r}; it must be RW or CG.")
        if not self.database_url:
            raise SettingsError("KIBALI_DATABASE_URL is not set. Give it the address of a PostgreSQL 15 or newer.")
        if not _is_postgresql(self.database_url):
            raise SettingsError(
                "KIBALI_DATABASE_URL is not an address of a PostgreSQL database. "
                "Write it like this: postgresql://user:password@host:5432/name"
            )
        if not urlsplit(self.base_url).hostname:
            raise SettingsError(
                "KIBALI_BASE_URL is not an address. Give it the one people use, like https://permits.example."
            )
        if self.trusted_proxies < 0:
            raise SettingsError("KIBALI_TRUSTED_PROXIES is how many proxies stand in front: 0 or more.")
        for name, address in (("KIBALI_TSA_URL", self.tsa_url), ("KIBALI_CRL_URL", self.crl_url)):
            if address and not address.startswith(("http://", "https://")):
                raise SettingsError(f"{name} is not an http:// or https:// address.")
        if self.mode == "production":
            self._check_production()

    def _check_production(self) -> None:
        if len(self.secret_key) < 32 or self.secret_key == DEFAULT_SECRET:
            raise SettingsError(
                "KIBALI_SECRET_KEY is missing, short or the demo one. Set it to 32 or more random characters, "
                "for instance the output of: python -c 'import secrets; print(secrets.token_hex(32))'"
            )
        if self.log_key is None:
            raise SettingsError(
                "KIBALI_LOG_KEY is not set. Give it the path of a file with an Ed25519 key, which signs the audit log. "
                "To make one: openssl genpkey -algorithm ed25519 -out log-key.pem"
            )
        if not self.https or not self.base_url.startswith("https://"):
            raise SettingsError(
                "In production cookies must travel over HTTPS only: set KIBALI_BASE_URL to an https:// address "
                "and do not set KIBALI_HTTPS=0."
            )
        if self.demo_accounts:
            raise SettingsError("Demo accounts are not allowed in production: remove KIBALI_DEMO_ACCOUNTS.")
        if self.webhook_private_hosts:
            raise SettingsError("KIBALI_WEBHOOK_PRIVATE_HOSTS is for the demo: remove it in production.")
        if not self.mail_url.startswith(("smtp://", "smtps://")):
            raise SettingsError(
                "KIBALI_MAIL_URL is not set to an smtp:// or smtps:// address. Without mail nobody can confirm their "
                "address or choose a new password."
            )
        if self.sms_url and _leads_nowhere(self.sms_url):
            raise SettingsError(
                "KIBALI_SMS_URL is a stand-in or a sandbox, from which no text reaches anybody: give the provider's "
                "own address, or remove it."
            )
        if not (self.momo_subscription_key and self.momo_api_user and self.momo_api_key):
            raise SettingsError(
                "Fees cannot be paid: set KIBALI_MOMO_SUBSCRIPTION_KEY, KIBALI_MOMO_API_USER and KIBALI_MOMO_API_KEY "
                "to the credentials of the mobile-money service."
            )
        if self.momo_environment == "sandbox":
            raise SettingsError(
                "KIBALI_MOMO_ENVIRONMENT is the sandbox, which moves no money: remove it in production."
            )
        if not self.momo_url.startswith("https://"):
            raise SettingsError("KIBALI_MOMO_URL must begin with https:// in production: credentials travel to it.")
        if not self.seal:
            raise SettingsError(
                "KIBALI_SEAL is not set: nobody could tell an issued document from a forged one. "
                "Give it the certificates and keys of the agencies; docs/settings.md says how."
            )
        if not self.tsa_url:
            raise SettingsError(
                "KIBALI_TSA_URL is not set. Without a time stamp a signature proves nothing once its certificate ends."
            )


def _path(value: str) -> Path | None:
    return Path(value) if value else None


def _flag(value: str) -> bool:
    return value.strip().lower() in {"1", "true", "yes", "on"}


def _count(value: str) -> int:
    """The number; -1, which ``check`` refuses, for what is none."""
    text = value.strip() or "0"
    return int(text) if text.isascii() and text.isdigit() else -1


def load(environment: dict[str, str] | None = None) -> Settings:
    """Settings from ``environment`` (the process's by default), checked."""
    env = dict(os.environ) if environment is None else environment

    def get(name: str, default: str = "") -> str:
        return env.get(f"KIBALI_{name}", default)

    mode = get("MODE", "production")
    relaxed = mode in {"demo", "test"}
    settings = Settings(
        mode=mode,  # type: ignore[arg-type]  # check() below refuses any other word
        country=get("COUNTRY", "RW").upper(),  # type: ignore[arg-type]
        database_url=_psycopg(get("DATABASE_URL")),
        secret_key=get("SECRET_KEY", DEFAULT_SECRET if relaxed else ""),
        base_url=get("BASE_URL", "http://127.0.0.1:8000").rstrip("/"),
        store=Path(get("STORE", str(ROOT / ".local" / "store"))),
        log_key=_path(get("LOG_KEY")),
        heads=_path(get("HEADS")),
        https=_flag(get("HTTPS", "0" if relaxed else "1")),
        demo_accounts=_flag(get("DEMO_ACCOUNTS", "1" if mode == "demo" else "0")),
        mail_url=get("MAIL_URL"),
        sms_url=get("SMS_URL"),
        momo_url=get("MOMO_URL", "http://127.0.0.1:8001").rstrip("/"),
        momo_subscription_key=get("MOMO_SUBSCRIPTION_KEY", "demo-subscription" if relaxed else ""),
        momo_api_user=get("MOMO_API_USER", "5f0c1f3e-0000-4000-8000-00000000000a" if relaxed else ""),
        momo_api_key=get("MOMO_API_KEY", "demo-api-key" if relaxed else ""),
        momo_environment=get("MOMO_ENVIRONMENT", "sandbox" if relaxed else ""),
        seal=get("SEAL"),
        seal_pin=get("SEAL_PIN"),
        tsa_url=get("TSA_URL"),
        crl_url=get("CRL_URL").rstrip("/"),
        clamav=get("CLAMAV"),
        webhook_private_hosts=_flag(get("WEBHOOK_PRIVATE_HOSTS", "1" if relaxed else "0")),
        metrics_token=get("METRICS_TOKEN"),
        trusted_proxies=_count(get("TRUSTED_PROXIES")),
    )
    settings.check()
    return settings


def _leads_nowhere(sms_url: str) -> bool:
    parts = urlsplit(sms_url)
    host = parts.hostname or ""
    return host in {"localhost", "127.0.0.1", "::1"} or "sandbox" in (parts.username, *host.split("."))


def _is_postgresql(url: str) -> bool:
    try:
        return make_url(url).drivername == "postgresql+psycopg"
    except (ArgumentError, ValueError):  # the second: a port that is no number
        return False


def _psycopg(url: str) -> str:
    """Accept the usual spellings of a PostgreSQL address."""
    for prefix in ("postgres://", "postgresql://"):
        if url.startswith(prefix):
            return "postgresql+psycopg://" + url.removeprefix(prefix)
    return url
