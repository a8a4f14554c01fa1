"""`python -m deploy.embedded`: run Kinvite whole on this machine until Ctrl-C."""

import asyncio
import os
import sys
import traceback
from pathlib import Path

from deploy.embedded.config import Config, listen, read_config
from deploy.embedded.data import DataDirectory
from deploy.embedded.failure import CannotRun
from deploy.embedded.processes import open_log
from deploy.embedded.supervisor import Supervisor


def main() -> int:
    """The exit status. What a person can mend is said in one sentence on standard error."""
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
    with data.held():
        try:
            _run_held(config, data)
        except CannotRun:
            raise
        except Exception as error:  # noqa: BLE001 - the log has the traceback, the person a sentence
            raise CannotRun(
                f"Something unexpected happened ({type(error).__name__}): see {_noted(data.logs)}"
            ) from None


def _run_held(config: Config, data: DataDirectory) -> None:
    with listen(config) as listener:
        if config.beyond_this_machine:
            print(
                f"kinvite: anyone who reaches {config.bind} can read the mailbox, which has no sign-in",
                file=sys.stderr,
            )
        asyncio.run(Supervisor(config, data, listener).run())


def _noted(logs: Path) -> Path:
    log = logs / "supervisor.log"
    with open_log(log) as file:
        file.write(traceback.format_exc().encode())
    return log


if __name__ == "__main__":
    sys.exit(main())
