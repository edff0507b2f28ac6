"""Accuracy of the golden model over labelled frames."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import QuantloomError
from ..network import Network
from ..network.convert import inputs_to_integers, round_inputs
from ..stored import array_damage

__all__ = ["Labelled", "correct", "load_labelled"]

Array = np.ndarray[Any, Any]

INPUTS = ("images", "inputs", "x", "x_test")
LABELS = ("labels", "targets", "y", "y_test")
"""Names that the arrays of a file go by; the first that is there counts."""

_STEP = 256
"""Frames between two signs of life."""


@dataclass(frozen=True, eq=False)
class Labelled:
    """Frames with their classes.

    Parameters
    ----------
    file : Path
    frames : array, (frames, ...)
        As the model takes them; reals are rounded to its input's grid.
    labels : array of int, (frames,)
    """

    file: Path
    frames: Array
    labels: Array

    @cached_property
    def digest(self) -> str:
        """Hash of both arrays."""
        state = sha256()
        for array in (self.frames, self.labels):
            state.update(f"{array.dtype.str} {array.shape} ".encode())
            state.update(np.ascontiguousarray(array).tobytes())
        return state.hexdigest()


def load_labelled(path: Path) -> Labelled:
    """Labelled frames from an .npz file with arrays as :data:`INPUTS` and :data:`LABELS` name them.

    Raises
    ------
    QuantloomError
        If it cannot be read, or lacks one of them, or they do not fit each other.
    """
    try:
        with path.open("rb") as file, array_damage():
            stored = np.load(file, allow_pickle=False)
            if isinstance(stored, np.ndarray):
                raise QuantloomError(f"{path}: holds no labels; give an .npz file with "
                                     f"'{INPUTS[0]}' and '{LABELS[0]}'")
            arrays = dict(stored)
    except OSError as error:
        raise QuantloomError(f"{path}: cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise QuantloomError(f"{path}: not an .npz file of numbers, or a truncated one") from error
    frames, labels = (
        _one_of(path, arrays, names) for names in (INPUTS, LABELS))
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1 or not np.issubdtype(labels.dtype, np.integer):
        raise QuantloomError(f"{path}: labels must be one whole number for each frame, not "
                             f"{labels.dtype} of shape {labels.shape}")
    if len(frames) != len(labels) or len(labels) == 0:
        raise QuantloomError(f"{path}: {len(frames)} frames, but {len(labels)} labels; there must "
                             "be as many, and at least one")
    return Labelled(path, frames, labels.astype(np.int64))


def _one_of(path: Path, arrays: dict[str, Array], names: tuple[str, ...]) -> Array:
    for name in names:
        if name in arrays:
            return arrays[name]
    raise QuantloomError(f"{path}: has {', '.join(arrays) or 'no array'}, but none of "
                         f"{', '.join(names)}")


def correct(network: Network, data: Labelled,
            update: Callable[[int, int], None] = lambda done, total: None) -> int:
    """How many frames the golden model classifies as they are labelled.

    Raises
    ------
    QuantloomError
        If the frames are none of the network's, or the labels are not classes of it.
    """
    from ...sim import golden
    from ...sim.accuracy import classes_of

    reals = np.issubdtype(data.frames.dtype, np.floating)
    try:
        integers = (round_inputs if reals else inputs_to_integers)(network, data.frames)
    except QuantloomError as problem:
        raise QuantloomError(f"{data.file}: {problem}") from problem
    if len(integers) != len(data.labels):
        raise QuantloomError(f"{data.file}: {len(integers)} frames of {network.name}, but "
                             f"{len(data.labels)} labels")
    right = 0
    for start in range(0, len(integers), _STEP):
        chunk = slice(start, start + _STEP)
        outputs = golden.run(network, integers[chunk])[network.output]
        right += int((classes_of(network, outputs) == data.labels[chunk]).sum())
        update(min(start + _STEP, len(integers)), len(integers))
    return right
