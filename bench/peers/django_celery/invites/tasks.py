"""Celery tasks."""

from datetime import datetime
from smtplib import SMTPException

from celery import shared_task

from invites import mail


@shared_task(autoretry_for=(SMTPException, OSError), retry_backoff=True, max_retries=8)
def send_invitation(name: str, email: str, token: str, expires_at: str) -> None:
    """Send one email; retry with growing delays if the server does not accept it."""
    mail.send(name, email, token, datetime.fromisoformat(expires_at))
