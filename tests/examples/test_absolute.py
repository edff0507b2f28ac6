"""The block of the example: alone, and in a network against the golden model."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from quantloom.gen.dataflow.fold import fold
from quantloom.gen.dataflow.lower import lower
from quantloom.gen.estimate.resources import dataflow_resources
from quantloom.gen.network import Network, Tensor
from quantloom.rtl_templates.chain import ChainParams
from quantloom.rtl_templates.types import IntType
from quantloom.sim import golden

from ..rtl_templates.bench import check_block
from ..rtl_templates.resources import check_resources
from ..rtl_templates.timing import check_schedule

FILE = Path(__file__).parents[2] / "examples" / "absolute" / "absolute.py"
INT5 = IntType(5, signed=True)


@pytest.fixture(scope="module")
def absolute():
    spec = importlib.util.spec_from_file_location("absolute", FILE)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look there
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


def params(absolute, **changes):
    return absolute.AbsoluteParams(**{"input_type": INT5, "output_type": IntType(5), "lanes": 2,
                                      "channels": 2, "positions_per_frame": 16, **changes})


def test_equals_reference(absolute):
    check_block(params(absolute), seed=1)


def test_schedule_is_exact(absolute):
    check_schedule(params(absolute), seed=2)


def test_resources(absolute):
    check_resources(params(absolute, input_type=IntType(8, True), output_type=IntType(8)))


def test_every_value(absolute):
    """The operation and the block agree on every value of the type, its smallest included."""
    values = np.arange(-16, 16)
    network = Network("every", Tensor.full((1, 1, 32), INT5), [
        absolute.Abs(name="size", inputs=("input",))])
    assert (network.tensors["size"].lo, network.tensors["size"].hi) == (0, 16)
    want = np.array([abs(int(value)) for value in values])
    np.testing.assert_array_equal(
        golden.run(network, values.reshape(1, 1, 1, 32))["size"].ravel(), want)
    (got,) = params(absolute).reference(values.reshape(16, 2))
    np.testing.assert_array_equal(got.ravel(), want)


def test_in_a_network(absolute, tmp_path):
    if shutil.which("iverilog") is None:
        pytest.skip("Icarus Verilog is not installed")
    report = absolute.prove(absolute.example(), tmp_path, seed=3, frames=2, engine="icarus")
    assert report.ok and "size" in report.layers_checked, report.first_mismatch


def without_size(network):
    """The dataflow of the network's convolution alone."""
    short = Network("short", network.input, network.ops[:1])
    return lower(short, fold(short, 400))


def test_is_estimated(absolute):
    network = absolute.example()
    dataflow = lower(network, fold(network, 400))
    # It goes on the chain that begins with the neuron.
    (chain,) = (b for b in dataflow.blocks.values() if isinstance(b.params, ChainParams))
    assert [part.kind for part in chain.params.parts] == ["neuron", "absolute"]
    assert dataflow_resources(dataflow).lut > dataflow_resources(without_size(network)).lut


def test_errors(absolute):
    with pytest.raises(ValueError, match="output_type must hold 0 to 16, not uint4"):
        params(absolute, output_type=IntType(4))
    with pytest.raises(ValueError, match="lanes must be one of 1, 2, 4, 8, 16, 32, not 3"):
        params(absolute, lanes=3)
