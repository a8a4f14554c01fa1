"""Apache Kafka: the one of KAFKA_BOOTSTRAP, or from its own jars on this machine's Java, or in a container."""

import asyncio
import hashlib
import os
import shutil
import signal
import subprocess
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from testcontainers.core.container import DockerContainer

from tests.support.brokers.base import RunningBroker, Unavailable
from tests.support.locks import CACHE, locked
from tests.support.processes import Server, StartFailed, free_port, java, listens
from tests.support.waiting import eventually

_POM = Path(__file__).parent / "pom.xml"
_CACHE = CACHE / "kafka"
_COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"
_FETCH_SECONDS = 180
_IMAGE = "apache/kafka:4.1.2"
# After a kill it reads its logs first, which takes time on a busy machine; a process that ends is noticed at once.
START_SECONDS = 600
_FOR_TESTS = ("-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
_CLUSTER = "a2ludml0ZS10ZXN0cy0wMA"
_PROPERTIES = """
process.roles=broker,controller
node.id=1
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
controller.quorum.bootstrap.servers=127.0.0.1:{controller_port}
log.dirs={data}
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=500
num.network.threads=2
num.io.threads=4
log.cleaner.dedupe.buffer.size=8388608
"""


class KafkaFromJars:
    """A single node in KRaft mode, as its own distribution starts it.

    `options` of the JVM replace those with which tests save memory and start-up time.
    """

    def __init__(
        self, launcher: Path, jars: Path, directory: Path, options: Sequence[str] = _FOR_TESTS
    ) -> None:
        self.port = free_port()
        self._log = directory / "kafka.log"
        self._data = directory / "kafka-data"
        self._properties = directory / "server.properties"
        self._java = [str(launcher), *options, "-cp", f"{jars}/*"]
        self._properties.write_text(
            _PROPERTIES.format(port=self.port, controller_port=free_port(), data=self._data)
        )
        storage = [*self._java, "kafka.tools.StorageTool", "format", "--standalone"]
        subprocess.run(
            [*storage, "-t", _CLUSTER, "-c", self._properties], check=True, capture_output=True, timeout=120
        )
        self.start()

    @property
    def bootstrap(self) -> str:
        """Return `host:port`, which is the same after a restart."""
        return f"127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """Return the pid of its one process."""
        return self._server.pid

    def start(self) -> None:
        """Start it on its stored data, and wait until it accepts connections."""
        self._server = Server([*self._java, "kafka.Kafka", str(self._properties)], self._log)
        self._server.wait_until(lambda: listens(self.port), seconds=START_SECONDS)

    def kill(self) -> None:
        """Kill it at once; what it acknowledged is stored."""
        self._server.kill()

    def pause(self) -> None:
        """Stop it with SIGSTOP until `resume()`; its connections stay open."""
        os.kill(self._server.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Continue after `pause()`."""
        os.kill(self._server.pid, signal.SIGCONT)

    def stop(self) -> None:
        """Kill it. Its data is thrown away, so it need not close its files first."""
        self._server.kill()


class GivenKafka:
    """A broker that is run elsewhere."""

    def __init__(self, bootstrap: str, container: Any = None) -> None:
        self.bootstrap = bootstrap
        self._container = container

    def stop(self) -> None:
        """Stop the container, if we started one."""
        if self._container is not None:
            self._container.stop()


def start_kafka(directory: Path) -> RunningBroker:
    """Return a running Apache Kafka. Raises Unavailable with the reason where none can be had."""
    given = os.environ.get("KAFKA_BOOTSTRAP")
    if given:
        return GivenKafka(given)
    launcher = java()
    try:
        if launcher is None:
            raise Unavailable("no Java (a JRE 17 or newer)")
        return KafkaFromJars(launcher, fetch_jars(), directory)
    except Unavailable as reason:
        container = _container()
        if container is None:
            raise Unavailable(f"Apache Kafka: {reason}, no KAFKA_BOOTSTRAP and no container engine") from None
        return container
    except (subprocess.SubprocessError, StartFailed) as error:
        raise Unavailable(f"Apache Kafka does not start here: {error}") from error


def fetch_jars() -> Path:
    """Return the folder with Kafka's jars, filled by Maven once per content of `pom.xml`.

    Raises Unavailable where they cannot be had.
    """
    jars = _CACHE / f"jars-{hashlib.sha256(_POM.read_bytes()).hexdigest()[:12]}"
    with locked(_CACHE):
        if jars.is_dir():
            return jars
        maven = shutil.which("mvn")
        if maven is None:
            raise Unavailable("no Maven to fetch Kafka's jars with")
        if os.environ.get("KINVITE_TESTS_OFFLINE"):
            raise Unavailable("Kafka's jars are not here and KINVITE_TESTS_OFFLINE is set")
        incoming = _CACHE / "incoming"
        shutil.rmtree(incoming, ignore_errors=True)
        where = ["-f", str(_POM), "-DincludeScope=runtime", f"-DoutputDirectory={incoming}"]
        try:
            subprocess.run(
                [maven, "-q", "-B", *where, _COPY], check=True, capture_output=True, timeout=_FETCH_SECONDS
            )
        except subprocess.SubprocessError:
            raise Unavailable("Maven cannot fetch Kafka's jars") from None
        incoming.rename(jars)
    return jars


def _container() -> RunningBroker | None:
    port = free_port()
    settings = {
        "KAFKA_NODE_ID": "1",
        "KAFKA_PROCESS_ROLES": "broker,controller",
        "KAFKA_LISTENERS": "PLAINTEXT://:9092,CONTROLLER://:9093",
        "KAFKA_ADVERTISED_LISTENERS": f"PLAINTEXT://127.0.0.1:{port}",
        "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
        "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
        "KAFKA_CONTROLLER_QUORUM_VOTERS": "1@localhost:9093",
        "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
        "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
        "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR": "1",
        "KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
        "KAFKA_GROUP_MIN_SESSION_TIMEOUT_MS": "500",
        "KAFKA_AUTO_CREATE_TOPICS_ENABLE": "false",
    }
    with ExitStack() as undo:
        try:
            container = DockerContainer(_IMAGE, env=settings).with_bind_ports(9092, port)
            undo.callback(container.stop)
            container.start()
            asyncio.run(_wait_until_it_answers(f"127.0.0.1:{port}"))
        except Exception:  # noqa: BLE001 (whatever a missing or broken engine raises: there is no container)
            return None
        undo.pop_all()
    return GivenKafka(f"127.0.0.1:{port}", container)


async def _wait_until_it_answers(bootstrap: str) -> None:
    """Wait until the broker in the container answers, after the engine accepts connections.

    Raises AssertionError after 90 s.
    """

    async def answered() -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=2_000)
        try:
            await admin.start()
        except KafkaError as error:
            raise AssertionError from error
        finally:
            await admin.close()

    await eventually(answered, within_seconds=90, every_seconds=0.5)
