"""How often a classifier's largest output is the right one, by the golden model."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..gen.errors import QuantloomError
from ..gen.network import ArgMax, Network
from ..gen.network.convert import dequantize, integers_to_source, round_inputs
from . import golden

__all__ = ["accuracy", "classes", "classes_of"]

Array = np.ndarray[Any, Any]


def classes_of(network: Network, outputs: Array) -> Array:
    """The class that each frame's output stands for.

    Parameters
    ----------
    network : Network
    outputs : array of int, (frames, height, width, channels)
        Of the network's output tensor.

    Returns
    -------
    array of int, (frames,)
        The output itself where the network ends in an argmax; else the largest score's index, the
        first of equals.

    Raises
    ------
    QuantloomError
        If a frame has one output that is no class.
    """
    source = integers_to_source(network, outputs)
    if isinstance(network.ops[-1], ArgMax) and source[0].size == 1:
        return source.reshape(len(source)).astype(np.int64)
    scores = dequantize(network, source).reshape(len(source), -1)
    if scores.shape[1] < 2:
        raise QuantloomError(f"{network.name}: its output is one number, not a score for each "
                             "class: leave out the data set")
    return np.asarray(scores.argmax(axis=1))


def classes(network: Network, inputs: Array) -> Array:
    """The class of each input, by :func:`classes_of`.

    Parameters
    ----------
    network : Network
    inputs : array
        The model's own inputs, (frames, *input shape); reals are rounded to the input's grid.

    Returns
    -------
    array of int, (frames,)
    """
    return classes_of(network, golden.run(network, round_inputs(network, inputs))[network.output])


def accuracy(network: Network, inputs: Array, labels: Array) -> float:
    """Share of the inputs whose class is their label.

    Raises
    ------
    QuantloomError
        If there are not as many labels as inputs, or none.
    """
    labels = np.ravel(labels)
    if not len(labels) or len(labels) != len(inputs):
        raise QuantloomError(f"{network.name}: {len(labels)} labels do not go with {len(inputs)} "
                             "inputs")
    return float((classes(network, inputs) == labels).mean())
