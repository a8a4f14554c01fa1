"""A seed gives the same faults in the same order, and no kind is left out by chance."""

from tests.faults.campaign.faults import BEGIN, affected_parts
from tests.faults.campaign.plan import APART, KINDS, PARTS, Fault, plan
from tests.support.stack import SERVICES


def test_a_seed_gives_the_same_faults_again() -> None:
    assert plan(7, 300) == plan(7, 300)
    assert plan(7, 300) != plan(8, 300)


def test_every_kind_comes_once_before_any_comes_twice() -> None:
    first = plan(3, len(KINDS))
    assert sorted(fault.kind for fault in first) == sorted(kind.name for kind in KINDS)


def test_every_kind_can_be_begun_and_names_what_it_touches() -> None:
    assert set(BEGIN) == {kind.name for kind in KINDS}
    for fault in plan(1, 300):
        services = {
            *PARTS,
            *APART.values(),
            "postgres",
            "broker",
            "mailbox",
            fault.target,
            f"{fault.kind} {fault.target}",
        }
        assert affected_parts(fault) <= services


def test_apart_the_same_faults_strike_who_serves_and_who_works() -> None:
    together, apart = plan(7, 300), plan(7, 300, apart=True)
    assert [fault.kind for fault in together] == [fault.kind for fault in apart]
    struck = {fault.target for fault in apart if fault.kind == "kill"}
    assert struck == {f"{service}-{role}-0" for service in SERVICES for role in ("api", "worker")}
    assert {"roster-api-0", "roster-worker-0"} <= affected_parts(
        Fault(1, "rolling restart", "roster", 0.0, 0.0)
    )


def test_faults_are_at_least_three_hundred_where_so_many_are_asked_for() -> None:
    assert [fault.number for fault in plan(5, 300)] == list(range(1, 301))
