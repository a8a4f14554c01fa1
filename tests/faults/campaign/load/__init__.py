"""Load (Jepsen's workload): staff and parents at work, over HTTP against every replica."""

from tests.faults.campaign.load.load import Load

__all__ = ["Load"]
