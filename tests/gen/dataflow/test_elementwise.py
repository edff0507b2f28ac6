"""Lanes and form of element-wise layers: legal values, blocks, equality with the model."""

import numpy as np
import pytest

from quantloom import QuantloomError
from quantloom.gen.cli.frames import random_frames
from quantloom.gen.dataflow.lower import lower
from quantloom.gen.dataflow.plan import plan
from quantloom.gen.emit import to_verilog
from quantloom.gen.network import Clip, Conv2d, Dense, Network, Tensor, Threshold
from quantloom.rtl_templates.adapter import AdapterParams
from quantloom.rtl_templates.requantize import RequantizeParams
from quantloom.rtl_templates.types import IntType
from quantloom.sim.simulate import simulate


def network(*, even=True):
    """Convolution, thresholds, clip, dense layer."""
    rng = np.random.default_rng(3)
    distance = rng.uniform(2.2, 4.8, (6, 1))
    thresholds = np.ceil(rng.uniform(-20, -9, (6, 1)) + distance * np.arange(7)).astype(int)
    if not even:
        thresholds[2, 3:] = thresholds[2, 3]
    return Network("steps", Tensor.full((4, 4, 2), IntType(3, True)), [
        Conv2d(name="conv", inputs=("input",), weights=rng.integers(-2, 2, (3, 3, 2, 6)),
               weight_type=IntType(2, True), bias=rng.integers(-9, 9, 6)),
        Threshold(name="act", inputs=("conv",), thresholds=thresholds, type=IntType(3), base=0,
                  descending=np.arange(6) % 2 > 0),
        Clip(name="clip", inputs=("act",), lo=1, hi=5),
        Dense(name="fc", inputs=("clip",), weights=rng.integers(-2, 2, (24, 3)),
              weight_type=IntType(2, True)),
    ])  # fmt: skip


def foldings(layers, **chosen):
    fold = {"input": {"lanes": 2}}
    for op in layers.ops:
        legal = list(plan(op, layers).foldings())
        fold[op.name] = chosen.get(op.name, {}) if op.name in ("act", "clip") else legal[0]
    return fold


def test_keys_may_be_left_out():
    layers = network()
    act, clip = (plan(op, layers) for op in layers.ops[1:3])
    assert act.check({}) == {"form": "search"} and clip.check({}) == {}
    assert act.check({"lanes": 3}) == {"lanes": 3, "form": "search"}
    assert act.check({"form": "multiply"}) == {"form": "multiply"}
    assert clip.check({"lanes": 12}) == {"lanes": 12}


@pytest.mark.parametrize("folding, text", [
    ({"lanes": 4}, "act: lanes must be one of 1, 2, 3, 6, 12, not 4"),
    ({"lanes": 2, "form": "guess"}, "act: form must be one of multiply, search with lanes = 2, "
                                    "not 'guess'"),
    ({"pe": 2}, "act: the folding must have the keys form or lanes, form, not pe"),
])  # fmt: skip
def test_illegal(folding, text):
    layers = network()
    with pytest.raises(QuantloomError, match=text):
        plan(layers.ops[1], layers).check(folding)


def test_uneven_steps_are_not_multiplied():
    layers = network(even=False)
    with pytest.raises(QuantloomError, match="act: form must be one of search, not 'multiply'"):
        plan(layers.ops[1], layers).check({"form": "multiply"})


def test_lanes_come_behind_an_adapter_or_as_the_stream_does():
    layers = network()
    dataflow = lower(layers, foldings(layers, act={"lanes": 3}, clip={}))
    assert isinstance(dataflow.blocks["act_adapter"].params, AdapterParams)
    lanes = {name: [s.lanes for s in b.params.outputs] for name, b in dataflow.blocks.items()}
    act = next(name for name in lanes if name.startswith("act") and name != "act_adapter")
    assert lanes[act] == [3]
    layout = plan(layers.ops[1], layers)
    assert layout.cycles({"lanes": 3, "form": "search"}) == 4 * 6 // 3


@pytest.mark.parametrize("chosen", [
    dict(act={"form": "multiply"}), dict(act={"form": "multiply", "lanes": 12}, clip={"lanes": 3}),
    dict(act={"form": "search", "lanes": 6}, clip={"lanes": 1}),
    dict(act={"form": "multiply", "lanes": 2}, clip={"lanes": 6}),
])  # fmt: skip
def test_verilog_equals_the_model(chosen, tmp_path):
    layers = network()
    dataflow = lower(layers, foldings(layers, **chosen))
    parts = [part for b in dataflow.blocks.values() for part in getattr(b.params, "parts",
                                                                        (b.params,))]
    multiplies = chosen["act"]["form"] == "multiply"
    assert any(isinstance(part, RequantizeParams) for part in parts) == multiplies
    path = tmp_path / "steps.v"
    path.write_text(to_verilog(dataflow))
    for stress in (False, True):
        report = simulate(dataflow, path, random_frames(layers, 5, 1), engine="cxxrtl",
                          stress=stress, seed=2)
        assert report.ok and report.frames == 5, (report.first_mismatch, report.deadlock)
