"""Source arrays to network integers and back."""

from __future__ import annotations

import numpy as np
import pytest

from quantloom.gen.errors import QuantloomError
from quantloom.gen.network import Clip, Interface, Network, Tensor
from quantloom.gen.network.convert import dequantize, inputs_to_integers, integers_to_source
from quantloom.rtl_templates.types import BIPOLAR, IntType

SHAPE = (4, 5, 3)
UINT8 = IntType(8)
ORDER = np.arange(60).reshape(SHAPE).transpose(2, 0, 1)


def network(type_=UINT8, source=(3, 4, 5), order=ORDER, shape=SHAPE, **kwargs) -> Network:
    end = Interface(source, order.reshape(source), **kwargs)
    return Network("net", Tensor.full(shape, type_),
                   [Clip(name="clip", inputs=("input",), lo=type_.lo + (not type_.bipolar))],
                   source_input=end, source_output=end)


def frames(n=2):
    return np.random.default_rng(0).integers(0, 256, (n, 3, 4, 5))


def test_layouts_and_axes():
    net, x = network(), frames()
    want = np.moveaxis(x, 1, 3)
    for array in (x, want, x[:, None], x[:, :, None], x.astype(np.uint8)):
        np.testing.assert_array_equal(inputs_to_integers(net, array), want)
    for array in (x[0], want[0], x[:1], x[0][None, None]):
        np.testing.assert_array_equal(inputs_to_integers(net, array), want[:1])


def test_missing_channel_axis():
    net = network(source=(1, 4, 5), order=np.arange(20), shape=(4, 5, 1))
    x = np.arange(200).reshape(10, 4, 5)
    np.testing.assert_array_equal(inputs_to_integers(net, x)[..., 0], x)
    np.testing.assert_array_equal(inputs_to_integers(net, x[3])[0, ..., 0], x[3])


def test_reals_on_the_grid():
    x = frames()
    net = network(scale=1 / 255)
    single = x.astype(np.float32) * np.float32(1 / 255)
    for reals in (x / 255, (x / 255).astype(np.float32), single):
        np.testing.assert_array_equal(inputs_to_integers(net, reals), np.moveaxis(x, 1, 3))
    net = network(scale=0.25, zero_point=7)
    np.testing.assert_array_equal(inputs_to_integers(net, (x - 7) * 0.25), np.moveaxis(x, 1, 3))


def test_a_scale_for_each_channel():
    scale = np.array([0.5, 0.1, 2.0]).reshape(3, 1, 1)
    x, net = frames(), network(scale=np.broadcast_to(scale, (3, 4, 5)))
    want = np.moveaxis(x, 1, 3)
    np.testing.assert_array_equal(inputs_to_integers(net, x * scale), want)
    np.testing.assert_array_equal(inputs_to_integers(net, np.moveaxis(x * scale, 1, 3)), want)


def test_round_trip():
    net, x = network(scale=0.25, zero_point=7, offset=1.5), frames()
    back = integers_to_source(net, inputs_to_integers(net, x))
    np.testing.assert_array_equal(back, x)
    np.testing.assert_array_equal(dequantize(net, back), (x - 7) * 0.25 + 1.5)


def spoiled(value, dtype=float):
    x = frames().astype(dtype)
    x[1, 2, 0, 3] = value
    return x


@pytest.mark.parametrize(("array", "message"), [
    (np.zeros((2, 3, 5, 4)), r"inputs must have shape \(frames, 3, 4, 5\) or \(frames, 4, 5, 3\), "
     r"channels last, not \(2, 3, 5, 4\)"),
    (np.zeros(()), r"inputs must have shape"),
    (np.zeros((0, 7)), r"inputs must have shape"),
    (np.zeros((2, 3, 4, 5), bool), "inputs must be integers or reals, not bool"),
    (np.full((2, 3, 4, 5), "a"), "inputs must be integers or reals, not <U1"),
    (spoiled(256, int), r"frame 1, index \(2, 0, 3\), is 256; inputs must be uint8, 0 to 255"),
    (spoiled(-1.0), r"index \(2, 0, 3\), is -1.0 \(integer -1\); inputs must be uint8, 0 to 255"),
    (spoiled(np.nan), r"input frame 1, index \(2, 0, 3\), is nan; inputs must be finite"),
    (spoiled(np.inf), r"is inf; inputs must be finite"),
    (spoiled(3.1), r"is 3.1, which is off the input grid: 1 \* \(integer - 0\)\. Pass integers"),
    (spoiled(1e300), r"is 1e\+300, which is off the input grid"),
    (spoiled(2, np.uint64) + np.uint64(2**63), r"inputs must be uint8"),
])
def test_refused(array, message):
    with pytest.raises(QuantloomError, match=message):
        inputs_to_integers(network(), array)


def test_bipolar():
    net = network(BIPOLAR)
    x = np.where(frames() > 99, 1, -1)
    np.testing.assert_array_equal(inputs_to_integers(net, x * 1.0), np.moveaxis(x, 1, 3))
    x[1, 0, 0, 1] = 0
    with pytest.raises(QuantloomError, match=r"index \(0, 0, 1\), is 0; .* bipolar, -1 or \+1"):
        inputs_to_integers(net, x)
