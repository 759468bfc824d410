"""For those who run the portal: is it alive (/healthz), may it have traffic (/readyz), how is it doing (/metrics)."""

import hmac
import ipaddress
import os
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import structlog
from flask import Blueprint, Response, current_app, g, jsonify, request
from flask.blueprints import BlueprintSetupState
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from app.core import db, logging
from app.core.errors import NotFound
from app.identity.policy import Permission
from app.web.guards import requires

blueprint = Blueprint("operations", __name__)
log: Any = structlog.get_logger("kibali.requests")
_QUIET = frozenset({"static", "operations.alive", "operations.ready", "operations.metrics"})

MIGRATIONS = Path(__file__).resolve().parent.parent.parent / "migrations" / "versions"

# With several worker processes PROMETHEUS_MULTIPROC_DIR names the folder in which they add up their numbers.
_SHARED = bool(os.environ.get("PROMETHEUS_MULTIPROC_DIR"))
_process = CollectorRegistry()
requests_total = Counter(
    "kibali_requests_total", "Requests answered.", ["method", "endpoint", "status"], registry=_process
)
request_seconds = Histogram(
    "kibali_request_seconds",
    "Time to answer a request.",
    ["endpoint"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
    registry=_process,
)


class _Jobs(Collector):
    """The queue, read from the database when asked: the same answer from every process."""

    def collect(self) -> Iterator[Metric]:
        jobs = GaugeMetricFamily("kibali_jobs", "Jobs that wait, run, or failed for good.", labels=["status"])
        waiting = GaugeMetricFamily("kibali_jobs_oldest_seconds", "How long the job that is due longest has waited.")
        up = GaugeMetricFamily("kibali_database_up", "1 when the database answers.")
        try:
            with db.database().engine.connect() as connection:
                counts: dict[str, int] = {status: count for status, count in connection.execute(_JOBS)}  # noqa: C416
                oldest = connection.execute(_OLDEST).scalar()
        except SQLAlchemyError:
            up.add_metric([], 0)
        else:
            up.add_metric([], 1)
            for status in ("todo", "doing", "failed"):
                jobs.add_metric([status], counts.get(status, 0))
            waiting.add_metric([], float(oldest or 0))
        yield from (up, jobs, waiting)


_JOBS = text(
    "SELECT status::text, count(*) FROM procrastinate_jobs WHERE status IN ('todo', 'doing', 'failed') GROUP BY 1"
)
_OLDEST = text(
    "SELECT extract(epoch FROM now() - min(coalesce(job.scheduled_at, event.at))) FROM procrastinate_jobs job"
    " LEFT JOIN procrastinate_events event ON event.job_id = job.id AND event.type = 'deferred'"
    " WHERE job.status = 'todo' AND (job.scheduled_at IS NULL OR job.scheduled_at <= now())"
)


@blueprint.record_once
def _measure_everything(state: BlueprintSetupState) -> None:
    """The clock and the request's id come before every other hook, so that what the guards do is counted and logged."""
    state.app.before_request_funcs.setdefault(None, []).insert(0, _begin)
    state.app.teardown_request(lambda error: logging.unbind_request())


def _begin() -> None:
    g.request_id = logging.bind_request(request.headers.get("X-Request-Id"))
    g.started = time.perf_counter()


@blueprint.after_app_request
def _count(response: Response) -> Response:
    endpoint = request.endpoint or "none"
    seconds = time.perf_counter() - g.started
    requests_total.labels(request.method, endpoint, response.status_code).inc()
    request_seconds.labels(endpoint).observe(seconds)
    response.headers["X-Request-Id"] = g.request_id
    if endpoint not in _QUIET:
        # The rule, not the path: paths carry codes and references.
        rule = request.url_rule.rule if request.url_rule else ""
        log.info("request", method=request.method, rule=rule, status=response.status_code, ms=round(seconds * 1000, 1))
    return response


@blueprint.get("/healthz")
@requires(Permission.PUBLIC)
def alive() -> Response:
    """The process answers; nothing else is asked, so that a database outage does not restart every web process."""
    return _plain("ok\n")


@blueprint.get("/readyz")
@requires(Permission.PUBLIC)
def ready() -> tuple[Response, int]:
    """Whether requests can be served: the database answers and its schema is the one this code was written for."""
    checks = {"database": False, "schema": False}
    try:
        with db.database().engine.connect() as connection:
            connection.execute(text("SET LOCAL statement_timeout = '2s'"))
            checks["database"] = True
            found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
            checks["schema"] = found == newest_migration()
    except SQLAlchemyError:
        current_app.logger.warning("not ready", exc_info=True)
    response = jsonify({"ready": all(checks.values()), **checks})
    response.headers["Cache-Control"] = "no-store"
    return response, 200 if all(checks.values()) else 503


@blueprint.get("/metrics")
@requires(Permission.PUBLIC)
def metrics() -> Response:
    """Numbers for Prometheus, to this machine itself or to the bearer of the metrics token; nobody else knows of it."""
    if not _may_read_metrics():
        raise NotFound
    if _SHARED:
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    else:
        registry = _process
    queue = CollectorRegistry()
    queue.register(_Jobs())
    response = _plain(generate_latest(registry) + generate_latest(queue))
    response.headers["Content-Type"] = CONTENT_TYPE_LATEST
    return response


def _may_read_metrics() -> bool:
    token = str(current_app.config.get("METRICS_TOKEN") or "")
    given = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if token and hmac.compare_digest(given.encode(), token.encode()):
        return True
    # A request that a proxy on this machine passed on also comes from loopback: the header tells it apart.
    if any(name in request.headers for name in ("X-Forwarded-For", "Forwarded", "X-Real-IP", "Via")):
        return False
    try:
        return ipaddress.ip_address(request.remote_addr or "").is_loopback
    except ValueError:
        return False


@cache
def newest_migration() -> str:
    """The revision the schema must have: migrations are numbered and in one line."""
    return max(path.name.partition("_")[0] for path in MIGRATIONS.glob("[0-9]*.py"))


def _plain(body: str | bytes) -> Response:
    return Response(body, mimetype="text/plain", headers={"Cache-Control": "no-store"})
