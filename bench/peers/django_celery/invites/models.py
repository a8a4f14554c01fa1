"""Models of the peer: the parents that the school has invited."""

from django.db import models


class Parent(models.Model):
    """A parent with the digest of the token that is in the email."""

    name = models.CharField(max_length=200)
    email = models.EmailField(db_index=True)
    token_hash = models.CharField(max_length=64, unique=True)
    expires_at = models.DateTimeField()
    created_at = models.DateTimeField(auto_now_add=True)
