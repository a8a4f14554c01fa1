"""The Celery application."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "invites.settings")
app = Celery("invites")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
