from dataclasses import replace

import numpy as np
import pytest

from quantloom.rtl_templates.sliding_window import WindowParams
from quantloom.rtl_templates.types import BIPOLAR, IntType

from .bench import check_block
from .timing import check_schedule

CASES = [
    dict(shape=(6, 7, 2), kernel=(3, 3)),
    dict(shape=(7, 6, 4), kernel=(3, 2), stride=(2, 1)),
    dict(shape=(6, 8, 2), kernel=(2, 2), stride=(2, 2)),
    dict(shape=(8, 7, 2), kernel=(2, 3), dilation=(3, 2)),
    dict(shape=(5, 5, 1), kernel=(5, 5)),
    dict(shape=(6, 5, 2), kernel=(1, 1), stride=(2, 3)),
    dict(shape=(1, 9, 2), kernel=(1, 3), stride=(1, 2)),
    dict(shape=(9, 1, 2), kernel=(4, 1), stride=(3, 1)),
    dict(shape=(7, 7, 1), kernel=(2, 2), stride=(4, 4)),
    dict(shape=(1, 1, 4), kernel=(1, 1)),
]
WIDE = [
    dict(shape=(5, 8, 2), kernel=(3, 3), positions=2, pixels=2),
    dict(shape=(5, 8, 2), kernel=(3, 3), positions=6, pixels=2),
    dict(shape=(5, 8, 1), kernel=(3, 2), stride=(1, 2), positions=2, pixels=4),
    dict(shape=(6, 8, 1), kernel=(3, 3), stride=(2, 2), positions=1, pixels=2),
    dict(shape=(4, 8, 1), kernel=(2, 3), dilation=(1, 2), positions=4, pixels=2),
    dict(shape=(4, 8, 1), kernel=(2, 2), stride=(2, 2), positions=4, pixels=8),
    dict(shape=(5, 8, 2), kernel=(3, 3), pads=(1, 1, 1, 1), positions=4, pixels=4),
    dict(shape=(4, 8, 1), kernel=(2, 3), stride=(1, 2), pads=(0, 2, 1, 1), positions=5, pixels=2),
]


PADS = [(1, 1, 1, 1), (0, 1, 2, 0), (2, 0, 0, 1), (0, 2, 1, 2)]
READERS = {"serial": {"mode": "serial"}, "column": {"mode": "column"}, "full": {"mode": "full"},
           "collected": {"mode": "full", "collect": True}}
TYPES = [IntType(3), IntType(4, True), BIPOLAR]


def windows(base, case, **options):
    """Parameters, with as much of the padding as the kernel's span allows."""
    type_ = TYPES[case % 3]
    span = [(k - 1) * d for k, d in zip(base["kernel"], base.get("dilation", (1, 1)), strict=True)]
    pads = tuple(min(p, s) for p, s in zip(PADS[case % 4], span + span, strict=True))
    padded = dict(pads=pads, pad_value=type_.hi if case % 2 else type_.lo)
    for padding in ({}, padded) if any(pads) else ({},):
        yield WindowParams(type=type_, **{**base, **padding, **options})


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("case", range(len(CASES)))
def test_equals_reference(case, reader):
    for params in windows(CASES[case], case, channels=1, **READERS[reader]):
        check_block(params, seed=case, full_rate=reader == "full")
    whole = CASES[case]["shape"][2]
    params, *_ = windows(CASES[case], case, channels=whole, **READERS[reader])
    check_block(replace(params, spare=params.stride[0] + params.span[0]), seed=case,
                full_rate=reader != "full")


@pytest.mark.parametrize("reader, spare", [("full", 1), ("full", None), ("full", 40),
                                           ("serial", None), ("column", 1), ("collected", None)])
@pytest.mark.parametrize("case", range(len(CASES)))
def test_schedule_is_exact(case, reader, spare):
    *_, params = windows(CASES[case], case, channels=1, spare=spare, **READERS[reader])
    check_schedule(params, seed=case, frames=2)


@pytest.mark.parametrize("case", range(len(WIDE)))
def test_several_positions(case):
    params = WindowParams(type=TYPES[case % 3], mode="full", channels=WIDE[case]["shape"][2],
                          **WIDE[case])
    check_block(params, seed=case)
    check_schedule(params, seed=case, frames=2)
    check_block(replace(params, spare=1), seed=case)


@pytest.mark.parametrize("depth", [1, 2, 3])
@pytest.mark.parametrize("reader", READERS)
def test_output_queues(reader, depth):
    case = 1
    *_, params = windows(CASES[case], case, channels=2, depth=depth, **READERS[reader])
    check_block(params, seed=case, full_rate=reader == "full")
    check_schedule(params, seed=case, frames=2)


@pytest.mark.parametrize("case", [
    dict(shape=(4, 70, 1), kernel=(3, 3), pads=(1, 1, 1, 1)),  # LUTRAM in banks
    dict(shape=(3, 70, 2), kernel=(3, 3), pads=(1, 1, 1, 1)),  # block RAM
    dict(shape=(4, 3, 12), kernel=(2, 3), pads=(1, 2, 0, 0)),  # columns in LUTRAM
    dict(shape=(9, 1, 1), kernel=(3, 1), pads=(2, 0, 2, 0)),  # rows in registers
])
def test_memories(case):
    params = WindowParams(type=IntType(4), mode="full", pad_value=5, **case)
    check_block(params, seed=0)
    check_schedule(params, seed=0, frames=2)


@pytest.mark.parametrize("kept, spare", [(1, 1), (3, 1), (3, 4), (2, 16), (4, 32)])
def test_consumers_that_keep_beats(kept, spare):
    """The schedule for a network puts a beat no earlier than its consumer can take it."""
    params = WindowParams(type=IntType(2), shape=(6, 9, 2), kernel=(3, 3), pads=(1, 1, 1, 1),
                          mode="full", channels=1, kept=kept, spare=spare)
    arrival = np.arange(3 * params.inputs[0].beats)
    slow = 3 * kept * params.outputs[0].beats
    timing = params.paced_schedule(slow, 3, arrival)
    assert np.diff(timing.produced[0]).min() >= kept
    assert (timing.consumed[0] >= arrival).all()
    needed = params.schedule(3, timing.consumed[0]).produced[0]
    assert (needed <= timing.produced[0]).all()
    # No time for that: beats are spread over what the interval leaves.
    tight = params.paced_schedule(params.cycles, 3, arrival).produced[0]
    assert tight[-1] <= timing.produced[0][-1]


def test_padding_is_part_of_the_definition():
    options = dict(type=IntType(8), kernel=(3, 2), stride=(2, 1), mode="full", channels=2)
    x = np.random.default_rng(1).integers(0, 256, (5, 6, 2))
    padded = np.pad(x, ((1, 2), (1, 0), (0, 0)), constant_values=7)
    got = WindowParams(shape=x.shape, pads=(1, 1, 2, 0), pad_value=7, **options)
    want = WindowParams(shape=padded.shape, **options)
    assert got.out_shape == want.out_shape
    np.testing.assert_array_equal(got.reference(x.reshape(-1, 2))[0],
                                  want.reference(padded.reshape(-1, 2))[0])


def test_reference_is_the_definition():
    params = WindowParams(type=IntType(8), shape=(5, 6, 2), kernel=(3, 2), stride=(2, 2),
                          mode="full", channels=2)
    x = np.random.default_rng(0).integers(0, 256, (5, 6, 2))
    got = params.reference(x.reshape(-1, 2))[0].reshape(2, 3, 3, 2, 2)
    for oy in range(2):
        for ox in range(3):
            np.testing.assert_array_equal(got[oy, ox],
                                          x[oy * 2 : oy * 2 + 3, ox * 2 : ox * 2 + 2])


@pytest.mark.parametrize("mode, channels", [("serial", 2), ("column", 1), ("column", 2),
                                            ("full", 1), ("full", 4)])
def test_operand_order_names_the_lanes(mode, channels):
    params = WindowParams(type=IntType(8), shape=(3, 3, 4), kernel=(3, 3), mode=mode,
                          channels=channels)
    x = np.arange(36)
    stream = params.reference(x.reshape(-1, channels))[0].reshape(-1)
    np.testing.assert_array_equal(stream, params.operand_order())


@pytest.mark.parametrize("change, text", [
    (dict(mode="rows"), "mode must be one of serial, column, full, not 'rows'"),
    (dict(channels=3), "channels must be one of 1, 2, 4, not 3"),
    (dict(kernel=(7, 1)), "must fit a map of"),
    (dict(pads=(3, 0, 0, 0)), r"less than the kernel's span \(3, 3\), not \(3, 0, 0, 0\)"),
    (dict(pads=(0, -1, 0, 0)), "pads must be at least 0"),
    (dict(pads=(1, 1, 1, 1), pad_value=4), "pad_value must be a value of uint2, not 4"),
    (dict(collect=True), "collect must come with full windows"),
    (dict(spare=0), "spare must be at least 1, not 0"),
    (dict(mode="full", channels=4, positions=3), "positions must be one of 1, 2, 4, not 3"),
    (dict(mode="full", channels=2, positions=2), "positions must be one of 1, not 2"),
    (dict(mode="full", channels=4, positions=2, pixels=4), "pixels must be one of 1, 2, not 4"),
])  # fmt: skip
def test_illegal_parameters_list_the_legal_ones(change, text):
    with pytest.raises(ValueError, match=text):
        WindowParams(**{**dict(type=IntType(2), shape=(6, 6, 4), kernel=(3, 3)), **change})
