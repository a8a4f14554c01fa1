"""Offices and families at work, over HTTP against every replica."""

from tests.faults.campaign.load.load import Load

__all__ = ["Load"]
