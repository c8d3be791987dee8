"""Settings, from the environment only. Composition root: may name any app, imported by none.

A missing setting in production fails loudly at start. On one machine the launcher writes `<data dir>/local.json`;
a command typed by hand reads it, so that it finds the running local database and broker.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = Path(os.environ.get("CAPACITY_DATA_DIR") or BASE_DIR / "var")
# web | worker | beat | command: decides how long a statement may run.
PROCESS = os.environ.get("CAPACITY_PROCESS", "command")


def _local_start() -> dict[str, Any]:
    """What the launcher wrote for commands typed by hand; empty when no local start is known."""
    try:
        return json.loads((DATA_DIR / "local.json").read_text())
    except FileNotFoundError:
        return {}


_LOCAL = _local_start()


def _setting(name: str, local_key: str | None = None, default: str | None = None) -> str:
    value = os.environ.get(name) or _LOCAL.get(local_key or name.lower()) or default
    if value is None:
        raise ImproperlyConfigured(
            f"{name} is not set. Start everything on this machine with 'make run', or set {name} in the environment."
        )
    return str(value)


def _flag(name: str, default: bool = False) -> bool:
    return os.environ.get(name, "1" if default else "0").strip().lower() in {"1", "true", "yes", "on"}


def _list(name: str, default: str = "") -> list[str]:
    return [part.strip() for part in os.environ.get(name, default).split(",") if part.strip()]


def database_from_url(url: str) -> dict[str, Any]:
    """A PostgreSQL connection from `postgresql://user:password@host:port/name?host=/socket/folder`."""
    parts = urlsplit(url)
    if parts.scheme not in {"postgres", "postgresql"}:
        raise ImproperlyConfigured(f"DATABASE_URL must start with postgresql:// (it starts with {parts.scheme}://)")
    query = dict(parse_qsl(parts.query))
    statement_seconds = {"web": 5, "worker": 60, "beat": 15}.get(PROCESS, 600)
    timeouts = (
        f"-c statement_timeout={statement_seconds}s -c lock_timeout={min(statement_seconds, 5)}s "
        f"-c idle_in_transaction_session_timeout={max(60, statement_seconds)}s -c timezone=UTC"
    )
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": query.pop("host", None) or unquote(parts.hostname or ""),
        "PORT": str(query.pop("port", None) or parts.port or ""),
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {"options": timeouts, "connect_timeout": 5, **query},
    }


def mail_from_url(url: str) -> dict[str, Any]:
    """Django's mail settings from `smtp://user:password@host:587?tls=1`, `smtps://…`, `file:///folder`, `console:`.

    Empty: no mail is sent.
    """
    if not url:
        return {"EMAIL_BACKEND": "django.core.mail.backends.dummy.EmailBackend"}
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query))
    if parts.scheme == "console":
        return {"EMAIL_BACKEND": "django.core.mail.backends.console.EmailBackend"}
    if parts.scheme == "file" and parts.path:
        return {
            "EMAIL_BACKEND": "django.core.mail.backends.filebased.EmailBackend",
            "EMAIL_FILE_PATH": unquote(parts.path),
        }
    if parts.scheme not in {"smtp", "smtps"} or not parts.hostname:
        # The address may hold a password: only its beginning is told.
        raise ImproperlyConfigured(f"EMAIL_URL must be smtp://, smtps:// or file:///… (it starts with {parts.scheme}:)")
    is_ssl = parts.scheme == "smtps"
    return {
        "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend",
        "EMAIL_HOST": parts.hostname,
        "EMAIL_PORT": parts.port or (465 if is_ssl else 25),
        "EMAIL_HOST_USER": unquote(parts.username or ""),
        "EMAIL_HOST_PASSWORD": unquote(parts.password or ""),
        "EMAIL_USE_SSL": is_ssl,
        "EMAIL_USE_TLS": not is_ssl and query.get("tls", "") in {"1", "true", "yes"},
        "EMAIL_TIMEOUT": 10,
    }


DEBUG = _flag("DEBUG")
SECRET_KEY = _setting("SECRET_KEY")
if not DEBUG and (len(SECRET_KEY) < 32 or SECRET_KEY.startswith("django-insecure")):
    raise ImproperlyConfigured("SECRET_KEY is too weak: give at least 32 random characters.")
SECRET_KEY_FALLBACKS = _list("SECRET_KEY_FALLBACKS")
ALLOWED_HOSTS = _list("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
if not DEBUG and "*" in ALLOWED_HOSTS:
    raise ImproperlyConfigured("ALLOWED_HOSTS must name the hosts; '*' lets anyone forge links.")
CSRF_TRUSTED_ORIGINS = _list("CSRF_TRUSTED_ORIGINS")
# Behind TLS (production): SECURE=1 turns on secure cookies, HSTS and the redirect to https.
SECURE = _flag("SECURE")

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "pgtrigger",
    "pghistory",
    "axes",
    "django_htmx",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "django_celery_beat",
    "django_celery_results",
    "capacity.access",
    "capacity.imports",
    "capacity.decisions",
    "capacity.inventory",
    "capacity.allocation",
    "workloads",
    "contracts",
    "capacity.review",
    "capacity.demo",
]

MIDDLEWARE = [
    "capacity.access.middleware.RequestIdMiddleware",
    "capacity.access.middleware.ApiErrorsMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "capacity.access.middleware.ContentPolicyMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "capacity.access.middleware.SessionLimitsMiddleware",
    "capacity.access.middleware.FirstStepsMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "capacity.access.middleware.HistoryMiddleware",
    "axes.middleware.AxesMiddleware",
    "capacity.access.middleware.OddTextMiddleware",
]

ROOT_URLCONF = "capacity.urls"
WSGI_APPLICATION = "capacity.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "capacity.review.context.frame",
            ],
        },
    },
]

# The application's role cannot change the schema nor rewrite plans; the owner's role migrates (manage.py picks it).
_app_url = _setting("DATABASE_URL")
_owner_url = os.environ.get("DATABASE_OWNER_URL") or _LOCAL.get("database_owner_url") or _app_url
DATABASES = {"default": database_from_url(_owner_url if os.environ.get("CAPACITY_DB_ROLE") == "owner" else _app_url)}
DATABASE_APP_ROLE = database_from_url(_app_url)["USER"]
DATABASE_OWNER_ROLE = database_from_url(_owner_url)["USER"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "access.User"
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "capacity.access.backends.AccountBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
# What the page of the first account asks for; empty: a code that follows from the secret key.
SETUP_CODE = os.environ.get("SETUP_CODE") or _LOCAL.get("setup_code") or ""
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "login"
# Ten wrong passwords lock that account from that address for a quarter of an hour.
AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = 0.25
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_ENABLE_ADMIN = False
AXES_VERBOSE = False
AXES_LOCKOUT_TEMPLATE = "registration/locked.html"

SESSION_COOKIE_AGE = 12 * 3600
SESSION_IDLE_SECONDS = 30 * 60
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = SECURE
CSRF_COOKIE_SECURE = SECURE
SECURE_SSL_REDIRECT = SECURE
SECURE_HSTS_SECONDS = 31_536_000 if SECURE else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE
SECURE_HSTS_PRELOAD = SECURE
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
if SECURE:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

LANGUAGE_CODE = "en-us"
USE_I18N = False
USE_TZ = True
TIME_ZONE = "UTC"

STATIC_URL = "/static/"
STATIC_ROOT = DATA_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATICFILES_FINDERS = [
    "django.contrib.staticfiles.finders.FileSystemFinder",
    "django.contrib.staticfiles.finders.AppDirectoriesFinder",
    "capacity.review.finders.PlotlyFinder",
]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
# The chart library is one setting, so that a smaller bundle is a change of one line.
PLOTLY_JS = "vendor/plotly.min.js"

CELERY_BROKER_URL = _setting("CELERY_BROKER_URL", "broker_url")
CELERY_RESULT_BACKEND = "django-db"
CELERY_RESULT_EXTENDED = False
CELERY_RESULT_EXPIRES = 7 * 24 * 3600
CELERY_TASK_IGNORE_RESULT = True
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"
# Each tick is written at once, so that /healthz can tell a beat that is silent.
CELERY_BEAT_SYNC_EVERY = 1
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_DEFAULT_QUEUE = "celery"
CELERY_TASK_ROUTES = {"capacity.review.tasks.answer_what_if": {"queue": "what_if"}}
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_SOFT_TIME_LIMIT = int(os.environ.get("TASK_SOFT_SECONDS", "570"))
CELERY_TASK_TIME_LIMIT = int(os.environ.get("TASK_HARD_SECONDS", "600"))
CELERY_WORKER_MAX_TASKS_PER_CHILD = 100
CELERY_TIMEZONE = "UTC"
CELERY_BROKER_TRANSPORT_OPTIONS = {
    # A task longer than the visibility timeout would run twice; kombu looks for lost messages only this often.
    "visibility_timeout": 1300,
    "unacked_restore_interval": 30,
    "unacked_restore_throttle": 30,
    "socket_timeout": 5,
    "socket_connect_timeout": 1,
    "max_retries": 1,
}
# Saving an edit never waits for a broker that is down; the sweeper publishes what was missed.
CELERY_TASK_PUBLISH_RETRY = False

# The recompute: how long edits may settle, how long a claim holds without a heartbeat, how often it is tried.
RECOMPUTE_SETTLE_SECONDS = float(os.environ.get("RECOMPUTE_SETTLE_SECONDS", "2"))
RECOMPUTE_MAX_WAIT_SECONDS = float(os.environ.get("RECOMPUTE_MAX_WAIT_SECONDS", "8"))
RECOMPUTE_LEASE_SECONDS = float(os.environ.get("RECOMPUTE_LEASE_SECONDS", "45"))
RECOMPUTE_MAX_ATTEMPTS = 3
SWEEP_SECONDS = float(os.environ.get("SWEEP_SECONDS", "20"))
PLAN_HOUR_UTC = 6
# What reads the inputs and computes the plan (a capacity.review.cycle.PlanSource).
PLAN_SOURCE = os.environ.get("PLAN_SOURCE", "capacity.review.plan_source.ReviewPlanSource")
PLAN_OLD_AFTER_HOURS = 24
# Unanswered what-ifs one person may have waiting, and hot models a what-if worker keeps in memory.
WHAT_IFS_WAITING_AT_MOST = 5
WHAT_IF_HOT_PLANS = 2

# Notices by e-mail: without EMAIL_URL they are shown in the product only. Links in mails need PUBLIC_URL.
EMAIL_URL = os.environ.get("EMAIL_URL", "").strip()
MAIL_IS_ON = bool(EMAIL_URL)
globals().update(mail_from_url(EMAIL_URL))
DEFAULT_FROM_EMAIL = os.environ.get("EMAIL_FROM") or "Capacity Review <capacity-review@localhost>"
PUBLIC_URL = os.environ.get("PUBLIC_URL", "").strip().rstrip("/")
if PUBLIC_URL and not PUBLIC_URL.startswith(("https://", "http://")):
    raise ImproperlyConfigured("PUBLIC_URL is the address people open, such as https://capacity.example.org")

CELERY_BEAT_SCHEDULE = {
    "sweep-runs": {"task": "capacity.review.tasks.sweep_runs", "schedule": SWEEP_SECONDS},
    "scheduled-plan": {"task": "capacity.review.tasks.run_scheduled_plan", "schedule": 60.0},
    "contracts-by-clock": {"task": "capacity.review.tasks.move_contracts", "schedule": 60.0},
    "notices": {"task": "capacity.review.tasks.send_notices", "schedule": 60.0},
    # Each tick after 07:00 UTC: whoever has had today's digest gets no second one.
    "notice-digests": {"task": "capacity.review.tasks.send_digests", "schedule": 60.0},
}

REST_FRAMEWORK = {
    # Tokens first: the first one's way of signing in is what a 401 asks for.
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "capacity.access.api_auth.TokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "EXCEPTION_HANDLER": "capacity.access.api_errors.handle",
    "DEFAULT_THROTTLE_CLASSES": ["capacity.access.api_auth.TokenRate"],
    "DEFAULT_THROTTLE_RATES": {"token": os.environ.get("API_TOKEN_RATE", "600/min")},
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_PAGINATION_CLASS": "capacity.review.api.PageOfRows",
    "PAGE_SIZE": 100,
    "COERCE_DECIMAL_TO_STRING": True,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Capacity Review API",
    "DESCRIPTION": "Reads plans and reviews under the same visibility rules as the pages.",
    "VERSION": "v1",
    "SERVE_INCLUDE_SCHEMA": False,
    # Two states that the API tells by the same name; the keys as the models have them.
    "ENUM_NAME_OVERRIDES": {
        "WhatIfStateEnum": ["queued", "running", "done", "failed"],
        "ProposalStateEnum": ["waiting", "approved", "returned", "withdrawn", "stale"],
    },
}

START_TOKEN = os.environ.get("CAPACITY_START_TOKEN", "")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": "INFO"},
}
