"""Settings of the dashboard, read from the environment."""

from __future__ import annotations

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from services.dashboard.domain.reachability import CHANNELS
from shared.runtime.core import ServiceSettings


class Settings(ServiceSettings):
    """Settings of the dashboard, from variables named `DASHBOARD_*`."""

    model_config = SettingsConfigDict(env_prefix="DASHBOARD_")

    services_url: str = Field(
        "http://127.0.0.1:8080",
        pattern=r"^https?://[^\s/]+$",
        description="Where roster's and invitations' HTTP APIs are reached, without a path.",
    )
    owner_email: str | None = Field(None, description="E-mail of the first owner, ensured at every start.")
    owner_password: SecretStr | None = Field(
        None,
        min_length=12,
        description="Their first password; a change has no effect.",
    )
    session_lifetime_hours: int = Field(12, ge=1, le=24 * 30)
    streams_per_session: int = Field(
        8,
        ge=1,
        le=100,
        description="Pages that one signed-in browser, or one token, may keep live at a time.",
    )
    command_timeout_seconds: float = Field(15, gt=0, le=120)
    upload_timeout_seconds: float = Field(120, gt=0, le=3600)
    upload_limit_megabytes: int = Field(64, ge=1, le=1024)

    @property
    def usable_channels(self) -> tuple[str, ...]:
        """Channels that staff can choose from, in the order in which pages offer them."""
        return tuple(name for name in CHANNELS if name in self.channels.split(","))
