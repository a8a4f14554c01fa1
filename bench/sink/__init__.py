"""Mail server of the benchmarks, and the times at which emails arrived."""

from bench.sink.arrivals import Arrivals
from bench.sink.sink import Sink
from bench.sink.watch import Watch

__all__ = ["Arrivals", "Sink", "Watch"]
