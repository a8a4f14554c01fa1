"""`python -m deploy.embedded`: run all of Kinvite on this machine until Ctrl-C."""

from __future__ import annotations

import asyncio
import os
import sys
import traceback
from pathlib import Path

from deploy.embedded.config import Config, listen, read_config
from deploy.embedded.data import DataDirectory
from deploy.embedded.errors import CannotRun
from deploy.embedded.logs import open_log
from deploy.embedded.supervisor import Supervisor


def main() -> int:
    """Run until a signal and return the exit status. Problems that the user can fix are printed as one sentence."""
    try:
        config = read_config(os.environ)
        _run(config)
    except CannotRun as error:
        print(f"kinvite: {error}", file=sys.stderr)
        return error.code
    except KeyboardInterrupt:
        return 130
    return 0


def _run(config: Config) -> None:
    data = DataDirectory(config.data)
    with data.lock():
        try:
            _run_locked(config, data)
        except CannotRun:
            raise
        except Exception as error:  # noqa: BLE001 - the traceback goes to the log, the user gets one sentence
            raise CannotRun(
                f"Something unexpected happened ({type(error).__name__}): see {_log_traceback(data.logs)}"
            ) from None


def _run_locked(config: Config, data: DataDirectory) -> None:
    with listen(config) as listener:
        if config.is_reachable_from_outside:
            print(
                f"kinvite: anyone who reaches {config.bind} can read the mailbox, which has no sign-in",
                file=sys.stderr,
            )
        asyncio.run(Supervisor(config, data, listener).run())


def _log_traceback(logs: Path) -> Path:
    log = logs / "supervisor.log"
    with open_log(log) as file:
        file.write(traceback.format_exc().encode())
    return log


if __name__ == "__main__":
    sys.exit(main())
