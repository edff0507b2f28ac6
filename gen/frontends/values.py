"""What an ONNX tensor is on the way to integers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

__all__ = ["Const", "Pair", "Step", "Value", "squeeze_uniform"]

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, eq=False)
class Const:
    """A constant tensor.

    Parameters
    ----------
    array : array
        The values as the source has them.
    integers, scale : array or None
        Where the values are quantised: ``array = scale * integers``, both of the array's shape.
    """

    array: Array
    integers: Array | None = None
    scale: Array | None = None

    def map(self, function: Callable[[Array], Array]) -> Const:
        """The constant with its elements rearranged."""
        if self.integers is None or self.scale is None:
            return Const(function(self.array))
        return Const(function(self.array), function(self.integers), function(self.scale))


@dataclass(frozen=True, eq=False)
class Step:
    """One elementwise operation of the source, in the source's own arithmetic.

    Parameters
    ----------
    name : str
        The node, for messages.
    function : callable
        ``function(x, *constants)`` for ``x`` of shape (channels, n).
    constants : tuple of array
        Each of shape () or (channels, 1).
    sign : array of int, () or (channels,)
        -1 where the step falls, 1 where it does not.
    affine : pair of array or None
        ``(a, b)`` in float64, each () or (channels,), if the step is ``a * x + b``.
    clips : bool
        The result is one of the bounds or ``x`` itself.
    rounds : bool
        The result is an integer.
    monotone : bool
        False for functions that rise and fall; ``sign`` means nothing then.
    """

    name: str
    function: Callable[..., Array]
    constants: tuple[Array, ...] = ()
    sign: Array | int = 1
    affine: tuple[Array, Array] | None = None
    clips: bool = False
    rounds: bool = False
    monotone: bool = True

    def tile(self, times: int) -> Step:
        """The step for a tensor whose positions became channels, channels innermost."""

        def wide(a: Any) -> Array:
            a = np.asarray(a)
            return a if a.ndim == 0 else np.concatenate([a] * times)

        affine = self.affine and (wide(self.affine[0]), wide(self.affine[1]))
        return replace(self, constants=tuple(wide(c) for c in self.constants),
                       sign=wide(self.sign), affine=affine)

    def channels(self, which: Array) -> Step:
        """The step for a tensor of only these channels."""

        def some(a: Any) -> Array:
            a = np.asarray(a)
            return a if a.ndim == 0 else a[which]

        affine = self.affine and (some(self.affine[0]), some(self.affine[1]))
        return replace(self, constants=tuple(some(c) for c in self.constants),
                       sign=some(self.sign), affine=affine)

    @property
    def uniform(self) -> bool:
        """Whether all channels are treated alike."""
        return all(c.ndim == 0 for c in self.constants)


@dataclass(frozen=True, eq=False)
class Value:
    """An ONNX tensor as elements of a network tensor, with what is still to be done to them.

    An element is ``scale * (integer - zero_point)``, sent through ``steps`` one after another.

    Parameters
    ----------
    tensor : str
        Name of the network tensor.
    index : array of int
        Of the ONNX tensor's shape, batch included: for each element its place in the network
        tensor's raster order.
    scale : array of float64, () or (channels,)
    zero_point : int
    steps : tuple of Step
        Not yet quantised.
    exclusive : bool
        Nothing else reads the network tensor.
    raw : bool
        The network's input before its integer grid is known; scale and zero point mean nothing.
    host : tuple of str
        What the host computes on the value.
    """

    tensor: str
    index: Array
    scale: Array
    zero_point: int = 0
    steps: tuple[Step, ...] = ()
    exclusive: bool = False
    raw: bool = False
    host: tuple[str, ...] = ()

    def map(self, function: Callable[[Array], Array]) -> Value:
        """The value with its elements rearranged."""
        return replace(self, index=function(self.index))

    def then(self, step: Step) -> Value:
        """The value after one more step."""
        return replace(self, steps=(*self.steps, step))

    def channels(self, which: Array) -> Value:
        """The value with scales and steps of only these channels of the network tensor."""
        scale = self.scale if self.scale.ndim == 0 else squeeze_uniform(self.scale[which])
        return replace(self, scale=scale, steps=tuple(s.channels(which) for s in self.steps))

    @property
    def sign(self) -> Array:
        """-1 for channels in which the value falls as the integer grows, () or (channels,)."""
        sign = np.sign(self.scale).astype(np.int64)
        for step in self.steps:
            sign = sign * np.asarray(step.sign)
        return sign

    @property
    def monotone(self) -> bool:
        """Whether the steps keep or turn the order of the integers, as ``sign`` says."""
        return all(step.monotone for step in self.steps)

    @property
    def uniform(self) -> bool:
        """Whether scale and steps are the same for all channels."""
        return self.scale.ndim == 0 and all(step.uniform for step in self.steps)

    def evaluate(self, integers: Array) -> Array:
        """The source's values, in its own arithmetic, for integers of shape (channels, n).

        The integer times the scale is exact in float64 for scales of the source's precision and
        rounded once; everything after that happens step by step as the source does it.
        """
        scale = self.scale if self.scale.ndim == 0 else self.scale[:, None]
        return self.finish(((integers - self.zero_point) * scale).astype(np.float32))

    def finish(self, reals: Array) -> Array:
        """The source's values for reals that only the steps are still to be done to."""
        with np.errstate(over="ignore"):
            for step in self.steps:
                reals = step.function(reals, *step.constants)
        return reals


@dataclass(frozen=True, eq=False)
class Pair:
    """A sum or product of two tensors whose scales leave no plain form in integers.

    It is computed in reals, and with the quantiser behind it becomes a function of two integers.

    Parameters
    ----------
    label : str
        The node, for messages.
    a, b : Value
        Without pending steps, of one scale for all channels each.
    sign : int
        1 or -1: ``a + sign * b``; 0: ``a * b``.
    """

    label: str
    a: Value
    b: Value
    sign: int

    @property
    def scales(self) -> str:
        """Both scales, for messages."""
        return f"{float(self.a.scale):.9g} and {float(self.b.scale):.9g}"

    def evaluate(self, a: Array, b: Array) -> Array:
        """The source's result for integers of two shapes that broadcast."""
        if not self.sign:
            return self.a.evaluate(a) * self.b.evaluate(b)
        return self.a.evaluate(a) + np.float32(self.sign) * self.b.evaluate(b)


def squeeze_uniform(array: Array) -> Array:
    """The array, or its one value as an array of shape () if all elements are equal."""
    array = np.asarray(array)
    if array.ndim and array.size and np.all(array == array.flat[0]):
        return np.asarray(array.flat[0])
    return array
