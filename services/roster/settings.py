"""Settings of the roster, `ROSTER_*`."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from shared.runtime.core import ServiceSettings


class Settings(ServiceSettings):
    """`import_max_bytes` is the largest file taken.

    `import_poll_seconds`: how often a worker looks for imports that nobody told it of, or that another one left behind.
    """

    model_config = SettingsConfigDict(env_prefix="ROSTER_")

    import_max_bytes: int = Field(64 * 1024 * 1024, ge=1024, le=1024**3)
    import_poll_seconds: float = Field(5, gt=0, le=60)
