import numpy as np
import pytest

from quantloom.rtl_templates.block import StreamShape
from quantloom.rtl_templates.chain import ChainParams
from quantloom.rtl_templates.clip import ClipParams
from quantloom.rtl_templates.neuron import NeuronParams
from quantloom.rtl_templates.queue import FifoParams
from quantloom.rtl_templates.requantize import RequantizeParams
from quantloom.rtl_templates.threshold import ThresholdParams
from quantloom.rtl_templates.types import BIPOLAR, IntType

from .bench import check_block
from .timing import check_schedule

SUM, U2, S4 = IntType(6, True), IntType(2), IntType(4, True)


def neuron(*, pe, simd):
    rng = np.random.default_rng(0)
    return NeuronParams(input_type=U2, weight_type=BIPOLAR, output_type=SUM,
                        weights=BIPOLAR.decode(rng.integers(0, 2, (1, 6, 4))),
                        positions_per_frame=11, pe=pe, simd=simd)


def threshold(lanes):
    rng = np.random.default_rng(1)
    return ThresholdParams(input_type=SUM, output_type=U2, channels=4, positions_per_frame=11,
                           thresholds=np.sort(rng.integers(-9, 9, (4, 3)), axis=1), lanes=lanes)


CLIP = ClipParams(input_type=S4, output_type=U2, lo=0, hi=3, positions_per_frame=12)
SCALE = RequantizeParams(input_type=SUM, output_type=S4, multiplier=np.array([3]),
                         offset=np.array([1]), shift=2, lo=-5, hi=7, positions_per_frame=12)
CHAINS = {
    "neuron": (neuron(pe=4, simd=6), threshold(4)),
    "neuron_one_beat": (neuron(pe=1, simd=6), threshold(1)),
    "neuron_folded": (neuron(pe=2, simd=2), threshold(2)),
    "three": (SCALE, CLIP, ClipParams(input_type=U2, output_type=U2, lo=1, hi=2,
                                       positions_per_frame=12)),
}


@pytest.mark.parametrize("depth", [None, 40])
@pytest.mark.parametrize("name", CHAINS)
def test_equals_reference(name, depth):
    check_block(ChainParams(CHAINS[name], depth), seed=5)


@pytest.mark.parametrize("depth", [None, 2, 40])
@pytest.mark.parametrize("name", CHAINS)
def test_schedule_is_exact(name, depth):
    check_schedule(ChainParams(CHAINS[name], depth), seed=6)


def test_is_its_parts():
    chain = ChainParams(CHAINS["neuron_folded"])
    assert chain.inputs == chain.parts[0].inputs and chain.outputs == chain.parts[1].outputs
    assert chain.cycles == chain.parts[0].cycles
    assert chain.latency == chain.parts[0].latency + chain.parts[1].latency - 1
    assert [v.parts for v in chain.variants()] == [chain.parts]
    assert chain.with_depths([50]).room == 50 and chain.with_depths([1]).room == chain.full_depth


def test_errors():
    with pytest.raises(ValueError, match="parts must be at least 2, not 1"):
        ChainParams((CLIP,))
    with pytest.raises(ValueError, match="a fifo must not stand at place 0 of a chain"):
        ChainParams((FifoParams(StreamShape(S4, 1, 12), 2), CLIP))
    with pytest.raises(ValueError, match="a neuron must not stand at place 1 of a chain"):
        ChainParams((CLIP, neuron(pe=4, simd=6)))
    with pytest.raises(ValueError, match="inputs of a part must be"):
        ChainParams((CLIP, SCALE))
