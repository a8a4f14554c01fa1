"""The whole of Kinvite as separate processes, each of which may be killed, stopped for a while and started again."""

from tests.support.stack.part import Part
from tests.support.stack.stack import SERVICES, Stack

__all__ = ["SERVICES", "Part", "Stack"]
