"""A small, competent Django + Celery application that invites the parents of a CSV: the first peer."""

from invites.celery import app as celery_app

__all__ = ["celery_app"]
