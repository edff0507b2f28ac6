"""How integers are spread: weights, and activations over frames."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..design import Design
from ..network.tensor import Tensor

__all__ = ["BINS", "Activations", "histogram"]

Array = np.ndarray[Any, Any]

BINS = 64
"""Bars of a histogram at most; wider ranges have several integers in each."""

FINE = 4096
"""Bars that are counted; those without anything at the ends are cut off before they are joined."""

FRAMES = 64
"""Frames that are counted; more would show the same."""


def _count(values: Array, lo: int, hi: int) -> tuple[Array, int]:
    """Counts of bars over a range, and the integers in each."""
    step = -(-(hi - lo + 1) // FINE)
    bars = -(-(hi - lo + 1) // step)
    return np.bincount((values.ravel() - lo) // step, minlength=bars), step


def _joined(counts: Array, lo: int, step: int) -> dict[str, Any]:
    """At most :data:`BINS` bars; a range that has no more integers is kept whole."""
    if len(counts) > BINS:
        filled = np.flatnonzero(counts)
        first, last = int(filled[0]), int(filled[-1])
        counts, lo = counts[first : last + 1], lo + first * step
    together = -(-len(counts) // BINS)
    counts = np.pad(counts, (0, -len(counts) % together)).reshape(-1, together).sum(axis=1)
    return {"lo": lo, "step": step * together, "counts": counts.tolist()}


def histogram(values: Array) -> dict[str, Any]:
    """How integers are spread.

    Parameters
    ----------
    values : array of int
        Not empty.

    Returns
    -------
    dict
        ``lo``, ``step`` (integers in each bar), ``counts`` (of the bars), ``zeros`` (share of
        them that are 0).
    """
    values = np.asarray(values, dtype=np.int64).ravel()
    lo = int(values.min())
    counts, step = _count(values, lo, int(values.max()))
    return {**_joined(counts, lo, step),
            "zeros": round(float((values == 0).mean()), 6)}


class Activations:
    """Collects how the tensors of a design are spread over frames.

    Sums that the hardware keeps with another constant than the model has (``dataflow.settle``)
    are left out: they may come from either.

    Parameters
    ----------
    design : Design
    """

    def __init__(self, design: Design):
        settled = design.dataflow.network.tensors
        self.tensors = {name: tensor for name, tensor in design.network.tensors.items()
                        if settled[name] == tensor}
        self.frames = 0
        self._counts: dict[str, Array] = {}
        self._steps: dict[str, int] = {}
        self._zeros: dict[str, int] = {}

    def add(self, tensors: Mapping[str, Array]) -> None:
        """Count frames: the tensors by name, (frames, height, width, channels)."""
        taken = min(len(tensors["input"]), FRAMES - self.frames)
        if taken <= 0:
            return
        self.frames += taken
        for name, tensor in self.tensors.items():
            values = np.asarray(tensors[name][:taken], dtype=np.int64)
            counts, self._steps[name] = _count(values, tensor.lo, tensor.hi)
            self._counts[name] = self._counts.get(name, 0) + counts
            zeros = values.size - int(np.count_nonzero(values))
            self._zeros[name] = self._zeros.get(name, 0) + zeros

    def to_json(self, source: str) -> dict[str, Any]:
        """Plain data; ``source`` says where the frames come from."""
        return {"frames": self.frames, "source": source, "tensors": {
            name: self._entry(name, self.tensors[name]) for name in self._counts}}

    def _entry(self, name: str, tensor: Tensor) -> dict[str, Any]:
        return {**_joined(self._counts[name], tensor.lo, self._steps[name]),
                "zeros": round(self._zeros[name] / (self.frames * tensor.size), 6)}
