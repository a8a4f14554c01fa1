"""All of Kinvite as separate processes, each of which may be killed, paused and started again."""

from tests.support.stack.part import Part
from tests.support.stack.stack import SERVICES, Stack

__all__ = ["SERVICES", "Part", "Stack"]
