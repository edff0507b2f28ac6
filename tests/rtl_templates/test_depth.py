"""Output queues of every depth: the same results, at the pace that the schedule says."""

import numpy as np
import pytest

from quantloom.rtl_templates.adapter import AdapterParams
from quantloom.rtl_templates.add import AddParams
from quantloom.rtl_templates.argmax import ArgMaxParams
from quantloom.rtl_templates.block import serve
from quantloom.rtl_templates.cat import CatParams
from quantloom.rtl_templates.clip import ClipParams
from quantloom.rtl_templates.crop import CropParams
from quantloom.rtl_templates.neuron import NeuronParams
from quantloom.rtl_templates.pad import PadParams
from quantloom.rtl_templates.pool import PoolParams
from quantloom.rtl_templates.requantize import RequantizeParams
from quantloom.rtl_templates.sliding_window import WindowParams
from quantloom.rtl_templates.threshold import ThresholdParams
from quantloom.rtl_templates.tile_pool import TilePoolParams
from quantloom.rtl_templates.types import BIPOLAR, IntType
from quantloom.rtl_templates.upsample import UpsampleParams
from quantloom.rtl_templates.weigh import WeighParams

from .bench import check_block
from .timing import check_schedule

U2, S4 = IntType(2), IntType(4, True)


def neuron(depth, *, pe, simd):
    rng = np.random.default_rng(0)
    return NeuronParams(input_type=U2, weight_type=BIPOLAR, output_type=IntType(6, True),
                        weights=BIPOLAR.decode(rng.integers(0, 2, (1, 6, 4))),
                        positions_per_frame=5, pe=pe, simd=simd, depth=depth)


def window(depth, mode, shape=(5, 6, 2)):
    return WindowParams(type=U2, shape=shape, kernel=(3, 3), stride=(2, 1), mode=mode, channels=2,
                        depth=depth)


BLOCKS = {
    "adapter_wider": lambda d: AdapterParams(type=U2, lanes_in=2, lanes_out=6, elements=36,
                                             depth=d),
    "adapter_much_wider": lambda d: AdapterParams(type=BIPOLAR, lanes_in=1, lanes_out=9,
                                                  elements=36, depth=d),
    "adapter_narrower": lambda d: AdapterParams(type=U2, lanes_in=6, lanes_out=2, elements=36,
                                                depth=d),
    "adapter_widens_unevenly": lambda d: AdapterParams(type=U2, lanes_in=2, lanes_out=3,
                                                       elements=36, depth=d),
    "adapter_narrows_unevenly": lambda d: AdapterParams(type=U2, lanes_in=3, lanes_out=2,
                                                        elements=36, depth=d),
    "add": lambda d: AddParams(input_types=(U2, S4), output_type=IntType(6, True),
                               multipliers=(1, -2), lanes=2, beats=9, depth=d),
    "argmax": lambda d: ArgMaxParams(input_type=U2, channels=6, lanes=2, positions_per_frame=5,
                                     depth=d),
    "cat": lambda d: CatParams(input_types=(U2, BIPOLAR), output_type=S4, channels=(4, 2), lanes=2,
                               positions_per_frame=6, depth=d),
    "clip": lambda d: ClipParams(input_type=S4, output_type=U2, lo=0, hi=3,
                                 positions_per_frame=12, depth=d),
    "crop": lambda d: CropParams(type=U2, shape=(4, 5, 2), start=(1, 1, 0), size=(2, 3, 2),
                                 depth=d),
    "global_pool": lambda d: TilePoolParams(input_type=U2, output_type=IntType(5),
                                            operation="sum", shape=(2, 3, 4), tile=(2, 3), lanes=2,
                                            depth=d),
    "neuron": lambda d: neuron(d, pe=4, simd=6),
    "neuron_folded": lambda d: neuron(d, pe=1, simd=2),
    "neuron_one_beat": lambda d: neuron(d, pe=1, simd=6),
    "pad": lambda d: PadParams(input_type=U2, output_type=U2, shape=(3, 4, 2), pads=(1, 1, 1, 0),
                               depth=d),
    "pool": lambda d: PoolParams(input_type=U2, output_type=U2, operation="max", window=4,
                                 positions_per_frame=8, depth=d),
    "requantize": lambda d: RequantizeParams(input_type=S4, output_type=S4,
                                             multiplier=np.array([3]), offset=np.array([1]),
                                             shift=2, lo=-5, positions_per_frame=9, depth=d),
    "threshold": lambda d: ThresholdParams(input_type=S4, output_type=U2,
                                           thresholds=np.array([[-2, 0, 3]]),
                                           positions_per_frame=9, depth=d),
    "upsample": lambda d: UpsampleParams(type=U2, shape=(3, 4, 2), factors=(2, 2), depth=d),
    "weigh": lambda d: WeighParams(input_type=U2, output_type=IntType(6), channels=2,
                                   rows=(3, 2, 3), columns=(2, 1, 1, 2), depth=d),
    "window_column": lambda d: window(d, "column"),
    "window_full": lambda d: window(d, "full"),
    "window_serial": lambda d: window(d, "serial", (3, 4, 2)),
}


@pytest.mark.parametrize("depth", [1, 2, 3])
@pytest.mark.parametrize("name", BLOCKS)
def test_equals_reference(name, depth):
    check_block(BLOCKS[name](depth), seed=depth, full_rate=False)


@pytest.mark.parametrize("depth", [1, 2, 3, 40])
@pytest.mark.parametrize("name", BLOCKS)
def test_schedule_is_exact(name, depth):
    check_schedule(BLOCKS[name](depth), seed=depth, frames=2)


@pytest.mark.parametrize("depth", [1, 2, 7])
def test_serve_is_its_recurrence(depth):
    rng = np.random.default_rng(depth)
    for density in (0.5, 2.0, 20.0):
        ready = np.cumsum(rng.poisson(density, 60))
        service, emits = rng.integers(1, 4, 60), rng.random(60) < 0.6
        before = np.array([-30, -9, -2])
        got = serve(ready, service, depth=depth, hold=9, emits=emits, before=before)
        want, places, free = [], before.tolist(), 0
        for at, busy, emit in zip(ready, service, emits, strict=True):
            at = max(at, free)
            if emit:
                if len(places) >= depth:
                    at = max(at, places[-depth] + 9)
                places.append(at)
            want.append(at)
            free = at + busy
        np.testing.assert_array_equal(got, want)
