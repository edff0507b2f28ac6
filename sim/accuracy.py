"""How often a classifier's largest output is the right one, by the golden model."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..gen.errors import QuantloomError
from ..gen.network import Network
from ..gen.network.convert import dequantize, integers_to_source, round_inputs
from . import golden

__all__ = ["accuracy", "classes"]

Array = np.ndarray[Any, Any]


def classes(network: Network, inputs: Array) -> Array:
    """The class of each input: the network's result where that is one number, else the largest.

    Parameters
    ----------
    network : Network
    inputs : array
        The model's own inputs, (frames, *input shape); reals are rounded to the input's grid.

    Returns
    -------
    array of int, (frames,)
    """
    outputs = golden.run(network, round_inputs(network, inputs))[network.output]
    reals = dequantize(network, integers_to_source(network, outputs)).reshape(len(outputs), -1)
    return reals[:, 0].astype(np.int64) if reals.shape[1] == 1 else reals.argmax(axis=1)


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
