"""Scheduling of tests to processes: some tests share one process.

xdist's own groups need an attribute that pytest 9.2 no longer has, and are silently ignored there.
"""

from xdist.scheduler.loadscope import LoadScopeScheduling

# These start or kill everything, so no two of them may run at the same time.
_ONE_AT_A_TIME = (
    "tests/acceptance/",
    "tests/browser/",
    "tests/faults/",
    "tests/integration/compose/",
    "tests/integration/embedded/",
    "tests/integration/tenancy/test_two_schools.py",
)


def find_group(nodeid: str) -> str:
    """Return the group of a test; a test without a group is a group of its own.

    One process runs everything that needs Apache Kafka, so that it is started once.
    """
    parameters = nodeid.partition("[")[2].removesuffix("]").split("-")
    if "kafka" in parameters:
        return "kafka"
    if nodeid.startswith(_ONE_AT_A_TIME):
        return "whole"
    return nodeid


class Sharing(LoadScopeScheduling):  # type: ignore[misc]
    """Scheduler that distributes groups, the largest first."""

    def _split_scope(self, nodeid: str) -> str:
        return find_group(nodeid)
