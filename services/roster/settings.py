"""Settings of the roster, `ROSTER_*`."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from shared.runtime.core import ServiceSettings


class Settings(ServiceSettings):
    """Settings of the roster's API and worker.

    `import_max_bytes` is the size of the largest file that is accepted. `import_poll_seconds` is the interval at which
    a worker polls for imports whose notification it missed, or whose worker has stopped.
    """

    model_config = SettingsConfigDict(env_prefix="ROSTER_")

    import_max_bytes: int = Field(64 * 1024 * 1024, ge=1024, le=1024**3)
    import_poll_seconds: float = Field(5, gt=0, le=60)
