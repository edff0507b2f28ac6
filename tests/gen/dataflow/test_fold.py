"""Folding: the best there is, within what a part holds."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from math import ceil

import numpy as np
import pytest

import quantloom
from quantloom import QuantloomError
from quantloom.boards.parts import PARTS, Part, part
from quantloom.gen.dataflow.buffers import FRAMES
from quantloom.gen.dataflow.builder import Builder
from quantloom.gen.dataflow.fold import fold, fold_for, limits, occupied, require_fit, shown
from quantloom.gen.dataflow.lower import lower
from quantloom.gen.dataflow.options import CHAIN_LATENCY, Layer, Layers, Option, price
from quantloom.gen.dataflow.plan import INPUT, plan
from quantloom.gen.dataflow.solve import FASTER, KINDS, Solver, scarcity
from quantloom.gen.errors import TargetError
from quantloom.gen.network import (
    Add,
    Clip,
    Concat,
    Conv2d,
    Dense,
    MaxPool,
    Network,
    Tensor,
    Threshold,
)
from quantloom.rtl_templates.adapter import AdapterParams
from quantloom.rtl_templates.queue import credit_resources
from quantloom.rtl_templates.resources import Resources
from quantloom.rtl_templates.types import BIPOLAR, IntType

from ...e2e.random_networks import random_network
from ...networks import tiny_network

SMALL = Part("small", "Zynq-7000", 3_000, 1_000, 6_000, 10, 4)
PRICES = scarcity(limits(SMALL, 1.0))


def network_of(seed: int) -> Network:
    """Few layers with few foldings, in one of three shapes: a chain, a skip, a fork and join."""
    rng = np.random.default_rng(seed)
    channels = int(rng.integers(2, 5))

    def conv(name: str, source: str, kernel: int, inputs: int, outputs: int) -> Conv2d:
        weights = BIPOLAR.decode(rng.integers(0, 2, (kernel, kernel, inputs, outputs)))
        return Conv2d(name=name, inputs=(source,), weights=weights, weight_type=BIPOLAR)

    ops = [conv("first", "input", 3, 1, channels),
           Threshold(name="act", inputs=("first",), thresholds=np.sort(
               rng.integers(-6, 7, (channels, 3)), axis=1), type=IntType(2), base=0)]
    if seed % 3 == 1:
        ops += [conv("inner", "act", 1, channels, channels),
                Clip(name="relu", inputs=("inner",), lo=0, hi=3),
                Add(name="skip", inputs=("act", "relu"), multipliers=(1, 1))]
    elif seed % 3 == 2:
        ops += [conv("left", "act", 1, channels, 2), conv("right", "act", 1, channels, 2),
                Concat(name="both", inputs=("left", "right"))]
    else:
        ops += [MaxPool(name="pool", inputs=("act",), kernel=(2, 2), stride=(2, 2))]
        ops += [Dense(name="out", inputs=("pool",), weight_type=IntType(2, True),
                      weights=rng.integers(-1, 2, (4 * channels, 2)))]
    return Network("mini", Tensor.full((6, 6, 1), IntType(2)), ops)


def costs_of(network: Network, foldings: dict, chained: set[str], interval: int) -> list[int]:
    """Resources of a folding, from the whole network's blocks."""
    builder = Builder(network, foldings[INPUT]["lanes"])
    plans = {op.name: plan(op, network) for op in network.ops}
    for op in network.ops:
        plans[op.name].build(builder, foldings.get(op.name, {}))
    flow = builder.finish()
    parts: dict[str, Resources] = {}
    for block in flow.blocks.values():
        comes, goes = (flow.streams[ends[0]] for ends in (block.inputs, block.outputs))
        if isinstance(block.params, AdapterParams):
            parts[block.name] = price(block.params, interval)
            if comes.tensor in chained:  # what is no chain any more has a queue again
                parts[block.name] += credit_resources(comes.shape.width, CHAIN_LATENCY, None)
            continue
        params = plans[block.layer].settle(block.params) if block.layer in plans else block.params
        if comes.tensor in chained:
            params = params.with_depths([2 * CHAIN_LATENCY])
        if goes.tensor in chained:
            params = params.with_depths([0])
        parts[block.layer] = parts.get(block.layer, Resources()) + price(params, interval)
    return [sum(ceil(getattr(part, kind)) for part in parts.values()) for kind in KINDS]


def every_folding(layers: Layers, interval: int) -> list[tuple[list[int], dict]]:
    """Resources and foldings of all combinations of options that keep an interval, one by one."""
    def numbers(resources: Resources) -> list[int]:
        return [ceil(getattr(resources, kind)) for kind in KINDS]

    def within(layer: Layer) -> list[Option]:
        options = [option for option in layer.options if option.cycles <= interval]
        slowest = max(option.cycles for option in options)
        return [o for o in options if not layer.weighted or o.cycles * FASTER >= slowest]

    names = list(layers.layers)
    options = {name: [(option, numbers(layers.price(layer, option, interval)))
                      for option in within(layer)] for name, layer in layers.layers.items()}
    joins = cache(lambda *key: numbers(layers.join(*key, interval)))
    found: list[tuple[list[int], dict]] = []

    def choose(k: int, given: dict, costs: list[int], foldings: dict) -> None:
        if k == len(names):
            found.append((costs, foldings))
            return
        tensors = layers.layers[names[k]].tensors
        sources = tuple(given[tensor] for tensor in tensors)
        for option, own in options[names[k]]:
            if option.sources not in (None, sources):
                continue
            parts = [own, *map(joins, tensors, sources, option.taken)]
            choose(k + 1, {**given, names[k]: option.given},
                   [sum(numbers) for numbers in zip(costs, *parts, strict=True)],
                   {**foldings, names[k]: option.folding})

    choose(0, {}, [0] * len(KINDS), {})
    return found


def weighted(costs: list[int]) -> int:
    return sum(a * b for a, b in zip(costs, PRICES, strict=True))


@pytest.mark.parametrize("seed", range(9))
def test_optimum(seed):
    """The solver finds what trying every folding finds, without and with a budget."""
    network = network_of(seed)
    layers = Layers(network)
    solver = Solver(layers, PRICES)
    interval = (36, 64, 144)[seed // 3]
    every = every_folding(layers, interval)
    for k in np.random.default_rng(seed).integers(0, len(every), 20):
        costs, foldings = every[k]
        assert costs_of(network, foldings, layers.chained, interval) == costs

    best = min((costs for costs, _ in every), key=weighted)
    fewest = min(costs[1] for costs, _ in every)
    # Less of what the best takes: another is the best, down to where there is none.
    for ff in (None, best[1] - 1, fewest, fewest - 1):
        found = solver.solve(interval, None if ff is None else
                             Resources(10**6, ff, 10**4, 10**4))
        rest = [costs for costs, _ in every if ff is None or costs[1] <= ff]
        if not rest:
            assert found is None and ff < fewest
            continue
        costs = [int(getattr(found.resources, kind)) for kind in KINDS]
        assert weighted(costs) == min(map(weighted, rest)) and (ff is None or costs[1] <= ff)
        foldings = {name: option.folding for name, option in found.options.items()}
        assert costs_of(network, foldings, layers.chained, interval) == costs
        assert found.interval <= interval


@pytest.mark.parametrize("seed", range(400, 410))
def test_targets(seed):
    """A target is met by every layer that can, and a slower target never costs more."""
    network = random_network(seed)
    last = None
    layers = Layers(network)
    for target in (8, 32, 128, 512, 10**6):
        foldings = fold(network, target)
        fastest = max(min(option.cycles for option in layer.options)
                      for layer in layers.layers.values())
        # A sliding window may get a smaller buffer for a few cycles.
        assert lower(network, foldings).interval <= max(target, fastest) + 2 * FRAMES
        cost = Solver(layers, PRICES).solve(max(target, fastest)).resources
        assert last is None or sum(p * getattr(cost, k) for p, k in zip(
            PRICES, KINDS, strict=True)) <= last
        last = sum(p * getattr(cost, k) for p, k in zip(PRICES, KINDS, strict=True))


@pytest.mark.parametrize("seed", range(3))
def test_fastest_that_fits(seed):
    """No faster pace of the network has a folding within the limits."""
    network = network_of(seed)
    every = Layers(network)
    free = fold_for(network, PARTS["XC7Z100"])
    slow = fold_for(network, PARTS["XC7Z100"], every.paces()[-1])
    lut = round((free.resources.lut + slow.resources.lut) / 2)
    tight = Part("tight", "Zynq-7000", lut, lut, 10**5, 100, 0)
    found = fold_for(network, tight, utilisation=1.0)
    assert found.resources.fits(limits(tight, 1.0))
    assert free.dataflow.interval < found.dataflow.interval < slow.dataflow.interval
    assert found.resources.lut <= lut and occupied(found.dataflow) == found.resources
    with pytest.raises(TargetError):
        require_fit(free.dataflow, tight, limits(tight, 1.0), clock=100.0)
    require_fit(found.dataflow, tight, limits(tight, 1.0), clock=100.0)


def test_refusals():
    network = network_of(0)
    fast = fold_for(network, PARTS["XC7Z100"])
    need = shown(fast.resources)["LUT sites"]
    room = Part("room", "Zynq-7000", int(need) - 20, 0, 10**5, 100, 0)
    with pytest.raises(TargetError) as refused:
        fold_for(network, room, fast.dataflow.interval, utilisation=1.0, clock=50.0)
    text = str(refused.value)
    assert text.startswith(
        f"mini does not fit room at {fast.dataflow.interval} cycles a frame "
        f"({50e6 / fast.dataflow.interval:,.0f} images/s at 50 MHz): it takes ")
    assert f" of {need - 20:,g} LUT sites" in text and "short of " in text
    slower = fold_for(network, room, utilisation=1.0)
    assert text.endswith(f"The fastest folding that fits takes {slower.dataflow.interval} cycles "
                         f"a frame ({50e6 / slower.dataflow.interval:,.0f} images/s at 50 MHz).")

    nothing = Part("nothing", "Zynq-7000", 100, 0, 60, 1, 1)
    with pytest.raises(TargetError, match=r"mini does not fit nothing at any speed: the smallest "
                       r"design, at \d+ cycles .* of 90 LUT sites \(90% of 100\), .* of 60 FF, "
                       r"0 of 1 BRAM36, 0 of 1 DSP; short of \d+ LUT sites and \d+ FF\.$"):
        fold_for(network, nothing)
    with pytest.raises(TargetError, match=r"\. Nor does anything slower: the smallest design"):
        fold_for(network, nothing, 100)


def test_default_is_moderate():
    network = tiny_network()
    foldings = fold(network)
    flow = lower(network, foldings)
    assert set(foldings[INPUT]) == {"lanes"}
    assert occupied(flow).fits(limits(PARTS["XC7Z007S"], 0.5))
    assert flow.interval < lower(network, fold(network, 10**6)).interval
    # One that is too large for that is still folded: as small as can be.
    wide = Network("wide", Tensor.full((1, 1, 4096), IntType(8)), [
        Clip(name="relu", inputs=("input",), lo=0, hi=100)])
    assert fold(wide)[INPUT]


def test_same_choice_again():
    for seed in (401, 402):
        assert fold(random_network(seed), 100) == fold(random_network(seed), 100)
    network = tiny_network()
    assert (quantloom.fold(network, part="xc7z010")
            == fold_for(network, part("XC7Z010")).foldings)


def test_parts():
    assert part("xc7z010") is PARTS["XC7Z010"] and list(PARTS) == [p.name for p in PARTS.values()]
    with pytest.raises(ValueError, match=r"Part must be one of XC7Z007S, .*, not 'xc7'"):
        part("xc7")
    room = limits(part("XC7Z010"), 0.5)
    assert shown(room) == {"LUT sites": 8800, "FF": 35200, "BRAM36": 60, "DSP": 80}
    for entry in PARTS.values():
        registers = 1 if entry.family == "ECP5" else 2  # beside each LUT
        assert entry.lutram_luts < entry.luts and entry.ffs == registers * entry.luts


def test_sums_move_to_dsps_where_luts_bind():
    network = network_of(0)
    part = Part("tight", "Zynq-7000", 10**5, 10**5, 10**5, 100, 0)
    without = None
    while part.luts:  # fewer and fewer LUTs, until there are too few without DSPs
        try:
            without = fold_for(network, part, 36, utilisation=1.0)
        except TargetError:
            break
        part = replace(part, luts=ceil(without.resources.lut) - 1)
    assert without is not None
    layers = {name for name, folding in without.foldings.items() if "dsp_rows" in folding}
    assert layers == {"first", "out"} and not any(without.foldings[k]["dsp_rows"] for k in layers)
    found = fold_for(network, replace(part, dsp=100), 36, utilisation=1.0)
    assert any(found.foldings[name]["dsp_rows"] for name in layers)
    assert found.resources.dsp > 0 and found.resources.lut <= part.luts
    assert found.dataflow.interval == without.dataflow.interval


def test_words_and_left_out_keys():
    dense = Dense(name="out", inputs=("input",), weight_type=IntType(3, True),
                  weights=np.arange(48).reshape(24, 2) % 7 - 3)
    layout = plan(dense, Network("words", Tensor.full((1, 1, 24), IntType(2)), [dense]))
    short = {"pe": 1, "simd": 2, "positions": 1}
    full = {**short, "memory": "block", "multiplier": "dsp", "dsp_rows": 2}
    assert layout.check(full) == full
    assert layout.check(short) == {**short, "memory": "lut", "multiplier": "lut", "dsp_rows": 0}
    assert layout.check({**short, "memory": "block"}) == {
        **full, "multiplier": "lut", "dsp_rows": 0}
    so_far = "pe = 1 and simd = 2 and positions = 1"
    for folding, text in (
        ({**full, "memory": "disk"}, f"out: memory must be one of block, lut with {so_far}, not "
         "'disk'"),
        ({**full, "simd": 4}, "out: memory must be one of lut with pe = 1 and simd = 4 and "
         "positions = 1, not 'block'"),
        ({**full, "multiplier": 1}, f"out: multiplier must be one of dsp, lut with {so_far} and "
         "memory = block, not 1"),
        ({**full, "dsp_rows": 1}, f"out: dsp_rows must be one of 0, 2, 9 with {so_far} and "
         "memory = block and multiplier = dsp, not 1"),
        ({"pe": 1, "memory": "lut"}, "out: the folding must have the keys pe, simd, positions, "
         "memory, multiplier, dsp_rows, not pe, memory"),
    ):
        with pytest.raises(QuantloomError) as raised:
            layout.check(folding)
        assert str(raised.value) == text


def test_pixels_of_a_stride():
    """A window with a stride takes the pixels of a step at once."""
    rng = np.random.default_rng(3)
    conv = Conv2d(name="conv", inputs=("input",), stride=(2, 2), weight_type=BIPOLAR,
                  weights=BIPOLAR.decode(rng.integers(0, 2, (3, 3, 1, 4))))
    network = Network("stride", Tensor.full((8, 8, 1), IntType(2)), [conv])
    layout = plan(conv, network)
    fast = {"pe": 4, "simd": 9, "positions": 1, "pixels": 2, "memory": "lut", "multiplier": "lut",
            "dsp_rows": 0}
    assert layout.check(fast) == fast
    assert layout.check({"pe": 4, "simd": 9, "positions": 1}) == {**fast, "pixels": 1}
    assert (layout.cycles(fast), layout.cycles({**fast, "pixels": 1})) == (32, 64)
    with pytest.raises(QuantloomError, match=r"pixels must be one of 1 with .*, not 2"):
        layout.check({**fast, "simd": 3})
    assert fold(network, 32)["conv"]["pixels"] == 2


def test_fits_an_ecp5():
    """Its own numbers, and no adders in DSPs, which share them on the 7-series alone."""
    network, ecp5 = network_of(0), PARTS["LFE5U-25F"]
    found = fold_for(network, ecp5)
    assert not any(folding.get("dsp_rows") for folding in found.foldings.values())
    assert found.resources == occupied(found.dataflow, ecp5)
    assert found.resources.fits(limits(ecp5))
    assert found.resources.lut > occupied(found.dataflow).lut
    keys = {key for layer in Layers(network, "ecp5").layers.values() for option in layer.options
            for key in option.folding.items()}
    assert ("dsp_rows", 0) in keys and ("dsp_rows", 2) not in keys
    assert any(option.folding.get("dsp_rows") == 2 for layer in Layers(network).layers.values()
               for option in layer.options)
