"""The integer network while a front door builds it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ...rtl_templates.types import BIPOLAR, IntType
from ..errors import QuantloomError, UnsupportedError
from ..network import (
    Add,
    Clip,
    Crop,
    MaxPool,
    Multiply,
    Op,
    Requantize,
    Reshape,
    Tensor,
    Threshold,
)
from .names import Names
from .pairs import fit_pair
from .steps import StepFunction, find_steps, fit_requantize

__all__ = ["MAX_ELEMENTS", "Draft"]

Array = np.ndarray[Any, Any]
Triple = tuple[int, int, int]

MAX_ELEMENTS = 1 << 25
"""Largest tensor that is accepted: far above what a chip streams, far below this host's memory."""

MAX_BITS = 48
"""Most bits of an operation's result: those of a DSP slice's accumulator."""

# Up to this many steps comparators are cheaper than a multiplier.
_FEW_STEPS = 15
# Most pairs of integers at which a function of two tensors is looked at: those of 10 bits each.
_MAX_PAIRS = 1 << 20


@dataclass(eq=False)
class Draft:
    """Operations and tensors so far, by name, in topological order."""

    ops: dict[str, Op] = field(default_factory=dict)
    tensors: dict[str, Tensor] = field(default_factory=dict)
    names: Names = field(default_factory=Names)
    # Rearrangements of a tensor, for all that need the same.
    _made: dict[tuple[Any, ...], str] = field(default_factory=dict)

    def add(self, label: str, op: Op) -> str:
        """Append an operation and return its name; ``label`` is the source's name in errors.

        Raises
        ------
        UnsupportedError
            If the operation does not fit its inputs, or its result is too large.
        """
        try:
            tensor = op.infer(*(self.tensors[name] for name in op.inputs))
        except QuantloomError as error:
            raise UnsupportedError(label, str(error), "The model cannot be compiled "
                                   "like this") from None
        if tensor.size > MAX_ELEMENTS:
            raise UnsupportedError(label, f"the result has the shape {tensor.shape}",
                                   f"At most {MAX_ELEMENTS} elements are accepted")
        if tensor.type.bits > MAX_BITS:
            raise UnsupportedError(label, f"the result needs {tensor.type.bits} bits",
                                   "Quantise the operands to fewer bits")
        self.ops[op.name] = op
        self.tensors[op.name] = tensor
        return op.name

    def add_steps(self, label: str, source: str, steps: StepFunction, name: Callable[[], str], *,
                  bipolar: bool = False) -> str:
        """Append what computes a step function of a tensor, and return the result's name.

        That is the tensor itself where the function changes nothing, a clip, a rescaling, or
        thresholds.

        Parameters
        ----------
        source : str
            The tensor.
        name : callable
            Gives the operation's name, if there is to be one.
        bipolar : bool
            The levels 0 and 1 stand for -1 and +1.
        """
        tensor = self.tensors[source]
        inputs = (source,)
        if bipolar:
            if tensor.type.bipolar and np.all((steps.points >= 0) & (steps.points <= 1)) \
                    and steps.points.size and np.all(steps.sign > 0):
                return source
            return self.add(label, _threshold(name(), inputs, steps, BIPOLAR))
        if steps.shift_only == 0:
            lo = steps.base if steps.base > tensor.lo else None
            hi = steps.top if steps.top < tensor.hi else None
            if lo is None and hi is None:
                return source
            return self.add(label, Clip(name=name(), inputs=inputs, lo=lo, hi=hi))
        type_ = IntType.for_range(steps.base, steps.top)
        if steps.top - steps.base > _FEW_STEPS:
            fit = fit_requantize(steps)
            if fit is not None:
                return self.add(label, Requantize(
                    name=name(), inputs=inputs, multiplier=fit.multiplier, offset=fit.offset,
                    negative_offset=fit.negative_offset, shift=fit.shift, type=type_,
                    lo=steps.base, hi=steps.top))
        return self.add(label, _threshold(name(), inputs, steps, type_))

    def add_table(self, label: str, source: str, values: Array, name: Callable[[], str]) -> str:
        """Append what looks the integers of a tensor up, and return the result's name.

        A table that rises and falls is the difference of two that rise.

        Parameters
        ----------
        source : str
            The tensor.
        values : array of int, (channels or 1, n)
            Results for the tensor's least integer and those that follow.
        name : callable
            Gives the operation's name, if there is to be one.
        """
        tensor = self.tensors[source]
        change = np.diff(values, axis=1)
        rises = (change >= 0).all(axis=1)
        sign = np.where(rises, 1, -1)

        def steps(table: Array) -> StepFunction:
            return find_steps(lambda x: np.take_along_axis(table, x - tensor.lo, axis=1),
                              tensor.lo, tensor.hi, sign)

        if np.all(rises | (change <= 0).all(axis=1)):
            return self.add_steps(label, source, steps(values), name)
        own = name()
        sign = np.ones(len(values), np.int64)
        start = np.zeros((len(values), 1), np.int64)
        up, down = (np.cumsum(np.concatenate([first, np.maximum(part, 0)], axis=1), axis=1)
                    for first, part in ((values[:, :1], change), (start, -change)))
        parts = (self.add_steps(label, source, steps(up), lambda: self.names.take(f"{own}_up")),
                 self.add_steps(label, source, steps(down), lambda: self.names.take(f"{own}_down")))
        total = self.add(label, Add(name=self.names.take(f"{own}_sum"), inputs=parts,
                                    multipliers=(1, -1)))
        # The range of the difference is less than that of its parts allows.
        return self.add(label, Clip(name=own, inputs=(total,), lo=int(values.min()),
                                    hi=int(values.max())))

    def add_product(self, label: str, sources: tuple[str, str], offsets: tuple[int, int],
                    function: Callable[[Array, Array], Array], name: Callable[[], str],
                    ) -> str | None:
        """Append what computes a function of two tensors that depends on their product alone.

        Parameters
        ----------
        sources : (str, str)
            The tensors, of one shape.
        offsets : (int, int)
            Added to their integers before these are multiplied.
        function : callable
            Integers of shapes (n, 1) and (1, m) to integers of shape (n, m).
        name : callable
            Gives the operation's name.

        Returns
        -------
        str or None
            The result; None if pairs of one product differ in their results, if these do not rise
            with it, or if there are too many pairs to see that.
        """
        a, b = (self.tensors[source] for source in sources)
        if (a.hi - a.lo + 1) * (b.hi - b.lo + 1) > _MAX_PAIRS:
            return None
        rows, columns = (np.arange(t.lo, t.hi + 1) for t in (a, b))
        results = function(rows[:, None], columns[None, :]).ravel()
        products = ((rows[:, None] + offsets[0]) * (columns[None, :] + offsets[1])).ravel()
        order = np.lexsort((results, products))
        products, results = products[order], results[order]
        last = np.append(np.diff(products) != 0, True)
        first = np.insert(last[:-1], 0, True)
        points, table = products[last], results[last]
        if np.any(table != results[first]) or np.any(np.diff(table) < 0):
            return None
        own = name()
        product = self.add(label, Multiply(name=own, inputs=sources, offsets=offsets))
        tensor = self.tensors[product]
        steps = find_steps(lambda x: table[np.searchsorted(points, x, side="right") - 1],
                           tensor.lo, tensor.hi, np.ones(1, np.int64))
        return self.add_steps(label, product, steps, lambda: self.names.take(f"{own}_act"))

    def add_pair(self, label: str, sources: tuple[str, str],
                 function: Callable[[Array, Array], Array], name: Callable[[], str]) -> str | None:
        """Append what computes a function of two tensors: a weighted sum, rescaled.

        Parameters
        ----------
        sources : (str, str)
            The tensors, of one shape.
        function : callable
            Integers of shapes (n, 1) and (1, m) to integers of shape (n, m), monotone in both.
        name : callable
            Gives the operation's name.

        Returns
        -------
        str or None
            The result; None if there is no such form, or too many pairs to find it.
        """
        a, b = (self.tensors[source] for source in sources)
        if (a.hi - a.lo + 1) * (b.hi - b.lo + 1) > _MAX_PAIRS:
            return None
        form = fit_pair(function(np.arange(a.lo, a.hi + 1)[:, None],
                                 np.arange(b.lo, b.hi + 1)[None, :]), (a.lo, b.lo))
        if form is None:
            return None
        own = name()
        total = self.add(label, Add(name=own, inputs=sources, multipliers=form.multipliers))
        return self.add(label, Requantize(
            name=self.names.take(f"{own}_act"), inputs=(total,), multiplier=np.array([1]),
            offset=np.array([form.offset]), shift=form.shift,
            type=IntType.for_range(form.lo, form.hi), lo=form.lo, hi=form.hi))

    def reshaped(self, tensor: str, shape: tuple[int, int, int], label: str = "") -> str:
        """The elements of a tensor under another shape; ``label`` is the source's name."""
        if self.tensors[tensor].shape == shape:
            return tensor
        return self.add(label or tensor, Reshape(name=self.names.take(f"{tensor}_reshape"),
                                                 inputs=(tensor,), shape=shape))

    def once(self, label: str, op: Op, *key: Any) -> str:
        """Append an operation, unless one of its kind with the same input and ``key`` is there.

        Its name is a wish.
        """
        key = (type(op), op.inputs, *key)
        if key not in self._made:
            self._made[key] = self.add(label, replace(op, name=self.names.take(op.name)))
        return self._made[key]

    def box(self, label: str, tensor: str, start: Triple, size: Triple,
            stride: tuple[int, int] = (1, 1)) -> str:
        """A tensor's elements in a box, of rows and columns at a distance every so many.

        Parameters
        ----------
        label : str
            The source's name in errors.
        start, size : (height, width, channels)
        stride : (vertical, horizontal)
            Taken by pooling with a kernel of one element.
        """
        whole = self.tensors[tensor].shape
        # What the stride leaves out behind the last row or column needs no crop.
        size = tuple(  # type: ignore[assignment]
            w if first == 0 and w - n < s else n
            for w, first, n, s in zip(whole, start, size, (*stride, 1), strict=True))
        if size != whole:
            tensor = self.once(label, Crop(name=f"{tensor}_crop", inputs=(tensor,), start=start,
                                           size=size), start, size)
        if stride != (1, 1):
            tensor = self.once(label, MaxPool(name=f"{tensor}_sample", inputs=(tensor,),
                                              kernel=(1, 1), stride=stride), stride)
        return tensor

    def needed(self, output: str) -> list[Op]:
        """The operations that a tensor depends on."""
        wanted, ops = {output}, []
        for op in reversed(self.ops.values()):
            if op.name in wanted:
                wanted.update(op.inputs)
                ops.append(op)
        return ops[::-1]


def _threshold(name: str, inputs: tuple[str, ...], steps: StepFunction,
               type_: IntType) -> Threshold:
    base = -1 if type_.bipolar else steps.base
    thresholds = steps.thresholds
    if not thresholds.shape[1]:
        # A constant: one step that is never taken, or, where the type ends there, always.
        if (type_.bipolar and steps.base == 1) or base == type_.hi:
            base, point = -1 if type_.bipolar else base - 1, int(steps.first.min())
        else:
            point = int(steps.last.max()) + 1
        thresholds = np.array([[point]])
        if base < type_.lo:
            type_ = IntType.for_range(base, base + 1)
        return Threshold(name=name, inputs=inputs, thresholds=thresholds, type=type_, base=base)
    return Threshold(name=name, inputs=inputs, thresholds=thresholds, type=type_, base=base,
                     descending=steps.sign < 0)
