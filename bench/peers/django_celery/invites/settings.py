"""Django settings of the peer; addresses come from the environment."""

import os

SECRET_KEY = "not-used-for-anything-here"  # noqa: S105
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1"]
ROOT_URLCONF = "invites.urls"
INSTALLED_APPS = ["invites"]
MIDDLEWARE: list[str] = []
USE_TZ = True
TIME_ZONE = "UTC"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": os.environ["PEER_DB_HOST"],
        "PORT": os.environ["PEER_DB_PORT"],
        "USER": os.environ["PEER_DB_USER"],
        "NAME": os.environ["PEER_DB_NAME"],
        "CONN_MAX_AGE": None,  # a connection per request would cost more than the request
    }
}
EMAIL_HOST = os.environ["PEER_SMTP_HOST"]
EMAIL_PORT = int(os.environ["PEER_SMTP_PORT"])
EMAIL_TIMEOUT = 30
DEFAULT_FROM_EMAIL = "Hillside School <office@hillside.example>"
INVITATION_DAYS = 7
SIGN_UP_URL = "https://families.hillside.example/signup"

# The queue loses nothing: a task leaves it only after its email was accepted, and returns when the worker dies.
CELERY_BROKER_URL = f"redis://127.0.0.1:{os.environ['PEER_REDIS_PORT']}/0"
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_WORKER_PREFETCH_MULTIPLIER = int(os.environ.get("PEER_PREFETCH", "64"))
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
