"""Averages of windows that reach over the edge of a feature map."""

from __future__ import annotations

from math import lcm

import numpy as np

from ..errors import UnsupportedError
from ..network import Weigh
from .draft import Draft

__all__ = ["averageable"]

Pads = tuple[int, int, int, int]


def averageable(draft: Draft, label: str, name: str, source: str, kernel: tuple[int, int],
                stride: tuple[int, int], pads: Pads, counted: Pads = (0, 0, 0, 0),
                ) -> tuple[str, int]:
    """Sums of windows, on one scale: divided by one number they are averages of what is counted.

    A sum of ``n`` elements is multiplied by the least common multiple over ``n``, which is exact.

    Parameters
    ----------
    label : str
        The source's name in errors.
    name : str
        Of the sums.
    source : str
        The tensor that the windows went over, before it was padded.
    kernel, stride : (vertical, horizontal)
    pads : (top, left, bottom, right)
        Zeros around the tensor.
    counted : (top, left, bottom, right)
        How many of them count as elements.

    Returns
    -------
    tensor : str
    divisor : int

    Raises
    ------
    UnsupportedError
        If a window has no elements.
    """
    factors, divisor = [], 1
    for axis, n in enumerate(draft.tensors[name].shape[:2]):
        first = np.arange(n) * stride[axis] - pads[axis]
        size = draft.tensors[source].shape[axis]
        counts = (np.minimum(first + kernel[axis], size + counted[axis + 2])
                  - np.maximum(first, -counted[axis])).tolist()
        if min(counts) < 1:
            raise UnsupportedError(label, "a window lies in the padding alone",
                                   "Pad by less than the kernel")
        common = lcm(*counts)
        factors.append(np.array([common // count for count in counts]))
        divisor *= common
    if all((f == 1).all() for f in factors):
        return name, divisor
    return draft.add(label, Weigh(name=draft.names.take(f"{name}_weigh"), inputs=(name,),
                                  rows=factors[0], columns=factors[1])), divisor
