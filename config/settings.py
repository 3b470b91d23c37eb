"""All settings in one file: read from the environment, complete without any of it, loud about mistakes."""

import ipaddress
import logging
import os
import secrets
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

from config import embedded
from config.logs import configure
from config.places import PlaceUnusable, make_data_dir, past_wanted
from config.queue import connection_settings

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()


def _secret_key(data_dir: Path) -> str:
    """The key of this installation: given, or made once and kept in the data folder for its owner only."""
    if given := env.str("SECRET_KEY", default=""):
        return given
    kept = data_dir / "secret_key"
    if not kept.exists():
        _keep_new_key(kept)
    return kept.read_text().strip()


def _keep_new_key(kept: Path) -> None:
    try:
        make_data_dir(kept.parent)
    except PlaceUnusable as problem:
        raise ImproperlyConfigured(f"{problem}; or give SECRET_KEY in the environment") from problem
    fresh = kept.with_name(f".secret_key.{os.getpid()}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_urlsafe(50))
    try:
        os.link(fresh, kept)  # unlike a rename it never replaces the key that a twin has just made
    except FileExistsError:
        pass
    finally:
        fresh.unlink()


def _origin(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.path.strip("/"):
        raise ImproperlyConfigured(f"DESK_URL must look like https://desk.example, not {url!r}")
    return f"{parts.scheme}://{parts.netloc}"


def _networks(given: list[str]) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    try:
        return [ipaddress.ip_network(one, strict=False) for one in given]
    except ValueError as problem:
        raise ImproperlyConfigured(f"HANDOFFS_METRICS_ADDRESSES lists addresses and networks: {problem}") from problem


# --- where it lives -------------------------------------------------------------------------------------------------

DATA_DIR = Path(env.str("DATA_DIR", default="") or BASE_DIR / ".data").absolute()
PORT = env.int("PORT", default=8000)
DESK_URL = _origin(env.str("DESK_URL", default="") or f"http://127.0.0.1:{PORT}")
DEBUG = env.bool("DEBUG", default=False)
SECRET_KEY = _secret_key(DATA_DIR)
ALLOWED_HOSTS = [*env.list("ALLOWED_HOSTS", default=["127.0.0.1", "localhost", "[::1]"]), urlsplit(DESK_URL).hostname]

HANDOFFS_DEMO = env.bool("HANDOFFS_DEMO", default=False)
HANDOFFS_PAST_WANTED = past_wanted(DATA_DIR)
HANDOFFS_API_REQUESTS_PER_MINUTE = env.int("HANDOFFS_API_REQUESTS_PER_MINUTE", default=60_000)  # a token and process
HANDOFFS_METRICS_TOKEN = env.str("HANDOFFS_METRICS_TOKEN", default="")
HANDOFFS_METRICS_ADDRESSES = _networks(env.list("HANDOFFS_METRICS_ADDRESSES", default=[]))
HANDOFFS_ALLOW_PRIVATE_WEBHOOKS = env.bool("HANDOFFS_ALLOW_PRIVATE_WEBHOOKS", default=False)

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
SITE_NAME = "Handoff Desk"

INSTALLED_APPS = [
    "accounts",
    "handoffs",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.humanize",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "csp",
    "django_filters",
    "django_htmx",
    "django_rq",
    "django_structlog",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "lucide",
    "pgtrigger",
    "rest_framework",
    "simple_history",
    "template_partials",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "config.middleware.ContentSecurity",
    "config.middleware.RequestLog",
    "config.middleware.DatabaseAway",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "simple_history.middleware.HistoryRequestMiddleware",
]

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
            ],
            "libraries": {"desk": "handoffs.portal.tags"},
        },
    }
]

# --- what it keeps --------------------------------------------------------------------------------------------------

DATABASES: dict[str, dict[str, Any]] = {
    "default": env.db_url("DATABASE_URL")
    if env.str("DATABASE_URL", default="")
    else embedded.database_settings(DATA_DIR)
}
if "postgresql" not in DATABASES["default"]["ENGINE"]:
    raise ImproperlyConfigured(
        "DATABASE_URL must name a PostgreSQL database: nothing else locks rows the way the desk needs"
    )
DATABASES["default"]["HOST"] = unquote(DATABASES["default"].get("HOST", ""))  # %2Frun%2Fpostgresql is a socket folder
DATABASES["default"] |= {"ENGINE": "config.database", "CONN_MAX_AGE": 600, "CONN_HEALTH_CHECKS": True}
DATABASES["default"].setdefault("OPTIONS", {}).setdefault("connect_timeout", 3)
# A pooler that hands each transaction another connection, and is too old to know prepared statements, wants none.
_prepares = env.bool("HANDOFFS_PREPARED_STATEMENTS", default=True)
DATABASES["default"]["OPTIONS"]["prepare_threshold"] = 1 if _prepares else None
# A process that is frozen in the middle of a transaction must not keep its rows from the others.
_limits = {"idle_in_transaction_session_timeout": env.str("HANDOFFS_IDLE_TRANSACTION_TIMEOUT", default="15s")}
if _prepares:
    # Only where one plan is right for all parameters is anything prepared; so it need not be planned five times first.
    _limits["plan_cache_mode"] = "force_generic_plan"
if lock_timeout := env.str("HANDOFFS_LOCK_TIMEOUT", default=""):
    _limits["lock_timeout"] = lock_timeout  # manage.py sets it for migrations
DATABASES["default"]["OPTIONS"]["options"] = " ".join(f"-c {name}={value}" for name, value in _limits.items())

REDIS_URL = env.str("REDIS_URL", default="") or embedded.redis_url(DATA_DIR)
RQ_QUEUES = {
    "default": {
        **connection_settings(REDIS_URL),
        "SERIALIZER": "rq.serializers.JSONSerializer",
        "DEFAULT_RESULT_TTL": 0,
    }
}
RQ = {"COMMIT_MODE": "auto"}
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}

# --- who comes in ---------------------------------------------------------------------------------------------------

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_LOGOUT_REDIRECT_URL = "/"
ACCOUNT_ADAPTER = "accounts.adapter.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"username", "email"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_SESSION_REMEMBER = None
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_TOTP_ISSUER = SITE_NAME

_secure = DESK_URL.startswith("https:")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _secure
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
CSRF_TRUSTED_ORIGINS = [DESK_URL]
SECURE_HSTS_SECONDS = 31_536_000 if _secure else 0
SECURE_PROXY_SSL_HEADER = (
    ("HTTP_X_FORWARDED_PROTO", "https") if env.bool("HANDOFFS_BEHIND_PROXY", default=False) else None
)
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "SAMEORIGIN"  # the case page shows its own documents in frames
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'self'"],
        "base-uri": ["'none'"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'self'"],
        "object-src": ["'none'"],
    }
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 11 * 1024 * 1024  # a document of 10 MiB and its envelope; the API sets narrower limits

# --- the API --------------------------------------------------------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["accounts.authentication.TokenAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_PARSER_CLASSES": ["handoffs.api.parsers.ExactJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["handoffs.api.renderers.ExactJSONRenderer"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "handoffs.api.negotiation.Negotiation",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_PAGINATION_CLASS": "handoffs.api.pagination.Cursor",
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "EXCEPTION_HANDLER": "handoffs.api.problems.handler",
    "URL_FORMAT_OVERRIDE": None,
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
    "COERCE_DECIMAL_TO_STRING": True,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Handoff Desk",
    "DESCRIPTION": "Where automation hands a case to a person, and where the decision goes back.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "POSTPROCESSING_HOOKS": ["handoffs.api.openapi.add_components"],
    "SWAGGER_UI_SETTINGS": {"deepLinking": True, "docExpansion": "list", "persistAuthorization": False},
}

# --- what it sends, shows and says ----------------------------------------------------------------------------------

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = True

STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = env.str("STATIC_ROOT", default="") or None
WHITENOISE_USE_FINDERS = STATIC_ROOT is None  # from the packages on a clean checkout, from STATIC_ROOT in an image
WHITENOISE_MAX_AGE = 300
STORAGES = {
    "default": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": DATA_DIR / "documents"},
    },
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if STATIC_ROOT
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}

# the demo writes to nobody: its mails are kept, and shown under "Sent mail"
vars().update(env.email_url("EMAIL_URL", default="dummymail://" if HANDOFFS_DEMO else "consolemail://"))
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default=f"{SITE_NAME} <desk@{urlsplit(DESK_URL).hostname}>")
EMAIL_TIMEOUT = 5

DJANGO_STRUCTLOG_STATUS_START_LOG_LEVEL = logging.DEBUG  # one line for a request, when it is answered
LOGGING = configure(env.str("LOG_LEVEL", default="INFO"))
