"""Real parts for every test: PostgreSQL with a fresh database, and both brokers."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from shared.runtime.migrations import migrate
from tests.support.apps import COMMON_ENVIRONMENT
from tests.support.brokers.base import Broker, RunningBroker, Unavailable
from tests.support.brokers.kafka import start_kafka
from tests.support.brokers.tansu import Tansu
from tests.support.brokers.topics import delete_topics
from tests.support.postgres import Cluster
from tests.support.sharing import Sharing

_SERVICES = Path(__file__).parents[1] / "services"
_BROKERS = [
    pytest.param("embedded", id="embedded"),
    pytest.param("kafka", id="kafka", marks=[pytest.mark.kafka]),
]

# Time never fails a test: what takes 2 ms here takes 300 ms on a machine with other things to do.
settings.register_profile("kinvite", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("kinvite")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Sharing:
    """Run tests that share a server in one process, however many processes there are."""
    return Sharing(config, log)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Report what was left out, and why."""
    skipped = terminalreporter.stats.get("skipped", [])
    reasons = Counter(str(report.longrepr[2]).removeprefix("Skipped: ") for report in skipped)
    if reasons:
        terminalreporter.section("left out on this machine")
    for reason, count in sorted(reasons.items()):
        terminalreporter.write_line(f"{count} tests: {reason}")


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Start PostgreSQL, one cluster per test process."""
    running = Cluster(tmp_path_factory.mktemp("postgres"))
    yield running
    running.stop()


@pytest.fixture(scope="session")
def migrated_template(cluster: Cluster) -> str:
    """Create the database that every test's database is copied from: all services migrated."""
    name = cluster.create()
    asyncio.run(_migrate_all(cluster.owner_url(name), cluster.url(name)))
    return name


async def _migrate_all(owner_url: str, url: str) -> None:
    for versions in sorted(_SERVICES.glob("*/migrations/versions")):
        await migrate(owner_url, versions.parents[1].name, versions, application_url=url)


@pytest.fixture
def database_url(cluster: Cluster, migrated_template: str) -> Iterator[str]:
    """Create a fresh database with the schemas of all services, for this test alone."""
    name = cluster.create(template=migrated_template)
    yield cluster.url(name)
    cluster.drop(name)


@pytest.fixture
def empty_database_url(cluster: Cluster) -> Iterator[str]:
    """Create a fresh, empty database."""
    name = cluster.create()
    yield cluster.url(name)
    cluster.drop(name)


@pytest.fixture
def tansu(tmp_path: Path) -> Iterator[Tansu]:
    """Start the embedded broker, empty, for this test alone."""
    running = Tansu(tmp_path)
    yield running
    running.stop()


@pytest.fixture(scope="session")
def apache_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningBroker]:
    """Start Apache Kafka, one per test process; skip with the reason where it is not available."""
    try:
        running = start_kafka(tmp_path_factory.mktemp("kafka"))
    except Unavailable as reason:
        pytest.skip(str(reason))
    yield running
    running.stop()


@pytest.fixture(params=_BROKERS)
async def broker(request: pytest.FixtureRequest) -> AsyncIterator[Broker]:
    """Give each broker in turn, with topic names for this test alone."""
    if request.param == "embedded":
        tansu: Tansu = request.getfixturevalue("tansu")
        yield Broker(tansu.bootstrap, "embedded", tansu)
        return
    kafka: RunningBroker = request.getfixturevalue("apache_kafka")
    given = Broker(kafka.bootstrap, "kafka", kafka)
    yield given
    await delete_topics(given)


@pytest.fixture
def environment(database_url: str, broker: Broker, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Set the environment of a service, in this process too: `load_settings(Settings)` reads it."""
    variables = {**COMMON_ENVIRONMENT, "KINVITE_DATABASE_URL": database_url, **broker.environment}
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return variables
