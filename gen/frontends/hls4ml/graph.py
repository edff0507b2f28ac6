"""hls4ml's model graph to the integer network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ....rtl_templates.types import IntType
from ...errors import QuantloomError, UnsupportedError
from ...network import Interface, Network, Tensor
from ..draft import Draft
from ..names import Names
from ..registry import registrar
from .fixed import Fixed
from .values import FixedValue

__all__ = ["LAYERS", "Conversion", "axes_of", "convert", "converts", "from_graph", "input_type"]

Array = np.ndarray[Any, Any]
Converter = Callable[["Conversion", Any], FixedValue]

LAYERS: dict[str, Converter] = {}
"""Converters by the name of the layer's class in hls4ml."""
converts = registrar(LAYERS)

MAX_INPUT_BITS = 16


@dataclass(eq=False)
class Conversion:
    """What has been built so far.

    Parameters
    ----------
    values : dict of str to FixedValue
        By the name of the hls4ml variable.
    source : FixedValue or None
        The input.
    host : list of str
        What is left to the host, in order; nothing else can follow.
    """

    draft: Draft = field(default_factory=Draft)
    values: dict[str, FixedValue] = field(default_factory=dict)
    source: FixedValue | None = None
    host: list[str] = field(default_factory=list)

    def inputs(self, layer: Any) -> list[FixedValue]:
        """A layer's inputs."""
        if self.host:
            raise UnsupportedError(label(layer), f"it follows {self.host[-1]}, which is left to "
                                   "the host", "Cut the model before that layer")
        return [self.values[name] for name in layer.inputs]

    def input(self, layer: Any) -> FixedValue:
        """The input of a layer with one."""
        (value,) = self.inputs(layer)
        return value

    def name(self, layer: Any) -> str:
        """Name for a layer's operation."""
        return self.draft.names.take(layer.name)


def label(layer: Any) -> str:
    """How messages call a layer."""
    return f"{layer.name} ({layer_kind(layer)})"


def layer_kind(layer: Any) -> str:
    """Name of the layer's class in hls4ml, without the backend's prefix."""
    kind = layer.class_name
    backend = layer.model.config.backend
    prefix = backend.name if backend is not None else ""
    return kind.removeprefix(prefix) if kind not in LAYERS else kind


def result_type(layer: Any) -> Fixed:
    """Type of a layer's output."""
    return Fixed.of(label(layer), layer.get_output_variable().type.precision)


def left_open(layer: Any, name: str) -> bool:
    """Whether the configuration leaves a type of a layer ("result", "accum") to inference."""
    precision, _ = layer.model.config.get_precision(layer, name)
    return type(precision).__name__ == "UnspecifiedPrecisionType"


def is_fallback(layer: Any) -> bool:
    """Whether a layer's result type is the model's default for want of anything better.

    hls4ml infers types that lose nothing, but not behind activations. Here a type that is left
    open loses nothing there either.
    """
    config = layer.model.config
    default = config.backend.convert_precision_string(config.model_precision["default"])
    return left_open(layer, "result") and layer.get_output_variable().type.precision == default


def input_type(graph: Any) -> Fixed:
    """Type of a graph's input."""
    (layer,) = (x for x in graph.get_layers() if layer_kind(x) == "Input")
    return result_type(layer)


def from_graph(graph: Any) -> Network:
    """The integer network of an hls4ml model graph.

    Parameters
    ----------
    graph : hls4ml.model.ModelGraph
        After hls4ml's own optimisation flow, every precision inferred.

    Returns
    -------
    Network
        Its integers are those of hls4ml's fixed-point tensors.

    Raises
    ------
    UnsupportedError
        Names the first layer that cannot be compiled.
    """
    return _finish(convert(graph), graph)


def convert(graph: Any) -> Conversion:
    """Every layer's value, up to the last; see :func:`from_graph`."""
    # They register their converters on import, and import this module.
    from . import activations, joins, weighted, windows  # noqa: F401

    state = Conversion()
    if len(graph.get_input_variables()) != 1 or len(graph.get_output_variables()) != 1:
        raise UnsupportedError(graph.config.get_project_name(), "it has several inputs or outputs",
                               "Cut the model to one of each")
    for layer in graph.get_layers():
        kind = layer_kind(layer)
        if kind == "Input":
            value = state.source = _input(state, layer, _input_axes(graph, layer))
        elif kind in LAYERS:
            value = LAYERS[kind](state, layer)
        else:
            raise UnsupportedError(label(layer), f"layer {kind} is not supported",
                                   "Replace it, or cut the model before it")
        state.values.update(dict.fromkeys(layer.outputs, value))
    return state


def _input_axes(graph: Any, layer: Any) -> tuple[int, ...]:
    """Axes of the input in the order of the stream.

    hls4ml turns an input that is channels first around by a Transpose; nothing need turn if the
    stream is in that order from the start.
    """
    axes = tuple(range(len(layer.get_output_variable().shape)))
    readers = [x for x in graph.get_layers() if layer.outputs[0] in x.inputs]
    orders = {axes_of(x) if layer_kind(x) == "Transpose" else axes for x in readers}
    return orders.pop() if len(orders) == 1 else axes


def axes_of(layer: Any) -> tuple[int, ...]:
    """The permutation of a Transpose, without the batch axis."""
    perm = [int(axis) for axis in layer.get_attr("perm")]
    if len(perm) == len(layer.get_output_variable().shape) + 1:  # the batch axis is counted
        perm = [axis - 1 for axis in perm[1:]]
    return tuple(perm)


def _input(state: Conversion, layer: Any, axes: tuple[int, ...]) -> FixedValue:
    type_ = result_type(layer)
    if type_.width > MAX_INPUT_BITS:
        raise UnsupportedError(label(layer), f"its type has {type_.width} bits",
                               f"Give the input at most {MAX_INPUT_BITS} bits")
    shape = tuple(int(n) for n in layer.get_output_variable().shape)
    streamed = tuple(shape[axis] for axis in axes)
    state.draft.tensors["input"] = Tensor(
        feature_map(label(layer), streamed), IntType(type_.width, type_.signed), type_.lo,
        type_.hi)
    places = np.arange(int(np.prod(shape))).reshape(streamed).transpose(np.argsort(axes))
    return FixedValue(state.draft, label(layer), "input", places, type_.fraction)


def feature_map(where: str, shape: tuple[int, ...]) -> tuple[int, int, int]:
    """Height, width and channels of an hls4ml shape, channels last."""
    if not 1 <= len(shape) <= 3:
        raise UnsupportedError(where, f"its shape is {shape}", "Use at most three axes")
    height, width, channels = (1, 1, *shape)[-3:]
    return height, width, channels


def _finish(state: Conversion, graph: Any) -> Network:
    (output,) = graph.outputs
    name = Names().take(graph.config.get_project_name())
    source, value = state.source, state.values[output].settled()
    assert source is not None
    if value.tensor == "input":
        raise UnsupportedError(name, "nothing is computed between input and output",
                               "Give a model with at least one layer")
    try:
        return Network(
            name=name, input=state.draft.tensors["input"],
            ops=state.draft.needed(value.tensor),
            source_input=Interface(source.index.shape, source.index, 2.0**-source.fraction),
            source_output=Interface(value.index.shape, value.index, 2.0**-value.fraction),
            host=tuple(state.host))
    except UnsupportedError:
        raise
    except QuantloomError as error:
        raise UnsupportedError(name, str(error), "The graph cannot be compiled") from None
