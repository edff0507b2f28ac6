import itertools
from dataclasses import replace

import numpy as np
import pytest
from amaranth.back import rtlil

from quantloom.rtl_templates.bit_heap import adder_resources
from quantloom.rtl_templates.form_graph import GraphForm
from quantloom.rtl_templates.neuron import NeuronParams
from quantloom.rtl_templates.resources import Resources
from quantloom.rtl_templates.types import BIPOLAR, IntType

from .bench import check_block, random_values

TYPES = [
    (BIPOLAR, BIPOLAR), (IntType(1), BIPOLAR), (IntType(4), BIPOLAR), (IntType(4, True), BIPOLAR),
    (IntType(4, True), IntType(1)), (BIPOLAR, IntType(1)), (IntType(1), IntType(2, True)),
    (BIPOLAR, IntType(4, True)), (IntType(2, True), IntType(2, True)), (IntType(3), IntType(3)),
    (IntType(8), IntType(8, True)), (IntType(8, True), IntType(5, True)),
]  # fmt: skip
# groups, operands, outputs, positions per frame, folding
SHAPES = [
    (1, 12, 6, 5, dict(pe=2, simd=4)),
    (1, 12, 6, 5, dict(pe=3, simd=12)),
    (1, 7, 1, 3, dict()),
    (1, 6, 4, 6, dict(pe=4, simd=6, positions=3)),
    (1, 6, 4, 6, dict(pe=4, simd=2)),
    (4, 6, 2, 3, dict(pe=2, simd=6, group_lanes=2, group_channels=2)),
    (4, 6, 2, 4, dict(pe=2, simd=6, positions=2, group_lanes=4, group_channels=2)),
    (2, 6, 4, 3, dict(pe=2, simd=3)),
    (1, 40, 3, 2, dict(pe=3, simd=40)),
]


def neuron(rng, operand, weight, shape, *, bias, **options):
    groups, operands, outputs, positions, folding = shape
    bound = operands * max(-operand.lo, operand.hi) * max(-weight.lo, weight.hi) + 20
    return NeuronParams(
        input_type=operand, weight_type=weight, output_type=IntType.for_range(-bound, bound),
        weights=random_values(rng, weight, (groups, operands, outputs)),
        bias=rng.integers(-20, 21, (groups, outputs)) if bias else None,
        positions_per_frame=positions, **folding, **options)


# Amaranth's simulator is slow on wide multiplications: those meet fewer foldings.
WIDE_SHAPES = (0, 2, 3, 5)
CASES = [(operand, weight, shape) for operand, weight in TYPES for shape in range(len(SHAPES))
         if operand.bits * weight.bits <= 16 or shape in WIDE_SHAPES]


@pytest.mark.parametrize("operand, weight, shape", CASES, ids=lambda value: str(value))
def test_equals_reference(operand, weight, shape):
    seed = shape * 100 + TYPES.index((operand, weight))
    params = neuron(np.random.default_rng(seed), operand, weight, SHAPES[shape],
                    bias=seed % 2 == 0)
    check_block(params, seed=seed)


@pytest.mark.parametrize("outputs", [4, 8, 16, 32, 64])
@pytest.mark.parametrize("operand, weight", [(IntType(4), BIPOLAR), (IntType(1), IntType(4, True)),
                                             (IntType(2, True), IntType(2, True))], ids=str)
def test_equals_reference_for_many_slots(operand, weight, outputs):
    """The number of time slots decides where the weights are kept."""
    shape = (1, 6, outputs, 2, dict(pe=2, simd=3))
    params = neuron(np.random.default_rng(outputs), operand, weight, shape, bias=False)
    check_block(params, seed=outputs)


@pytest.mark.parametrize("outputs", [2, 8, 40, 80])
@pytest.mark.parametrize("operand, weight", [(IntType(4), BIPOLAR), (BIPOLAR, BIPOLAR),
                                             (IntType(4, True), IntType(4, True))], ids=str)
def test_equals_reference_with_weights_in_block_ram(operand, weight, outputs):
    shape = (1, 15, outputs, 2, dict(pe=2, simd=5))
    params = neuron(np.random.default_rng(outputs), operand, weight, shape, bias=True,
                    memory="block")
    check_block(params, seed=outputs)


@pytest.mark.parametrize("outputs", [5, 20])
@pytest.mark.parametrize("operand, weight", [
    (IntType(4), IntType(4, True)), (IntType(4, True), IntType(4, True)), (IntType(2), BIPOLAR),
    (IntType(8), IntType(8, True)), (IntType(8, True), IntType(8, True)), (IntType(3), IntType(3)),
], ids=str)
def test_equals_reference_with_multipliers(operand, weight, outputs):
    shape = (1, 6, outputs, 2, dict(pe=5, simd=2))
    params = neuron(np.random.default_rng(outputs), operand, weight, shape, bias=True,
                    multiplier="dsp")
    check_block(params, seed=outputs)


# Sums of few bits, of as many as four, two or one share a DSP, and of more.
DSP_SUMS = [(IntType(4), BIPOLAR), (IntType(4, True), IntType(5, True)),
            (IntType(4, True), IntType(6, True)), (IntType(8), IntType(8, True)),
            (IntType(12, True), IntType(12, True))]


@pytest.mark.parametrize("dsp_rows", [2, 3, 9])
@pytest.mark.parametrize("folding", [dict(pe=2, simd=4), dict(pe=3, simd=12)], ids=str)
@pytest.mark.parametrize("operand, weight", DSP_SUMS, ids=str)
def test_equals_reference_with_sums_in_dsps(operand, weight, folding, dsp_rows):
    shape = (1, 12, 6, 4, folding)
    params = neuron(np.random.default_rng(6), operand, weight, shape, bias=True, dsp_rows=dsp_rows)
    assert params.resources.lut <= replace(params, dsp_rows=0).resources.lut
    check_block(params, seed=6)


@pytest.mark.parametrize("width, lut, dsp", [
    (1, 0, 0.25), (12, 0, 0.25), (13, 13, 0), (14, 0, 0.5), (24, 0, 0.5), (25, 25, 0)])
def test_share_of_a_dsp(width, lut, dsp):
    assert adder_resources(width, dsp=True) == Resources(lut=lut, dsp=dsp)
    assert adder_resources(width, dsp=False) == Resources(lut=width)


def test_sums_that_share_a_dsp_say_so():
    """The attribute that synthesis looks for is on each sum, and on no sum that is too wide."""
    rng = np.random.default_rng(0)
    for operand, weight, marked in ((IntType(4), BIPOLAR, 6), (IntType(12), IntType(12, True), 0)):
        params = neuron(rng, operand, weight, (1, 12, 6, 4, dict(pe=3, simd=4)), bias=False,
                        dsp_rows=2)
        text = rtlil.convert(params.create(), emit_src=False)
        assert text.count('attribute \\use_dsp "simd"') == marked
        assert params.resources.dsp == marked / 4


@pytest.mark.parametrize("operand, weight", [
    (IntType(4), BIPOLAR), (IntType(4, True), BIPOLAR), (IntType(3), IntType(4, True)),
    (IntType(2, True), IntType(5, True)), (IntType(4), IntType(2)), (IntType(5, True), IntType(3)),
], ids=str)
def test_equals_reference_with_shared_adders(operand, weight):
    shape = (1, 18, 12, 4, dict(pe=12, simd=18))
    params = neuron(np.random.default_rng(5), operand, weight, shape, bias=True)
    assert params.forms[0].name == "graph"
    check_block(params, seed=5)


def test_graph_shares_what_neurons_have_in_common():
    """Two equal halves: the adders of one serve the other."""
    rng = np.random.default_rng(9)
    half = 2 * rng.integers(0, 2, (1, 16, 40)) - 1
    one, two = (GraphForm(IntType(4), BIPOLAR, w)
                for w in (half, np.concatenate([half, -half], axis=1)))
    adders = [len(form.nodes) - 40 for form in (one, two)]
    assert 0 < adders[0] < 16 * 39
    assert two.resources.lut < 1.9 * one.resources.lut
    codes = rng.integers(0, 16, (25, 40))
    for form in (one, two):
        np.testing.assert_array_equal(_graph_sums(form, codes), codes @ form.weights[0].T)


def _graph_sums(form, codes):
    """What the heaps and constants of a graph make of operands, (samples, neurons)."""
    values = list(codes.T)
    for node in form.nodes[codes.shape[1]:]:
        a, b = (values[part] for part in node.parts)
        width = form.nodes[node.parts[1]].bits
        values.append(a + ((1 << width) - 1 - b if node.minus else b))
        assert values[-1].max() <= node.top
    total = np.zeros((len(codes), form.neurons), dtype=np.int64)
    for place, rows in enumerate(form.rows):
        for neuron, row in enumerate(rows):
            for k in np.flatnonzero(row):
                ones = (1 << form.nodes[k].bits) - 1
                total[:, neuron] += (values[k] if row[k] > 0 else ones - values[k]) << place
    return total + form.constants[0]


@pytest.mark.parametrize("low, packed", [(-7, 4), (-8, 3)])
def test_products_of_four_bits_share_multipliers(low, packed):
    """At the ends of the ranges: products are one bit wider than their pitch, and borrow."""
    rng = np.random.default_rng(packed)
    weights = rng.choice([low, -1, 0, 7], (1, 6, 8))
    params = NeuronParams(
        input_type=IntType(4), weight_type=IntType(4, True), output_type=IntType(12, True),
        weights=weights, positions_per_frame=8, pe=8, simd=6, multiplier="dsp")
    assert params.forms[0].packed == packed
    assert params.resources.dsp == 6 * -(-8 // packed)
    check_block(params, seed=packed)


@pytest.mark.parametrize("operand, weight, dsp", [
    (IntType(4), IntType(4, True), 0), (IntType(5), IntType(4, True), 6),
    (IntType(4), IntType(5, True), 6), (IntType(4, True), IntType(4, True), 0)], ids=str)
def test_small_products_take_no_dsps(operand, weight, dsp):
    """As synthesis has it: products of less than nine bits are made of LUTs."""
    rng = np.random.default_rng(1)
    weights = rng.integers(weight.lo, weight.hi + 1, (1, 6, 2))
    weights[0, 0, 0] = weight.lo
    params = NeuronParams(
        input_type=operand, weight_type=weight, output_type=IntType(14, True), weights=weights,
        positions_per_frame=2, pe=1, simd=6, multiplier="dsp")
    assert params.resources.dsp == dsp


def test_reference_is_a_matrix_product():
    rng = np.random.default_rng(3)
    params = neuron(rng, IntType(4), IntType(4, True), SHAPES[0], bias=True)
    x = rng.integers(0, 16, (5, 12))
    got = params.reference(x.reshape(-1, 4))[0].reshape(5, 6)
    np.testing.assert_array_equal(got, x @ params.weights[0] + params.bias[0])


@pytest.mark.parametrize("pe, simd", list(itertools.product((1, 2, 3), (1, 4))))
def test_cycles_are_the_folds(pe, simd):
    params = neuron(np.random.default_rng(0), IntType(2), BIPOLAR,
                    (1, 12, 6, 5, dict(pe=pe, simd=simd)), bias=False)
    assert params.cycles == 5 * (12 // simd) * (6 // pe)


@pytest.mark.parametrize("folding, text", [
    (dict(pe=4), "pe must be one of 1, 2, 3, 6, not 4"),
    (dict(simd=5), "simd must be one of 1, 2, 3, 4, 6, 12, not 5"),
    (dict(positions=5), "positions above 1 must come with simd = 12, pe = 6"),
    (dict(positions=2), "positions must be one of 1, 5, not 2"),
    (dict(dsp_rows=1), "dsp_rows must be 0 or at least 2, not 1"),
])  # fmt: skip
def test_illegal_folding_lists_the_legal_ones(folding, text):
    with pytest.raises(ValueError, match=text):
        neuron(np.random.default_rng(0), IntType(2), BIPOLAR, (1, 12, 6, 5, folding), bias=False)
