"""The TensorFlow Lite front door: a file with int8 tensors to the integer network."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

from ...errors import QuantloomError, UnsupportedError
from ...network import Interface, Network
from ..context import InputGrid
from . import arrangement, elementwise, weighted, windows
from .arrangement import HOST_STARTS
from .conversion import CONVERTERS, Conversion
from .file import FlatOperator, read

__all__ = ["examine", "integer_output"]

# The modules register their converters on import.
_MODULES = (arrangement, elementwise, weighted, windows)

_HOST_OPERATORS = frozenset({"DEQUANTIZE", "LOGISTIC", "LOG_SOFTMAX", "QUANTIZE", "RESHAPE",
                             "SOFTMAX", "SQUEEZE", "ARG_MAX"})


def examine(path: str | Path, *, input_grid: InputGrid | None = None,
            ) -> tuple[Network | None, list[UnsupportedError]]:
    """Convert a ``.tflite`` file.

    Returns
    -------
    network : Network or None
        Its integers are those of the file's int8 tensors, as TensorFlow Lite's reference kernels
        compute them; None if there are problems.
    problems : list of UnsupportedError
        All operators that stand in the way of compiling it, in order.

    Raises
    ------
    QuantloomError
        If the file is damaged.
    """
    state, problems = _convert(path, input_grid)
    if problems:
        return None, problems
    try:
        return _finish(state), []
    except UnsupportedError as error:
        return None, [error]


def integer_output(path: str | Path) -> int:
    """Index of the file's tensor that the network's output is: the last before the host's part."""
    model = read(path)
    start: dict[int, int] = {}  # of tensors that the host computes: what it begins with
    for operator in model.operators:
        source = operator.inputs[0] if operator.kind in HOST_STARTS else next(
            (i for i in operator.inputs if i in start), None)
        if source is not None:
            start[operator.outputs[0]] = start.get(source, source)
    return start.get(model.output, model.output)


def _convert(path: str | Path, grid: InputGrid | None) -> tuple[Conversion, list[UnsupportedError]]:
    if grid is not None:
        raise QuantloomError(f"{path}: the file states its input's grid; leave out the options "
                             "for it")
    state = Conversion(model=read(path))
    source = state.flat(state.model.input)
    if source.dtype != "float32":
        ends = FlatOperator("input", f"input {source.name!r}", (), (state.model.input,), None)
        try:
            state.ground(ends, state.grid(ends, state.model.input))
        except UnsupportedError as error:
            return state, [error]
        state.places[state.model.input] = "input"
    problems: list[UnsupportedError] = []
    lost: set[int] = set()
    for operator in state.model.operators:
        if lost.intersection(operator.inputs):
            lost.update(operator.outputs)  # hangs on a problem that is in the list
            continue
        try:
            _operator(state, operator)
        except UnsupportedError as error:
            problems.append(error)
            lost.update(operator.outputs)
        except (ArithmeticError, AttributeError, IndexError, TypeError, ValueError,
                struct.error) as error:
            problem = UnsupportedError(operator.label, f"it is malformed ({error})",
                                       "Repair the model")
            problem.__cause__ = error
            problems.append(problem)
            lost.update(operator.outputs)
    return state, problems


def _operator(state: Conversion, operator: FlatOperator) -> None:
    behind = next((i for i in operator.inputs if i in state.host), None)
    if behind is not None:
        if operator.kind not in _HOST_OPERATORS:
            raise UnsupportedError(operator.label, f"it follows {state.host[behind][1][-1]}, which "
                                   "is left to the host", "Cut the graph before that operator")
        start, notes = state.host[behind]
        state.host[operator.outputs[0]] = start, (*notes, operator.kind.lower())
        return
    if operator.kind not in CONVERTERS:
        raise UnsupportedError(operator.label, f"operator {operator.kind} is not supported",
                               "Replace it, or cut the graph before it")
    CONVERTERS[operator.kind](state, operator)


def _finish(state: Conversion) -> Network:
    model = state.model
    index, host = state.host.get(model.output, (model.output, ()))
    if index not in state.places or state.places[index] == "input":
        raise UnsupportedError(model.name, "nothing is computed between input and output",
                               "Give a model with at least one layer")
    tensor = state.places[index]
    flat = state.flat(index)
    scale, zero = (flat.scale[0], int(flat.zero_point[0])) if len(flat.scale) else (1.0, 0)
    assert state.input_grid is not None
    # A dequantised output is what the interface's scale says: nothing is left to the host.
    host = host[1:] if host[:1] == ("dequantize",) else host
    try:
        return Network(
            name=model.name, input=state.tensors["input"], ops=state.needed(tensor),
            source_input=_interface(state.flat(model.input).shape, state.input_grid.scale,
                                    state.input_grid.zero_point),
            source_output=_interface(flat.shape, scale, zero), host=host)
    except UnsupportedError:
        raise
    except QuantloomError as error:
        raise UnsupportedError(model.name, str(error), "The graph cannot be compiled") from None


def _interface(shape: tuple[int, ...], scale: np.float32 | float, zero_point: int) -> Interface:
    shape = shape[1:] if len(shape) > 1 and shape[0] == 1 else shape
    return Interface(shape, np.arange(int(np.prod(shape))).reshape(shape), float(scale),
                     zero_point)
