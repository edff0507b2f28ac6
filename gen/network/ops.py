"""Operations of the integer network.

Every operation is a frozen dataclass with a name (which becomes the name of its hardware blocks),
the names of its input tensors, and its integer parameters. The output tensor has the operation's
name. :meth:`Op.infer` checks the parameters against the input tensors and returns the output's
shape, type and exact range.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...rtl_templates.types import IntType
from ..errors import QuantloomError
from .tensor import Tensor

__all__ = [
    "Add", "ArgMax", "Clip", "Concat", "Conv2d", "Crop", "Dense", "DepthToSpace", "MaxPool",
    "Multiply", "Op", "Pad", "Requantize", "Reshape", "SpaceToDepth", "SumPool", "Threshold",
    "Upsample", "Weigh",
]  # fmt: skip


def _int_array(op: Op, field: str, ndim: int) -> np.ndarray:
    value = np.asarray(getattr(op, field))
    if value.ndim != ndim or not np.issubdtype(value.dtype, np.integer):
        raise op.error(f"{field} must be an integer array of {ndim} dimensions")
    value = value.astype(np.int64)
    value.setflags(write=False)
    object.__setattr__(op, field, value)
    return value


def _sum_range(weights: np.ndarray, bias: np.ndarray | None,
               x: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Smallest and largest value of ``x @ weights + bias``, by output: the last axis."""
    weights = weights.reshape(-1, weights.shape[-1])
    positive = np.maximum(weights, 0).sum(axis=0)
    negative = np.minimum(weights, 0).sum(axis=0)
    shift = 0 if bias is None else bias
    return positive * x.lo + negative * x.hi + shift, positive * x.hi + negative * x.lo + shift


def _integer_type(tensors: Sequence[Tensor], lo: int, hi: int) -> IntType:
    """Narrowest integer type for a range; one that holds -1 and +1 if a tensor is bipolar."""
    if any(x.type.bipolar for x in tensors):
        lo, hi = min(lo, -1), max(hi, 1)
    return IntType.for_range(lo, hi)


@dataclass(frozen=True, eq=False, kw_only=True)
class Op:
    """Base of the operations.

    Parameters
    ----------
    name : str
        Unique name; also that of the output tensor.
    inputs : tuple of str
        Names of the input tensors.
    """

    name: str
    inputs: tuple[str, ...]

    @property
    def kind(self) -> str:
        """Name of the operation in files and tables."""
        return type(self).__name__.lower()

    def error(self, problem: str) -> QuantloomError:
        """An error that names this operation."""
        return QuantloomError(f"{self.name} ({self.kind}): {problem}")

    def infer(self, *inputs: Tensor) -> Tensor:
        """Output tensor for the given input tensors.

        Raises
        ------
        QuantloomError
            If the inputs do not fit the operation.
        """
        raise NotImplementedError

    def macs(self, *inputs: Tensor) -> int:
        """Multiply-accumulates a frame."""
        return 0

    def _window(self, shape: tuple[int, int, int], kernel: tuple[int, int],
                stride: tuple[int, int], dilation: tuple[int, int]) -> tuple[int, int]:
        size = []
        for n, k, s, d in zip(shape[:2], kernel, stride, dilation, strict=True):
            if min(k, s, d) < 1:
                raise self.error("kernel, stride and dilation must be positive")
            span = (k - 1) * d + 1
            if span > n:
                raise self.error(f"a window of {span} does not fit an input of {n}")
            size.append((n - span) // s + 1)
        return size[0], size[1]


@dataclass(frozen=True, eq=False, kw_only=True)
class Pad(Op):
    """Surround a feature map with a constant: (top, left, bottom, right) elements of ``value``."""

    pads: tuple[int, int, int, int]
    value: int = 0

    def infer(self, *inputs: Tensor) -> Tensor:
        (x,) = inputs
        if min(self.pads) < 0:
            raise self.error(f"pads must not be negative, not {self.pads}")
        top, left, bottom, right = self.pads
        h, w, c = x.shape
        lo, hi = min(x.lo, self.value), max(x.hi, self.value)
        type_ = x.type
        if not type_.contains(np.array([self.value])):
            type_ = _integer_type([x], lo, hi)
        return Tensor((h + top + bottom, w + left + right, c), type_, lo, hi)


@dataclass(frozen=True, eq=False, kw_only=True)
class Crop(Op):
    """A box of the tensor: ``size`` elements of each axis (height, width, channels) from ``start``.
    """

    start: tuple[int, int, int]
    size: tuple[int, int, int]

    def infer(self, *inputs: Tensor) -> Tensor:
        (x,) = inputs
        inside = all(n >= 1 and first >= 0 and first + n <= whole
                     for first, n, whole in zip(self.start, self.size, x.shape, strict=True))
        if not inside:
            raise self.error(f"{self.size} elements from {self.start} on do not lie in {x.shape}")
        return Tensor(self.size, x.type, x.lo, x.hi)


@dataclass(frozen=True, eq=False, kw_only=True)
class Conv2d(Op):
    """Convolution without padding.

    Parameters
    ----------
    weights : array of int, (kernel height, kernel width, input channels / groups, outputs)
    weight_type : IntType
        Type that holds every weight.
    bias : array of int, (outputs,), or None
    stride, dilation : (vertical, horizontal)
    groups : int
        Output ``n`` sees the input channels of group ``n // (outputs / groups)``.
    """

    weights: np.ndarray
    weight_type: IntType
    bias: np.ndarray | None = None
    stride: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)
    groups: int = 1

    def __post_init__(self) -> None:
        weights = _int_array(self, "weights", 4)
        if not self.weight_type.contains(weights):
            raise self.error(f"weights must fit {self.weight_type}")
        if self.bias is not None and _int_array(self, "bias", 1).shape != (weights.shape[3],):
            raise self.error("bias must have one element per output")
        if self.groups < 1 or weights.shape[3] % self.groups:
            raise self.error(f"groups must divide the {weights.shape[3]} outputs")

    @property
    def kernel(self) -> tuple[int, int]:
        """Kernel height and width."""
        return self.weights.shape[0], self.weights.shape[1]

    def infer(self, *inputs: Tensor) -> Tensor:
        (x,) = inputs
        kh, kw, cin, cout = self.weights.shape
        if x.shape[2] != cin * self.groups:
            raise self.error(f"expects {cin * self.groups} input channels, not {x.shape[2]}")
        oh, ow = self._window(x.shape, (kh, kw), self.stride, self.dilation)
        lo, hi = self.channel_ranges(x)
        return Tensor.ranged((oh, ow, cout), int(lo.min()), int(hi.max()))

    def channel_ranges(self, x: Tensor) -> tuple[np.ndarray, np.ndarray]:
        """Smallest and largest value of each output channel."""
        return _sum_range(self.weights, self.bias, x)

    def macs(self, *inputs: Tensor) -> int:
        oh, ow, _ = self.infer(*inputs).shape
        return oh * ow * int(self.weights.size)


@dataclass(frozen=True, eq=False, kw_only=True)
class Dense(Op):
    """Matrix product of the whole tensor in raster order (channels innermost).

    Parameters
    ----------
    weights : array of int, (inputs, outputs)
    weight_type : IntType
    bias : array of int, (outputs,), or None
    """

    weights: np.ndarray
    weight_type: IntType
    bias: np.ndarray | None = None

    def __post_init__(self) -> None:
        weights = _int_array(self, "weights", 2)
        if not self.weight_type.contains(weights):
            raise self.error(f"weights must fit {self.weight_type}")
        if self.bias is not None and _int_array(self, "bias", 1).shape != (weights.shape[1],):
            raise self.error("bias must have one element per output")

    def infer(self, *inputs: Tensor) -> Tensor:
        (x,) = inputs
        if x.size != self.weights.shape[0]:
            raise self.error(f"expects {self.weights.shape[0]} inputs, not {x.size}")
        lo, hi = self.channel_ranges(x)
        return Tensor.ranged((1, 1, self.weights.shape[1]), int(lo.min()), int(hi.max()))

    def channel_ranges(self, x: Tensor) -> tuple[np.ndarray, np.ndarray]:
        """Smallest and largest value of each output."""
        return _sum_range(self.weights, self.bias, x)

    def macs(self, *inputs: Tensor) -> int:
        return int(self.weights.size)


@dataclass(frozen=True, eq=False, kw_only=True)
class Threshold(Op):
    """Step function: ``base + sum(x >= thresholds[c])``, counted down where ``descending[c]``.

    Parameters
    ----------
    thresholds : array of int, (channels or 1, steps)
        Ascending in each row; one row serves all channels.
    type : IntType
        Output type. Bipolar: one step, ``base`` is -1 and the step is 2 high.
    base : int
        Output where no threshold is reached (where all are, for a descending channel).
    descending : array of bool, (rows,), or None
        Channels whose output is ``base + steps - sum(x >= thresholds[c])``.
    """

    thresholds: np.ndarray
    type: IntType
    base: int
    descending: np.ndarray | None = None

    def __post_init__(self) -> None:
        rows = _int_array(self, "thresholds", 2)
        if rows.shape[1] < 1 or np.any(np.diff(rows, axis=1) < 0):
            raise self.error("thresholds must be ascending, and at least one")
        if self.descending is not None:
            descending = np.asarray(self.descending)
            if descending.shape != (rows.shape[0],) or descending.dtype != bool:
                raise self.error("descending must have one bool per row of thresholds")
            if not descending.any():
                object.__setattr__(self, "descending", None)
        top = self.base + self.step * rows.shape[1]
        if not self.type.contains(np.array([self.base, top])):
            raise self.error(f"outputs {self.base} to {top} must fit {self.type}")

    @property
    def step(self) -> int:
        """Height of a step: 2 for a bipolar output, else 1."""
        return 2 if self.type.bipolar else 1

    def infer(self, *inputs: Tensor) -> Tensor:
        (x,) = inputs
        if self.thresholds.shape[0] not in (1, x.shape[2]):
            raise self.error(
                f"{self.thresholds.shape[0]} rows of thresholds for {x.shape[2]} channels"
            )
        low = (self.thresholds <= x.lo).sum(axis=1)
        high = (self.thresholds <= x.hi).sum(axis=1)
        if self.descending is not None:
            steps = self.thresholds.shape[1]
            low, high = (
                np.where(self.descending, steps - high, low),
                np.where(self.descending, steps - low, high),
            )
        lo, hi = int(low.min()), int(high.max())
        return Tensor(x.shape, self.type, self.base + self.step * lo, self.base + self.step * hi)


@dataclass(frozen=True, eq=False, kw_only=True)
class Requantize(Op):
    """Fixed-point rescaling: ``clip((x * multiplier[c] + offset[c]) >> shift, type.lo, type.hi)``.

    The shift floors. ``lo`` and ``hi`` narrow the clip where given. Sources that round half away
    from zero need another offset for negative numbers; those that round half to even, or let
    results wrap, set ``to_even`` and ``wrap``.

    Parameters
    ----------
    multiplier, offset : array of int, (channels or 1,)
    shift : int
        Not negative.
    type : IntType
        Output type, not bipolar.
    lo, hi : int or None
        Bounds of the output; the type's where None.
    negative_offset : array of int, (channels or 1,), or None
        Offset where ``x`` is negative; the same where None.
    to_even : bool
        The shift rounds to the nearest integer, half to even.
    wrap : bool
        Instead of being clipped, results keep their low bits. ``lo`` and ``hi`` must be None.
    """

    multiplier: np.ndarray
    offset: np.ndarray
    shift: int
    type: IntType
    lo: int | None = None
    hi: int | None = None
    negative_offset: np.ndarray | None = None
    to_even: bool = False
    wrap: bool = False

    def __post_init__(self) -> None:
        shapes = {_int_array(self, "multiplier", 1).shape, _int_array(self, "offset", 1).shape}
        if self.negative_offset is not None:
            shapes.add(_int_array(self, "negative_offset", 1).shape)
        if len(shapes) > 1:
            raise self.error("multiplier and offsets must have one shape")
        if self.shift < 0 or self.type.bipolar:
            raise self.error("shift must not be negative and the type not bipolar")
        for field, value in (("lo", self.type.lo), ("hi", self.type.hi)):
            if getattr(self, field) is None:
                object.__setattr__(self, field, value)
        if not self.type.lo <= self.bounds[0] <= self.bounds[1] <= self.type.hi:
            raise self.error(f"bounds {self.bounds} must lie within {self.type}")
        if self.wrap and self.bounds != (self.type.lo, self.type.hi):
            raise self.error("what wraps has no bounds")

    @property
    def bounds(self) -> tuple[int, int]:
        """The clip's bounds."""
        assert self.lo is not None and self.hi is not None
        return self.lo, self.hi

    def halves(self, lo: int, hi: int) -> list[tuple[tuple[int, int], np.ndarray]]:
        """Ends of the parts of a range that have offsets of their own, and those."""
        if self.negative_offset is None:
            return [((lo, hi), self.offset)]
        parts = [((lo, min(hi, -1)), self.negative_offset), ((max(lo, 0), hi), self.offset)]
        return [(ends, offset) for ends, offset in parts if ends[0] <= ends[1]]

    def infer(self, *inputs: Tensor) -> Tensor:
        (x,) = inputs
        if self.multiplier.shape[0] not in (1, x.shape[2]):
            raise self.error(f"{self.multiplier.shape[0]} multipliers for {x.shape[2]} channels")
        ends = [self._shifted(int(m) * v + int(b))
                for values, offset in self.halves(x.lo, x.hi)
                for m, b in zip(self.multiplier, offset, strict=True) for v in values]
        if self.wrap and not self.type.lo <= min(ends) <= max(ends) <= self.type.hi:
            return Tensor.full(x.shape, self.type)
        lo, hi = (int(np.clip(v, *self.bounds)) for v in (min(ends), max(ends)))
        return Tensor(x.shape, self.type, lo, hi)

    def _shifted(self, total: int) -> int:
        half = (1 << self.shift) >> 1
        if self.to_even and half:
            total += half - 1 + (total >> self.shift & 1)
        return total >> self.shift


@dataclass(frozen=True, eq=False, kw_only=True)
class Clip(Op):
    """``min(max(x, lo), hi)``; ReLU with ``lo = 0`` and ``hi`` None."""

    lo: int | None = None
    hi: int | None = None

    def infer(self, *inputs: Tensor) -> Tensor:
        (x,) = inputs
        bounds = (x.lo if self.lo is None else self.lo, x.hi if self.hi is None else self.hi)
        if bounds[0] > bounds[1]:
            raise self.error(f"clip to an empty range, {bounds[0]} to {bounds[1]}")
        lo, hi = (min(max(v, bounds[0]), bounds[1]) for v in (x.lo, x.hi))
        type_ = IntType.for_range(lo, hi)
        return Tensor(x.shape, x.type if x.type.bipolar and lo < hi else type_, lo, hi)


@dataclass(frozen=True, eq=False, kw_only=True)
class _Pool(Op):
    kernel: tuple[int, int]
    stride: tuple[int, int]


@dataclass(frozen=True, eq=False, kw_only=True)
class MaxPool(_Pool):
    """Largest element of each window and channel, without padding."""

    dilation: tuple[int, int] = (1, 1)

    def infer(self, *inputs: Tensor) -> Tensor:
        (x,) = inputs
        oh, ow = self._window(x.shape, self.kernel, self.stride, self.dilation)
        return Tensor((oh, ow, x.shape[2]), x.type, x.lo, x.hi)


@dataclass(frozen=True, eq=False, kw_only=True)
class SumPool(_Pool):
    """Sum of each window and channel, without padding (the average's division is a scale)."""

    def infer(self, *inputs: Tensor) -> Tensor:
        (x,) = inputs
        oh, ow = self._window(x.shape, self.kernel, self.stride, (1, 1))
        n = self.kernel[0] * self.kernel[1]
        return Tensor.ranged((oh, ow, x.shape[2]), x.lo * n, x.hi * n)


@dataclass(frozen=True, eq=False, kw_only=True)
class Add(Op):
    """Weighted sum of tensors of one shape: ``sum(multipliers[i] * x[i])``."""

    multipliers: tuple[int, ...]

    def infer(self, *inputs: Tensor) -> Tensor:
        if len(inputs) != len(self.multipliers) or len({x.shape for x in inputs}) != 1:
            raise self.error("needs one multiplier per input and inputs of one shape, "
                             f"not {[x.shape for x in inputs]}")
        ends = [sorted((m * x.lo, m * x.hi))
                for m, x in zip(self.multipliers, inputs, strict=True)]
        return Tensor.ranged(inputs[0].shape, sum(e[0] for e in ends), sum(e[1] for e in ends))


@dataclass(frozen=True, eq=False, kw_only=True)
class Multiply(Op):
    """Product of two tensors of one shape: ``(x[0] + offsets[0]) * (x[1] + offsets[1])``."""

    offsets: tuple[int, int] = (0, 0)

    def infer(self, *inputs: Tensor) -> Tensor:
        if len(inputs) != 2 or len({x.shape for x in inputs}) != 1:
            raise self.error("needs two inputs of one shape, "
                             f"not {[x.shape for x in inputs]}")
        a, b = ((x.lo + o, x.hi + o) for x, o in zip(inputs, self.offsets, strict=True))
        ends = [x * y for x in a for y in b]
        return Tensor.ranged(inputs[0].shape, min(ends), max(ends))


@dataclass(frozen=True, eq=False, kw_only=True)
class Weigh(Op):
    """``x * rows[y] * columns[x]``: sums of windows that reach over the edge, on one scale.

    Parameters
    ----------
    rows, columns : array of int, (height,) and (width,)
        Positive.
    """

    rows: np.ndarray
    columns: np.ndarray

    def __post_init__(self) -> None:
        rows, columns = (_int_array(self, field, 1) for field in ("rows", "columns"))
        if not rows.size or not columns.size or min(rows.min(), columns.min()) < 1:
            raise self.error("factors must be positive, and at least one")

    def infer(self, *inputs: Tensor) -> Tensor:
        (x,) = inputs
        if x.shape[:2] != (len(self.rows), len(self.columns)):
            raise self.error(f"{len(self.rows)} x {len(self.columns)} factors for {x.shape}")
        most, least = (int(f(self.rows)) * int(f(self.columns)) for f in (np.max, np.min))
        return Tensor.ranged(x.shape, min(x.lo * most, x.lo * least),
                             max(x.hi * most, x.hi * least))


@dataclass(frozen=True, eq=False, kw_only=True)
class Concat(Op):
    """Concatenation along the channels, or along the height (``axis`` 0) or width (1)."""

    axis: int = 2

    def infer(self, *inputs: Tensor) -> Tensor:
        if self.axis not in (0, 1, 2):
            raise self.error(f"axis must be 0, 1 or 2, not {self.axis}")
        if len({(*x.shape[: self.axis], *x.shape[self.axis + 1 :]) for x in inputs}) != 1:
            sizes = " or ".join(("height", "width", "channels")[k] for k in range(3)
                                if k != self.axis)
            raise self.error(f"inputs differ in {sizes}: {[x.shape for x in inputs]}")
        lo, hi = min(x.lo for x in inputs), max(x.hi for x in inputs)
        types = {x.type for x in inputs}
        type_ = types.pop() if len(types) == 1 else _integer_type(inputs, lo, hi)
        shape = list(inputs[0].shape)
        shape[self.axis] = sum(x.shape[self.axis] for x in inputs)
        return Tensor((shape[0], shape[1], shape[2]), type_, lo, hi)


@dataclass(frozen=True, eq=False, kw_only=True)
class Upsample(Op):
    """Nearest-neighbour enlargement by whole factors (vertical, horizontal)."""

    factors: tuple[int, int]

    def infer(self, *inputs: Tensor) -> Tensor:
        (x,) = inputs
        if min(self.factors) < 1:
            raise self.error(f"factors must be positive, not {self.factors}")
        h, w, c = x.shape
        return Tensor((h * self.factors[0], w * self.factors[1], c), x.type, x.lo, x.hi)


@dataclass(frozen=True, eq=False, kw_only=True)
class _Blocks(Op):
    """Blocks of pixels, or one pixel with the channels of all of them.

    Parameters
    ----------
    block : (vertical, horizontal)
        Pixels of a block.
    channel_major : bool
        Where the channels are together: those of a block's pixel side by side, pixel after pixel
        (``(y * horizontal + x) * channels + c``), or one channel's pixels side by side
        (``(c * vertical + y) * horizontal + x``).
    """

    block: tuple[int, int]
    channel_major: bool = False

    def __post_init__(self) -> None:
        if min(self.block) < 1:
            raise self.error(f"block must be positive, not {self.block}")

    def order(self, channels: int) -> np.ndarray:
        """Where a block's elements are among the channels: (vertical, horizontal, channels)."""
        places = np.arange(self.block[0] * self.block[1] * channels)
        if self.channel_major:
            return places.reshape(channels, *self.block).transpose(1, 2, 0)
        return places.reshape(*self.block, channels)


class DepthToSpace(_Blocks):
    """Each pixel becomes a block of pixels, of its channels."""

    def moved(self, x: np.ndarray) -> np.ndarray:
        """The elements of an array (..., height, width, channels) as the result has them."""
        *frames, h, w, c = x.shape
        by, bx = self.block
        blocks = x[..., self.order(c // (by * bx))]  # ..., h, w, by, bx, channels
        return np.moveaxis(blocks, -3, -4).reshape(*frames, h * by, w * bx, c // (by * bx))

    def infer(self, *inputs: Tensor) -> Tensor:
        (x,) = inputs
        (h, w, c), (by, bx) = x.shape, self.block
        if c % (by * bx):
            raise self.error(f"{c} channels are not those of {by} x {bx} pixels")
        return Tensor((h * by, w * bx, c // (by * bx)), x.type, x.lo, x.hi)


class SpaceToDepth(_Blocks):
    """Each block of pixels becomes one with the channels of all; undoes :class:`DepthToSpace`."""

    def moved(self, x: np.ndarray) -> np.ndarray:
        """The elements of an array (..., height, width, channels) as the result has them."""
        *frames, h, w, c = x.shape
        by, bx = self.block
        blocks = x.reshape(*frames, h // by, by, w // bx, bx, c)
        blocks = np.moveaxis(blocks, -3, -4).reshape(*frames, h // by, w // bx, by * bx * c)
        return blocks[..., self.order(c).argsort(axis=None)]

    def infer(self, *inputs: Tensor) -> Tensor:
        (x,) = inputs
        (h, w, c), (by, bx) = x.shape, self.block
        if h % by or w % bx:
            raise self.error(f"blocks of {by} x {bx} do not fill {h} x {w} pixels")
        return Tensor((h // by, w // bx, c * by * bx), x.type, x.lo, x.hi)


@dataclass(frozen=True, eq=False, kw_only=True)
class Reshape(Op):
    """The same elements in raster order under another shape; costs no hardware."""

    shape: tuple[int, int, int]

    def infer(self, *inputs: Tensor) -> Tensor:
        (x,) = inputs
        if x.size != int(np.prod(self.shape)):
            raise self.error(f"{x.size} elements do not fill {self.shape}")
        return Tensor(self.shape, x.type, x.lo, x.hi)


@dataclass(frozen=True, eq=False, kw_only=True)
class ArgMax(Op):
    """Index of the largest channel of each position; the first of equals."""

    def infer(self, *inputs: Tensor) -> Tensor:
        (x,) = inputs
        return Tensor.ranged((*x.shape[:2], 1), 0, x.shape[2] - 1)


def op_fields(op: Op) -> dict[str, Any]:
    """The parameters of an operation by name."""
    return {name: getattr(op, name) for name in op.__dataclass_fields__}
