"""Stages of a tool flow that are not run again while nothing they read has changed."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Stages"]

RECORD = "stages.json"
"""File beside the results: of each finished stage a hash of what it read, and its time."""


@dataclass(frozen=True)
class _Done:
    key: str
    seconds: float


class Stages:
    """The stages in one directory.

    A stage is recorded once it has come to its end, so one that was interrupted runs again, and a
    flow that was interrupted goes on with the stage that it was in.

    Parameters
    ----------
    directory : Path
    """

    def __init__(self, directory: Path):
        self.directory = directory
        self._done = _read(directory / RECORD)

    def run(self, name: str, work: Callable[[], object], *, inputs: Iterable[Path],
            outputs: Sequence[Path], settings: Iterable[str]) -> float:
        """Run a stage, unless its results are there already.

        Parameters
        ----------
        name : str
        work : callable
            Writes the outputs.
        inputs : iterable of Path
            Files that it reads.
        outputs : sequence of Path
        settings : iterable of str
            What else decides on the results: commands, versions of tools.

        Returns
        -------
        float
            Seconds that it took, now or then.
        """
        state = hashlib.sha256(json.dumps(list(settings)).encode())
        for path in inputs:
            state.update(hashlib.sha256(path.read_bytes()).digest())
        key = state.hexdigest()
        before = self._done.get(name)
        if before is not None and before.key == key and all(path.is_file() for path in outputs):
            return before.seconds
        self._forget(name)
        for path in outputs:
            path.unlink(missing_ok=True)
        start = time.monotonic()
        work()
        self._done[name] = _Done(key, round(time.monotonic() - start, 1))
        self._write()
        return self._done[name].seconds

    def _forget(self, name: str) -> None:
        if self._done.pop(name, None) is not None:
            self._write()

    def _write(self) -> None:
        part = self.directory / (RECORD + ".part")
        part.write_text(json.dumps({name: vars(done) for name, done in self._done.items()},
                                   indent=1) + "\n")
        part.replace(self.directory / RECORD)


def _read(path: Path) -> dict[str, _Done]:
    """What was recorded; a damaged record is none."""
    try:
        return {name: _Done(str(entry["key"]), float(entry["seconds"]))
                for name, entry in json.loads(path.read_text()).items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}
