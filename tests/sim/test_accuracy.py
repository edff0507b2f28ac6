"""Classes and accuracy by the golden model."""

from __future__ import annotations

import numpy as np
import pytest

from quantloom.gen.errors import QuantloomError
from quantloom.gen.network import ArgMax, Dense, Interface, Network, Tensor
from quantloom.rtl_templates.types import IntType
from quantloom.sim.accuracy import accuracy, classes


def network(argmax=False):
    """The largest of three inputs on a grid of quarters, -1 to 0.75."""
    ops = [Dense(name="fc", inputs=("input",), weights=np.eye(3, dtype=int),
                 weight_type=IntType(2, True))]
    ops += [ArgMax(name="best", inputs=("fc",))] if argmax else []
    return Network("net", Tensor.full((1, 1, 3), IntType(3, True)), ops,
                   Interface((3,), np.arange(3), 0.25))


@pytest.mark.parametrize("argmax", [False, True])
def test_classes(argmax):
    # Off the grid and beyond it: rounded half to even, and clipped.
    x = np.array([[0.3, 0.1, -9.0], [0.12, 0.13, 0.0], [0.1, 0.74, 5.0], [-3.0, -0.9, -7.0]])
    net = network(argmax)
    assert classes(net, x).tolist() == [0, 1, 1, 0]  # of equals the first
    assert accuracy(net, x, np.array([0, 1, 2, 3])) == 0.5


def test_labels_that_do_not_fit():
    with pytest.raises(QuantloomError, match="3 labels do not go with 2 inputs"):
        accuracy(network(), np.zeros((2, 3)), np.zeros(3))
