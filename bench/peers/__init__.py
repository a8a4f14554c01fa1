"""Alternatives to Kinvite: applications that do the same job with the usual parts."""

from collections.abc import Callable, Mapping

from bench.peers.django_peer import DjangoCelery
from bench.peers.node_peer import NodeBullmq
from bench.peers.peer import Peer

PEERS: Mapping[str, Callable[[], Peer]] = {
    "django_celery_2": lambda: DjangoCelery(2),
    "node_bullmq_1": lambda: NodeBullmq(1),
    "node_bullmq_2": lambda: NodeBullmq(2),
}

__all__ = ["PEERS", "Peer"]
