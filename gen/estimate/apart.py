"""Blocks of a large design mapped in two processes at once.

The other one is a Python of its own, not a fork: forks of a process with threads, as that of a
progress bar, are not safe, and other ways of :mod:`multiprocessing` run a user's script again.
"""

from __future__ import annotations

import gc
import os
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from ...rtl_templates.block import BlockParams
from ..process import processors
from .mapping import Mapping, map_block

__all__ = ["helper", "map_blocks", "serve"]

_WORTH = 3000
"""LUT sites of blocks, by their own formulas, from which sharing them out pays."""

_COMMAND = "from quantloom.gen.estimate.apart import serve; serve()"


class _Helper:
    """The other process: a line tells it that there are blocks, a line comes back when they are
    mapped. Both go by files, which hold any number of them without anyone waiting."""

    def __init__(self, folder: Path):
        self.folder = folder
        path = os.pathsep.join(entry or os.getcwd() for entry in sys.path)
        self.process = subprocess.Popen(
            [sys.executable, "-c", _COMMAND, str(folder)], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            env={**os.environ, "PYTHONPATH": path})

    def ask(self, blocks: Sequence[BlockParams], family: str) -> bool:
        """Hand over blocks; False if that cannot be."""
        try:
            (self.folder / "blocks").write_bytes(pickle.dumps((blocks, family)))
            assert self.process.stdin is not None
            print(file=self.process.stdin, flush=True)
        except (pickle.PicklingError, AttributeError, TypeError, OSError):
            return False  # a block of the user's own, a full disk, a process that was killed
        return True

    def answer(self) -> list[Mapping]:
        """What was found; nothing if it went wrong."""
        assert self.process.stdout is not None
        if not self.process.stdout.readline():
            return []
        found: list[Mapping] = pickle.loads((self.folder / "mapped").read_bytes())
        return found

    def end(self) -> None:
        """It ends when its input does; what it may still be doing is of no use."""
        self.process.kill()
        with suppress(OSError):  # what could not be written to one that was killed
            self.process.communicate()


_helper: _Helper | None = None


@contextmanager
def helper() -> Iterator[None]:
    """Inside, the blocks of large designs are shared with another process.

    It starts at once, and is ready when the blocks are known. Not for work of which several
    processes do a part each already.
    """
    global _helper
    if not sys.executable or processors() < 2 or _helper is not None:
        yield
        return
    with tempfile.TemporaryDirectory(prefix="quantloom-") as folder:
        _helper = _Helper(Path(folder))
        try:
            yield
        finally:
            _helper.end()
            _helper = None


def map_blocks(blocks: Sequence[BlockParams], family: str) -> list[Mapping]:
    """As :func:`.mapping.map_block` of each, by two processes inside :func:`helper`."""
    weights = [block.resources.lut for block in blocks]
    if _helper is None or sum(weights) < _WORTH:
        return [map_block(block, family) for block in blocks]
    # The largest first, each to who has less.
    own: list[int] = []
    others: list[int] = []
    loads = [0.0, 0.0]
    for k in sorted(range(len(blocks)), key=weights.__getitem__, reverse=True):
        which = loads.index(min(loads))
        (own, others)[which].append(k)
        loads[which] += weights[k] + _WORTH / 200
    asked = _helper.ask([blocks[k] for k in others], family)
    found = {k: map_block(blocks[k], family) for k in own}
    found.update(zip(others, _helper.answer() if asked else (), strict=False))
    # What went wrong there is told by what goes wrong here.
    return [found[k] if k in found else map_block(block, family)
            for k, block in enumerate(blocks)]


def serve() -> None:
    """What the other process does until its input ends."""
    gc.disable()  # the process ends before that would pay
    folder = Path(sys.argv[1])
    for _ in sys.stdin:
        blocks, family = pickle.loads((folder / "blocks").read_bytes())
        mapped = [map_block(block, family) for block in blocks]
        (folder / "mapped").write_bytes(pickle.dumps(mapped))
        print(flush=True)
