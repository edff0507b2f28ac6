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
from collections.abc import Sequence

from ...rtl_templates.block import BlockParams
from ..process import processors
from .mapping import Mapping, map_block

__all__ = ["map_blocks", "serve"]

_WORTH = 3000
"""LUT sites of blocks, by their own formulas, from which another process is worth its start."""

_COMMAND = "from quantloom.gen.estimate.apart import serve; serve()"


def map_blocks(blocks: Sequence[BlockParams], family: str) -> list[Mapping]:
    """As :func:`.mapping.map_block` of each, in two processes if there is enough to do."""
    weights = [block.resources.lut for block in blocks]
    if sum(weights) < _WORTH or not sys.executable or processors() < 2:
        return [map_block(block, family) for block in blocks]
    # The largest first, each to who has less; the other process has to start.
    shares: tuple[list[int], list[int]] = ([], [])
    loads = [0.0, _WORTH / 4]
    for k in sorted(range(len(blocks)), key=weights.__getitem__, reverse=True):
        which = loads.index(min(loads))
        shares[which].append(k)
        loads[which] += weights[k] + _WORTH / 200
    found: dict[int, Mapping] = {}
    own, others = shares
    with tempfile.TemporaryFile() as jobs, tempfile.TemporaryFile() as results:
        try:
            pickle.dump(([blocks[k] for k in others], family), jobs)
        except (pickle.PicklingError, AttributeError, TypeError):  # a block of the user's own
            own, others = [*own, *others], []
        jobs.seek(0)
        path = os.pathsep.join(entry or os.getcwd() for entry in sys.path)
        with subprocess.Popen([sys.executable, "-c", _COMMAND], stdin=jobs, stdout=results,
                              stderr=subprocess.DEVNULL,
                              env={**os.environ, "PYTHONPATH": path}) as process:
            found.update((k, map_block(blocks[k], family)) for k in own)
        if process.returncode == 0 and others:
            results.seek(0)
            found.update(zip(others, pickle.load(results), strict=True))
    # What went wrong there is told by what goes wrong here.
    return [found[k] if k in found else map_block(block, family)
            for k, block in enumerate(blocks)]


def serve() -> None:
    """What the other process does: blocks from its input, what they occupy to its output."""
    gc.disable()  # the process ends before that would pay
    blocks, family = pickle.load(sys.stdin.buffer)
    pickle.dump([map_block(block, family) for block in blocks], sys.stdout.buffer)
