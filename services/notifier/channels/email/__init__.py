"""E-mail channel: composes messages and sends them over SMTP."""
