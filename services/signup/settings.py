"""Settings of the parents' pages."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from shared.runtime.core import ServiceSettings


class Settings(ServiceSettings):
    """Settings of signup, read from `SIGNUP_*` in addition to the common `KINVITE_*`."""

    model_config = SettingsConfigDict(env_prefix="SIGNUP_")

    password_min_length: int = Field(12, ge=8, le=64)
    hash_memory_kibibytes: int = Field(19 * 1024, ge=19 * 1024)
    hash_passes: int = Field(2, ge=2)
    hash_threads: int = Field(2, ge=1, le=64)
    decision_wait_seconds: float = Field(3.0, ge=0, le=30)
    resend_after_seconds: float = Field(60.0, ge=1, le=3_600)
    """Time after which an undecided submission is sent to invitations again; each later pause is twice as long."""
    unknown_link_wait_seconds: float = Field(2.0, ge=0, le=30)
    failed_attempts_per_10_minutes: int = Field(100, ge=1)
    """Per address, which a whole school may share. Right links and passwords do not count."""
    free_failed_passwords: int = Field(5, ge=1, le=50)
    """Per address and username. After them each further one doubles the wait before the next."""
    longest_password_wait_seconds: float = Field(900.0, ge=5, le=3_000)
    """Per address and username."""
    free_failed_passwords_per_username: int = Field(20, ge=1, le=100)
    """From all addresses together. Browsers in which the parent has signed in before have a count of their own."""
    longest_username_wait_seconds: float = Field(60.0, ge=5, le=3_000)
    """Per username, for browsers in which the parent has not signed in before."""
    known_browser_lifetime_days: int = Field(180, ge=1, le=400)
    session_lifetime_days: int = Field(14, ge=1, le=365)
    result_lifetime_minutes: int = Field(30, ge=1, le=1_440)
