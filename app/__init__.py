"""Kibali. ``create_app`` wires the parts together and does nothing else."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

    from config import Settings

# Pages, in the order their routes are read. Services and trade bring their own.
BLUEPRINTS = (
    "app.web.operations",
    "app.web.published_log",
    "app.web.public",
    "app.web.privacy_request",
    "app.web.accounts",
    "app.web.admin",
    "app.web.applicant",
    "app.web.desk",
    "app.web.advice_link",
    "app.web.auditor",
    "app.web.retention",
    "app.web.businesses",
    "app.web.permits",
    "app.web.payments",
    "app.web.inbox",
    "app.web.mailbox",
    "app.web.texts",
    "app.web.downloads",
    "app.web.copies",
    "app.web.verify",
    "app.web.record_schemas",
    "app.trade.views",
    "app.trade.api",
    "app.api.views",
)


def configure(settings: Settings) -> None:
    """Set the process up without a web server: database, pack, store, services. The worker and commands use it too."""
    from app import notifications
    from app.audit import heads, logkey
    from app.cases import registry
    from app.core import db
    from app.documents import pdf, store, uploads
    from app.fees import providers
    from app.fees.providers.mtn_momo import MtnMomo
    from app.identity import keys
    from app.installed import SERVICES
    from app.jurisdictions import load
    from app.models_index import import_models
    from app.outbox import sending
    from config import SettingsError

    import_models()
    keys.configure(settings.secret_key)
    load.configure(settings.country)
    store.configure(settings.store)
    uploads.configure(settings.clamav)
    try:
        log_key = logkey.load(settings.log_key or settings.log_folder / "key.pem", create=settings.mode != "production")
    except logkey.KeyUnusable as error:
        raise SettingsError(f"{error} Check KIBALI_LOG_KEY.") from error
    heads.configure(log=f"{settings.base_url}/log", key=log_key, folder=settings.heads or settings.log_folder / "heads")
    pdf.configure(base_url=settings.base_url, demo=settings.demo)
    _configure_seals(settings)
    notifications.configure(base_url=settings.base_url, mail_url=settings.mail_url)
    _configure_texts(settings)
    sending.configure(private_hosts=settings.webhook_private_hosts)
    providers.configure(
        MtnMomo(
            url=settings.momo_url,
            subscription_key=settings.momo_subscription_key,
            api_user=settings.momo_api_user,
            api_key=settings.momo_api_key,
            environment=settings.momo_environment or load.current().mobile_money.target_environment,
            callback_url=settings.base_url,
        )
    )
    registry.install(SERVICES)
    db.use(settings.database_url)
    import_module("app.cases.verbs")
    import_module("app.tasks_index").import_tasks()
    if settings.mode == "production":
        _refuse_demo_accounts()


def _configure_texts(settings: Settings) -> None:
    """Raise SettingsError for an address of a provider that cannot be used."""
    from app.notifications import sms
    from app.notifications.sms import setting, tasks
    from config import SettingsError

    try:
        sms.configure(setting.provider(settings.sms_url, base_url=settings.base_url))
    except setting.SettingUnusable as error:
        raise SettingsError(str(error)) from None
    tasks.configure(keep_secrets=settings.demo)


def _configure_seals(settings: Settings) -> None:
    """Raise SettingsError for a seal that cannot be used, in production also for one that is not meant seriously."""
    from app.documents import signing
    from app.documents.seals import SealError
    from app.jurisdictions import load
    from config import SettingsError

    try:
        signing.configure(settings.seal, pin=settings.seal_pin, tsa_url=settings.tsa_url, crl_url=settings.crl_url)
        if settings.mode == "production":
            signing.check(agency.code for agency in load.current().agencies)
    except SealError as error:
        raise SettingsError(str(error)) from None


def _refuse_demo_accounts() -> None:
    """Raise SettingsError when people of the demo are in the database. One that is away is told of by ``/readyz``."""
    from sqlalchemy import select
    from sqlalchemy.exc import DBAPIError

    from app.core import db
    from app.identity.models import User
    from config import SettingsError

    try:
        with db.unit_of_work(commit=False) as session:
            found = session.scalar(select(User.id).where(User.is_demo, User.disabled_at.is_(None)).limit(1))
    except DBAPIError:
        return
    if found is not None:
        raise SettingsError(
            "The database has demo accounts, whose password everybody knows. "
            "Give production a database without demo data."
        )


def create_app(settings: Settings | None = None) -> Flask:
    """The portal as a WSGI application. Raises ``config.SettingsError`` when a setting is missing or unsafe."""
    from flask import Flask

    import config
    from app import api
    from app.web import compression, errors, guards, hooks, templating

    settings = settings or config.load()
    configure(settings)
    app = Flask(
        "app",
        root_path=str(config.ROOT),
        template_folder=str(config.ROOT / "templates"),
        static_folder=str(config.ROOT / "static"),
    )
    app.config.update(SECRET_KEY=settings.secret_key, KIBALI=settings, METRICS_TOKEN=settings.metrics_token)
    compression.install(app)
    hooks.install(app)
    guards.load_guards(app)
    templating.install(app)
    errors.install(app)
    api.install(app, errors.delegate)
    for name in BLUEPRINTS:
        app.register_blueprint(import_module(name).blueprint)
    return app
