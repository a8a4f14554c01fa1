"""Faults of PostgreSQL, the broker and the provider."""

from __future__ import annotations

from tests.faults.campaign.plan import Fault
from tests.faults.campaign.world import Undo, World


def kill_postgres(world: World, fault: Fault) -> Undo:
    """Kill every process of PostgreSQL at once; it recovers from its log."""
    end = world.begin_disturbance("postgres")
    world.cluster.kill()

    def back() -> None:
        world.cluster.start()
        end()

    return back


def restart_postgres(world: World, fault: Fault) -> Undo:
    """Restart PostgreSQL by a fast shutdown, which cuts off open transactions."""
    end = world.begin_disturbance("postgres")
    world.cluster.stop()

    def back() -> None:
        world.cluster.start()
        end()

    return back


def kill_broker(world: World, fault: Fault) -> Undo:
    """Kill the broker; what it acknowledged is on its disk."""
    world.broker.kill()
    return world.broker.start


def pause_broker(world: World, fault: Fault) -> Undo:
    """Stop the broker with SIGSTOP: its connections stay open and get no answer."""
    world.broker.pause()
    return world.broker.resume


def kill_mailbox(world: World, fault: Fault) -> Undo:
    """Kill the mailbox, which stands in for the providers."""
    end = world.begin_disturbance("mailbox")
    world.stack.mailbox.kill()

    def back() -> None:
        world.stack.mailbox.start()
        end()

    return back
