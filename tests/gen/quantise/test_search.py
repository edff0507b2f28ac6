"""The search for widths, on accuracies and costs that are known."""

from __future__ import annotations

from itertools import product
from math import inf

import numpy as np
import pytest

from quantloom.boards.parts import part
from quantloom.gen.errors import QuantloomError, TargetError
from quantloom.gen.network import Dense, Network, Requantize, Tensor
from quantloom.gen.quantise import Formats
from quantloom.gen.quantise.cost import cost_function
from quantloom.gen.quantise.search import search
from quantloom.rtl_templates.types import IntType

from ...networks import tiny_network

KNOBS = [("a", "weights"), ("a", "activations"), ("b", "weights")]


def network(formats):
    """Two layers that carry their widths."""
    a, b = formats.of("a"), formats.of("b")
    one, inner = np.ones((4, 4), int), IntType(a.activations)
    return Network("net", Tensor.full((1, 1, 4), IntType(8)), [
        Dense(name="a", inputs=("input",), weights=one, weight_type=IntType(a.weights + 1)),
        Requantize(name="act", inputs=("a",), multiplier=np.array([1]), offset=np.array([0]),
                   shift=0, type=inner),
        Dense(name="b", inputs=("act",), weights=one[:, :1], weight_type=IntType(b.weights + 1)),
    ])  # fmt: skip


def widths(net):
    ops = {op.name: op for op in net.ops}
    return (ops["a"].weight_type.bits - 1, ops["act"].type.bits, ops["b"].weight_type.bits - 1)


def accuracy(net):
    """Falls with every bit, and much sooner for the second layer's weights."""
    w, a, v = widths(net)
    return 1 - 0.3 * 2.0**-w - 0.1 * 2.0**-a - 1.5 * 2.0**-v


def cost(net):
    """Bits of both factors of all products."""
    w, a, v = widths(net)
    return 16.0 * 8 * (w + 1) + 4 * a * (v + 1)


def test_cheapest_of_all():
    """As good as trying everything, with far fewer trials."""
    goal, tried = 0.93, []

    def counted(net):
        tried.append(net)
        return accuracy(net)

    found = search(KNOBS, network, counted, cost, goal)
    every = [network(Formats().but("a", weights=w, activations=a).but("b", weights=v))
             for w, a, v in product(range(1, 9), repeat=3)]
    assert found.best.cost == min(cost(net) for net in every if accuracy(net) >= goal)
    assert found.best.cost < found.uniform.cost and found.best.accuracy >= goal
    assert len(tried) < 100 < len(every)
    assert found.formats.of("a").weights == found.best.bits["a"]["weights"]
    assert found.to_json() == search(KNOBS, network, accuracy, cost, goal).to_json()


def test_bits_that_save_nothing_are_given_back():
    found = search(KNOBS, network, accuracy, lambda net: float(widths(net)[0]), 0.93)
    assert found.best.bits["b"]["weights"] == found.best.bits["a"]["activations"] == 8
    assert found.best.bits["a"]["weights"] < 8


def test_what_cannot_be_reached():
    with pytest.raises(TargetError, match=r"with 8 bits everywhere the accuracy is 99[.]26%, less "
                                          r"than 99[.]90%; ask for less, give more calibration"):
        search(KNOBS, network, accuracy, cost, 0.999)
    with pytest.raises(TargetError, match=r"no widths that keep an accuracy of 93[.]00% fit"):
        search(KNOBS, network, accuracy, lambda net: inf, 0.93)


def test_costs():
    zynq, net = part("xc7z010"), tiny_network()
    assert 0 < cost_function("lut", zynq, 400)(net) < zynq.luts
    assert cost_function("lut", zynq, 2)(net) == inf  # no folding is that fast


def test_costs_that_are_not_defined():
    zynq = part("xc7z010")
    for arguments, message in (
            (("area", zynq, 9), "the cost must be lut, energy, cycles, not 'area'"),
            (("lut", zynq), "LUT sites need a target: say how many cycles a frame may take"),
            (("cycles", zynq, 9), "a target has no place there")):
        with pytest.raises(QuantloomError, match=message):
            cost_function(*arguments)
