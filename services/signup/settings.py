"""What the operator may set for the parents' pages."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from shared.runtime.core import ServiceSettings


class Settings(ServiceSettings):
    """Settings of signup; read from `SIGNUP_*` beside the common `KINVITE_*`."""

    model_config = SettingsConfigDict(env_prefix="SIGNUP_")

    password_min_length: int = Field(12, ge=8, le=64)
    hash_memory_kibibytes: int = Field(19 * 1024, ge=19 * 1024)
    hash_passes: int = Field(2, ge=2)
    hash_threads: int = Field(2, ge=1, le=64)
    decision_wait_seconds: float = Field(3.0, ge=0, le=30)
    ask_again_seconds: float = Field(60.0, ge=1, le=3_600)
    """After how long an undecided submission is sent to invitations again, and then after twice as long each time."""
    unknown_link_wait_seconds: float = Field(2.0, ge=0, le=30)
    wrong_guesses_per_10_minutes: int = Field(100, ge=1)
    """From one address, which a whole school may share; right links and passwords do not count."""
    wrong_passwords_per_10_minutes: int = Field(10, ge=1)
    """From one address for one username."""
    session_lifetime_days: int = Field(14, ge=1, le=365)
    result_lifetime_minutes: int = Field(30, ge=1, le=1_440)
