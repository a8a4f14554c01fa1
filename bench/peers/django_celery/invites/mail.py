"""Email with HTML and text parts, over one SMTP session per worker process."""

from datetime import datetime
from email.utils import formataddr
from smtplib import SMTPServerDisconnected

from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection
from django.template.loader import render_to_string

# A worker process does one task at a time. Its first email opens the session, which stays open.
_session = get_connection()


def send(name: str, email: str, token: str, expires_at: datetime) -> None:
    """Send one email; return when the server has accepted it. Raises SMTPException and OSError."""
    words = {"name": name, "link": f"{settings.SIGN_UP_URL}/{token}", "expires_at": expires_at}
    message = EmailMultiAlternatives(
        "Hillside School: please confirm your e-mail address",
        render_to_string("invites/mail.txt", words),
        to=[formataddr((name, email))],
        connection=_session,
    )
    message.attach_alternative(render_to_string("invites/mail.html", words), "text/html")
    try:
        message.send()
    except SMTPServerDisconnected:  # the server closes sessions that were idle for long
        _session.close()
        message.send()
    except Exception:
        _session.close()
        raise
