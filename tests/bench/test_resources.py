"""What blocks say they occupy, against what they occupy once synthesised."""

import pytest

from bench.area import area
from quantloom.gen.dataflow.graph import Block, Dataflow, Stream
from quantloom.gen.emit import to_verilog
from quantloom.gen.network import Clip, Network, Tensor
from quantloom.rtl_templates.adapter import AdapterParams
from quantloom.rtl_templates.block import StreamShape
from quantloom.rtl_templates.pad import PadParams
from quantloom.rtl_templates.queue import FifoParams
from quantloom.rtl_templates.types import IntType

U4 = IntType(4)
BLOCKS = [
    FifoParams(stream=StreamShape(U4, 1, 4096), depth=232),
    AdapterParams(type=U4, lanes_in=8, lanes_out=16, elements=4096, depth=3),
    PadParams(input_type=U4, output_type=U4, shape=(54, 54, 8), pads=(2, 2, 2, 2), depth=2),
]


@pytest.mark.parametrize("params", BLOCKS, ids=lambda params: params.kind)
def test_close_to_synthesis(params):
    shapes = params.inputs[0], params.outputs[0]
    streams = {"source": Stream("source", shapes[0], None, "block", None),
               "sink": Stream("sink", shapes[1], "block", None, None)}
    network = Network("alone", Tensor.full((1, 1, 1), U4),
                      [Clip(name="block", inputs=("input",), lo=0, hi=9)])
    block = Block("block", "block", params, ("source",), ("sink",))
    dataflow = Dataflow("alone", network, {"block": block}, streams)
    found, said = area(to_verilog(dataflow), "block"), params.resources
    assert said.lut == pytest.approx(found.sites, rel=0.15)
    assert said.ff == pytest.approx(found.ff, rel=0.15)
    assert said.bram18 == 2 * found.bram36 == 0
