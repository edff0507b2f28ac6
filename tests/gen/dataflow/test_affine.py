import numpy as np
import pytest

from quantloom.gen.dataflow.affine import affine_form
from quantloom.gen.network import Threshold
from quantloom.rtl_templates.types import BIPOLAR, IntType

INT8 = IntType(8, True)


def even(rng, rows, steps, spread):
    """Thresholds of uniform quantisers with random scales and offsets."""
    distance = rng.uniform(0.3, spread, (rows, 1))
    return np.ceil(rng.uniform(-90, 60, (rows, 1)) + distance * np.arange(steps)).astype(int)


def operation(thresholds, base=0, falls=None, output=None):
    output = output or IntType.for_range(min(0, base), base + thresholds.shape[1])
    return Threshold(name="act", inputs=("input",), thresholds=thresholds, type=output, base=base,
                     descending=falls)


def counted(op, x):
    count = (x[:, None, None] >= op.thresholds).sum(axis=2)
    falls = False if op.descending is None else op.descending
    return op.base + np.where(falls, op.thresholds.shape[1] - count, count)


@pytest.mark.parametrize("seed", range(40))
def test_equals_the_thresholds_everywhere(seed):
    rng = np.random.default_rng(seed)
    source = [INT8, IntType(7), IntType(11, True)][seed % 3]
    rows, steps = int(rng.integers(1, 20)), int(rng.choice([1, 3, 7, 15, 31]))
    op = operation(even(rng, rows, steps, [2, 8, 20][seed // 3 % 3]), base=int(rng.integers(-9, 3)),
                   falls=rng.integers(0, 2, rows) > 0 if seed % 2 else None)
    form = affine_form(op, source.lo, source.hi)
    x = np.arange(source.lo, source.hi + 1)
    got = np.clip((x[:, None] * form.multiplier + form.offset) >> form.shift, form.lo, form.hi)
    np.testing.assert_array_equal(got, counted(op, x))


@pytest.mark.parametrize("row", [
    [-999, -500], [500, 999], [-999, 999], [-128, 127], [-127, 128], [5, 5], [-999, 3], [3, 999],
])  # fmt: skip
@pytest.mark.parametrize("falls", [False, True])
def test_steps_at_and_beyond_the_ends_of_the_type(row, falls):
    op = operation(np.array([row]), falls=np.array([falls]))
    form = affine_form(op, -128, 127)
    x = np.arange(-128, 128)
    got = np.clip((x[:, None] * form.multiplier + form.offset) >> form.shift, form.lo, form.hi)
    np.testing.assert_array_equal(got, counted(op, x))


def test_no_line_goes_through_uneven_steps():
    assert affine_form(operation(np.array([[0, 1, 50]])), -128, 127) is None
    assert affine_form(operation(np.array([[0, 10, 20], [0, 4, 20]])), -128, 127) is None
    assert affine_form(operation(np.array([[0, 10, 20]])), -128, 127) is not None
    assert affine_form(operation(np.array([[0, 0, 20]])), -128, 127) is None


def test_not_for_bipolar_outputs():
    sign = operation(np.array([[3]]), base=-1, output=BIPOLAR)
    assert affine_form(sign, -128, 127) is None


def test_tables_are_small():
    """No finer than needed, and the offsets end in zeros where there is a choice."""
    form = affine_form(operation(np.array([[8, 16, 24]])), -128, 127)
    assert (form.multiplier[0], form.offset[0], form.shift) == (1, 0, 3)
    assert form.table_bits <= 1


def test_only_what_occurs_counts():
    """A channel that never reaches its uneven last steps has a line, and its own."""
    op = operation(np.array([[0, 10, 20, 60]]))
    assert affine_form(op, -10, 60) is None
    form = affine_form(op, np.array([-10, -30, 60]), np.array([25, 29, 90]))
    assert len(form.multiplier) == 3
    for k, (lo, hi) in enumerate([(-10, 25), (-30, 29), (60, 90)]):
        x = np.arange(lo, hi + 1)
        got = np.clip((x * form.multiplier[k] + form.offset[k]) >> form.shift, form.lo, form.hi)
        np.testing.assert_array_equal(got, counted(op, x)[:, 0])


@pytest.mark.parametrize("shift", [-700, 13, 900])
def test_moved_thresholds_keep_their_form(shift):
    rng = np.random.default_rng(5)
    thresholds = even(rng, 6, 15, 12)
    lo, hi = np.arange(-90, -84), np.arange(60, 66)
    here = affine_form(operation(thresholds), lo, hi)
    there = affine_form(operation(thresholds + shift), lo + shift, hi + shift)
    assert here.shift <= there.shift + 3 and here.multiplier.shape == there.multiplier.shape
