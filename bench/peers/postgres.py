"""The database of a peer: as durable as Kinvite's."""

from tests.support.postgres import _BIN, Cluster
from tests.support.processes import Server

_OPTIONS = ("max_connections=100", "shared_buffers=128MB", "listen_addresses=127.0.0.1", "timezone=UTC")


class DurableCluster(Cluster):
    """A cluster whose commits survive the machine: PostgreSQL's own settings, fsync on."""

    def start(self) -> None:
        """Start the server and wait until it answers."""
        options = [part for option in _OPTIONS for part in ("-c", option)]
        self._server = Server(
            [str(_BIN / "postgres"), "-D", str(self._data), "-p", str(self.port), "-k", "", *options],
            self._log,
            before_exec=self._change_user,
        )
        self._server.wait_until(self._answers, seconds=60)

    @property
    def pid(self) -> int:
        """The process above all backends."""
        return self._server.pid
