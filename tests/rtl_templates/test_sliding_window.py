from dataclasses import replace

import numpy as np
import pytest

from quantloom.rtl_templates.sliding_window import WindowParams
from quantloom.rtl_templates.types import BIPOLAR, IntType

from .bench import check_block

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
]


@pytest.mark.parametrize("mode", ["serial", "column", "full"])
@pytest.mark.parametrize("case", range(len(CASES)))
def test_equals_reference(case, mode):
    base = CASES[case]
    for channels in (c for c in (1, 2, 4) if base["shape"][2] % c == 0):
        type_ = (IntType(3), IntType(4, True), BIPOLAR)[case % 3]
        params = WindowParams(type=type_, mode=mode, channels=channels, **base)
        check_block(params, seed=case, full_rate=False)
        check_block(replace(params, spare=params.stride[0] + params.span[0]), seed=case)


@pytest.mark.parametrize("case", range(len(WIDE)))
def test_several_positions(case):
    base = WIDE[case]
    params = WindowParams(type=IntType(5), mode="full", channels=base["shape"][2], **base)
    check_block(params, seed=case, full_rate=False)
    check_block(replace(params, spare=params.stride[0] + params.span[0]), seed=case)


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
    (dict(mode="full", channels=4, positions=3), "positions must be one of 1, 2, 4, not 3"),
    (dict(mode="full", channels=2, positions=2), "positions must be one of 1, not 2"),
    (dict(mode="full", channels=4, positions=2, pixels=4), "pixels must be one of 1, 2, not 4"),
])  # fmt: skip
def test_illegal_parameters_list_the_legal_ones(change, text):
    with pytest.raises(ValueError, match=text):
        WindowParams(**{**dict(type=IntType(2), shape=(6, 6, 4), kernel=(3, 3)), **change})
