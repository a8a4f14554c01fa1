"""Sampling of the stacks of running Python processes with py-spy, summed up by function."""

import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.unavailable import Unavailable

_SAMPLES_PER_SECOND = 200
_GRACE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Function:
    """Function with its file and first line, and its shares of the busy samples, alone and with all that it calls."""

    name: str
    self_share: float
    total_share: float


@dataclass(frozen=True, slots=True)
class Summary:
    """Profile of one process. `busy` is in cores: 1.0 is one thread that never waits."""

    busy: float
    samples: int
    functions: tuple[Function, ...]

    def text(self, count: int = 15) -> str:
        """Return the top functions by their own time, and by their time with callees."""
        lines = [f"{self.samples} samples, {self.busy:.2f} cores busy in Python"]
        for title, key in (("self", _own), ("total", _whole)):
            lines += [f"  by {title}:  self  total"]
            lines += [
                f"    {function.self_share:8.1%} {function.total_share:6.1%}  {function.name}"
                for function in sorted(self.functions, key=key, reverse=True)[:count]
            ]
        return "\n".join(lines)


def profile(pids: Mapping[str, int], seconds: float) -> dict[str, Summary]:
    """Profile all processes at once for some seconds, each without its children; block until then.

    Only Python processes can be profiled. Sampling pauses a process for moments, so take speed figures from other
    runs. Raises Unavailable where py-spy cannot be had or may not read a process.
    """
    with tempfile.TemporaryDirectory(prefix="kinvite-profile-") as folder:
        running = {name: _record(pid, seconds, Path(folder) / f"{pid}.raw") for name, pid in pids.items()}
        try:
            for name, spy in running.items():
                _finish(name, spy, seconds)
        finally:
            for spy in running.values():
                spy.kill()
                spy.wait()
        return {
            name: summed_up((Path(folder) / f"{pid}.raw").read_text().splitlines(), seconds)
            for name, pid in pids.items()
        }


def summed_up(lines: Iterable[str], seconds: float) -> Summary:
    """Sum up py-spy's raw format: a stack of frames joined by `;`, outermost first, a space, and its number of
    samples.
    """
    own, whole = Counter[str](), Counter[str]()
    samples = 0
    for line in lines:
        stack, _, number = line.rpartition(" ")
        frames = stack.split(";")
        samples += int(number)
        own[frames[-1]] += int(number)
        whole.update(dict.fromkeys(frames, int(number)))
    functions = tuple(Function(name, own[name] / samples, count / samples) for name, count in whole.items())
    return Summary(samples / (seconds * _SAMPLES_PER_SECOND), samples, functions)


def _record(pid: int, seconds: float, into: Path) -> subprocess.Popen[str]:
    beside = Path(sys.executable).with_name("py-spy")
    spy = str(beside) if beside.exists() else shutil.which("py-spy")
    if spy is None:
        raise Unavailable("py-spy is not installed: make tools")
    options = ["--format", "raw", "--function", "--rate", str(_SAMPLES_PER_SECOND)]
    command = [spy, "record", *options, "--duration", str(max(1, round(seconds))), "--output", str(into)]
    return subprocess.Popen(
        [*command, "--pid", str(pid)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def _finish(name: str, spy: subprocess.Popen[str], seconds: float) -> None:
    output, _ = spy.communicate(timeout=seconds + _GRACE_SECONDS)
    if spy.returncode != 0:
        raise Unavailable(f"py-spy cannot read {name}: {output.strip().splitlines()[-1:]}")


def _own(function: Function) -> float:
    return function.self_share


def _whole(function: Function) -> float:
    return function.total_share
