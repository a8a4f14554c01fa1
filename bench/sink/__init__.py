"""Where the mails of a benchmark go, and when they got there."""

from bench.sink.arrivals import Arrivals
from bench.sink.sink import Sink
from bench.sink.watch import Watch

__all__ = ["Arrivals", "Sink", "Watch"]
