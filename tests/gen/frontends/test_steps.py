"""Switching points and rescalings against evaluation at every integer."""

from __future__ import annotations

import numpy as np
import pytest

from quantloom.gen.frontends.steps import find_steps, fit_requantize


def everywhere(lo, hi, rows):
    return np.arange(lo, hi + 1)[None].repeat(rows, axis=0)


def rescaled(fit, steps, x):
    offset = fit.offset[:, None]
    if fit.negative_offset is not None:
        offset = np.where(x < 0, fit.negative_offset[:, None], offset)
    return np.clip((x * fit.multiplier[:, None] + offset) >> fit.shift, steps.base, steps.top)


@pytest.mark.parametrize("seed", range(8))
def test_points_and_thresholds(seed):
    print(f"seed {seed}")
    rng = np.random.default_rng(seed)
    rows, lo, hi = 6, int(rng.integers(-900, 0)), int(rng.integers(1, 900))
    slope = rng.normal(size=(rows, 1)) * 0.05
    offset = rng.normal(size=(rows, 1)) * 5

    def function(x):
        return np.clip(np.rint(np.tanh(x * slope + offset) * 9), -5, 8).astype(np.int64)

    steps = find_steps(function, lo, hi, np.sign(slope[:, 0]))
    x = everywhere(lo, hi, rows)
    np.testing.assert_array_equal(steps(x), function(x))
    count = (x[:, :, None] >= steps.thresholds[:, None, :]).sum(axis=2)
    width = steps.thresholds.shape[1]
    y = steps.base + np.where(slope < 0, width - count, count)
    np.testing.assert_array_equal(y, function(x))
    assert np.all(np.diff(steps.thresholds, axis=1) >= 0)
    assert lo <= steps.thresholds.min() and steps.thresholds.max() <= hi + 1


def test_a_step_that_falls_is_a_bug():
    with pytest.raises(AssertionError, match="falls where it should rise"):
        find_steps(lambda x: -x, 0, 9, np.array([1]))
    with pytest.raises(AssertionError, match="not monotone"):
        find_steps(lambda x: (x % 4) + (x > 90), 0, 99, np.array([1]))


def test_too_many_levels():
    with pytest.raises(ValueError, match=r"1 channels of \d+ steps"):
        find_steps(lambda x: x, 0, 1 << 30, np.array([1]))


def test_plain_shifts():
    one = np.array([1])
    assert find_steps(lambda x: np.clip(x, -3, 7), -20, 20, one).shift_only == 0
    assert find_steps(lambda x: np.clip(x + 4, -3, 7), -20, 20, one).shift_only == 4
    assert find_steps(lambda x: x // 2, -20, 20, one).shift_only is None
    assert find_steps(lambda x: x * 0, -20, 20, one).shift_only is None
    assert find_steps(lambda x: -x, -20, 20, -one).shift_only is None


@pytest.mark.parametrize("seed", range(12))
def test_rescaling_is_exact(seed):
    """Rising and falling, rounded and clipped: one multiplier a channel."""
    print(f"seed {seed}")
    rng = np.random.default_rng(seed)
    rows, lo, hi = 5, -int(rng.integers(100, 40000)), int(rng.integers(100, 40000))
    sign = rng.choice([-1, 1], rows)
    scale = (sign * np.exp(rng.uniform(-6, 0.5, rows)))[:, None]
    offset = rng.normal(size=(rows, 1)) * 20

    def function(x):
        return np.clip(np.rint(x * scale + offset), -128, 127).astype(np.int64)

    steps = find_steps(function, lo, hi, sign)
    fit = fit_requantize(steps)
    assert fit is not None
    assert np.abs(fit.multiplier).max() < 1 << 32 and fit.negative_offset is None
    x = everywhere(lo, hi, rows)
    np.testing.assert_array_equal(rescaled(fit, steps, x), function(x))


@pytest.mark.parametrize("seed", range(6))
def test_rescaling_is_exact_or_refused(seed):
    """Over wide ranges float32 rounds too coarsely to be a line at every integer."""
    print(f"seed {seed}")
    rng = np.random.default_rng(seed)
    scale = np.exp(rng.uniform(-6, 0, (1, 1))).astype(np.float32)

    def function(x):
        y = np.rint(x.astype(np.float32) * scale + np.float32(0.3))
        return np.clip(y, 0, 255).astype(np.int64)

    steps = find_steps(function, -30000, 30000, np.array([1]))
    fit = fit_requantize(steps)
    if fit is not None:
        x = everywhere(-30000, 30000, 1)
        np.testing.assert_array_equal(rescaled(fit, steps, x), function(x))


def test_rescaling_of_a_bent_line_is_refused():
    def function(x):
        return np.where(x > 0, x, x // 10)

    assert fit_requantize(find_steps(function, -200, 200, np.array([1]))) is None


@pytest.mark.parametrize("seed", range(6))
def test_rounding_half_away_takes_two_offsets(seed):
    """A product rounded to an integer, then shifted and rounded again, half away from zero."""
    print(f"seed {seed}")
    rng = np.random.default_rng(seed)
    factor, shift = rng.integers(1 << 14, 1 << 15, (4, 1)), 7

    def function(x):
        high = (x * factor + (1 << 14)) >> 15
        away = np.sign(high) * ((np.abs(high) + (1 << shift - 1)) >> shift)
        return np.clip(away + 3, -128, 127)

    lo, hi = -30000, 28000
    steps = find_steps(function, lo, hi, np.ones(4, int))
    fit = fit_requantize(steps)
    assert fit is not None and fit.negative_offset is not None
    x = everywhere(lo, hi, 4)
    np.testing.assert_array_equal(rescaled(fit, steps, x), function(x))


def test_two_offsets_hold_where_a_channel_has_no_step():
    """One channel needs two offsets; the steps of the others all lie on one side of zero."""
    def function(x):
        rows = np.concatenate([(x[:1] + np.where(x[:1] < 0, 200, 206)) >> 2,
                               (x[1:2] - 50) >> 2, (x[2:3] + 700) >> 2])
        return np.clip(rows, 0, 120)

    steps = find_steps(function, -1000, 1000, np.ones(3, int))
    fit = fit_requantize(steps)
    assert fit is not None and fit.negative_offset is not None
    x = everywhere(-1000, 1000, 3)
    np.testing.assert_array_equal(rescaled(fit, steps, x), function(x))
