"""The integer network as JSON and arrays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ...rtl_templates.types import IntType
from ..errors import QuantloomError
from . import ops
from .graph import Interface, Network
from .tensor import Tensor

__all__ = ["from_json", "to_json"]

_KINDS = {cls.__name__.lower(): cls for cls in vars(ops).values()
          if isinstance(cls, type) and issubclass(cls, ops.Op) and cls is not ops.Op
          and not cls.__name__.startswith("_")}


def to_json(network: Network) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """A JSON value without weights, and the arrays it refers to by name."""
    arrays: dict[str, np.ndarray] = {}

    def encode(key: str, value: Any) -> Any:
        if isinstance(value, np.ndarray):
            arrays[key] = _narrow(value)
            return {"array": key}
        if isinstance(value, IntType):
            return {"type": str(value)}
        return list(value) if isinstance(value, tuple) else value

    entries = []
    for op in network.ops:
        fields = {name: encode(f"{op.name}.{name}", value)
                  for name, value in ops.op_fields(op).items() if name not in ("name", "inputs")}
        output = network.tensors[op.name]
        entries.append({"name": op.name, "op": op.kind, "inputs": list(op.inputs), **fields,
                        "output": {"shape": list(output.shape), "type": str(output.type),
                                   "range": [output.lo, output.hi]}})
    x = network.input
    value = {
        "name": network.name,
        "input": {"shape": list(x.shape), "type": str(x.type), "range": [x.lo, x.hi],
                  **_interface("input", network.source_input, arrays)},
        "output": {"tensor": network.output,
                   **_interface("output", network.source_output, arrays)},
        "host": list(network.host),
        "layers": entries,
    }
    return value, arrays


def _narrow(array: np.ndarray) -> np.ndarray:
    """The same integers in the narrowest dtype: files stay small."""
    if array.dtype == bool or array.size == 0:
        return array
    for dtype in (np.int8, np.int16, np.int32):
        info = np.iinfo(dtype)
        if info.min <= array.min() and array.max() <= info.max:
            return array.astype(dtype)
    return array


def _interface(name: str, end: Interface | None, arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    assert end is not None
    arrays[f"{name}.order"] = _narrow(np.asarray(end.order))

    def number(value: np.ndarray | float) -> Any:
        return np.asarray(value, dtype=float).tolist()

    return {"source_shape": list(end.shape), "order": {"array": f"{name}.order"},
            "scale": number(end.scale), "zero_point": int(end.zero_point),
            "offset": number(end.offset)}


def from_json(value: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Network:
    """The network that :func:`to_json` stored.

    Raises
    ------
    QuantloomError
        If something is missing or does not fit.
    """
    part = "network"
    try:
        part = "input"
        x = value["input"]
        height, width, channels = _sizes(x["shape"], 3)
        tensor = Tensor((height, width, channels), IntType.parse(x["type"]),
                        *_sizes(x["range"], 2))
        source_input = _end(x, arrays, tensor.size)
        layers = []
        for entry in value["layers"]:
            part = f"layer {entry['name']}"
            layers.append(_op(entry, arrays))
        part = "network"
        network = Network(name=value["name"], input=tensor, ops=layers, source_input=source_input,
                          host=tuple(str(note) for note in value["host"]))
        large = [name for name, t in network.tensors.items() if t.size > MAX_ELEMENTS]
        if large:
            raise ValueError(f"{large[0]} has more than {MAX_ELEMENTS:,} elements")
        part = "output"
        network.source_output = _end(value["output"], arrays,
                                     network.tensors[network.output].size)
        return network
    except KeyError as error:
        raise QuantloomError(f"{part} is damaged: {error.args[0]!r} is missing") from error
    except _DAMAGE as error:
        raise QuantloomError(f"{part} is damaged: {error}") from error


# What numbers and structures of the wrong kind make the constructors raise.
_DAMAGE = (TypeError, ValueError, IndexError, AttributeError, ArithmeticError)

MAX_ELEMENTS = 1 << 28
"""Elements of a tensor; more is a damaged file, not a network for a chip."""

_MAX_INTEGER = 1 << 62


def _integer(stored: Any) -> int:
    if not isinstance(stored, int) or isinstance(stored, bool) or abs(stored) > _MAX_INTEGER:
        raise ValueError(f"a whole number is expected, not {stored!r}")
    return stored


def _sizes(stored: Any, count: int) -> tuple[int, ...]:
    if not isinstance(stored, list) or len(stored) != count:
        raise ValueError(f"{count} whole numbers are expected, not {stored!r}")
    return tuple(_integer(number) for number in stored)


def _array(stored: Any, arrays: Mapping[str, np.ndarray]) -> np.ndarray:
    array = arrays[stored["array"]]
    if array.dtype == bool:
        return array
    if array.dtype.kind != "i":
        raise ValueError(f"the array {stored['array']} must hold integers, not {array.dtype}")
    return array.astype(np.int64)


def _end(entry: Mapping[str, Any], arrays: Mapping[str, np.ndarray], size: int) -> Interface:
    shape, order = tuple(map(_integer, entry["source_shape"])), _array(entry["order"], arrays)
    if (order.shape != shape or order.size != size
            or not np.array_equal(np.sort(order, axis=None), np.arange(size))):
        raise ValueError(f"the order must place {size} elements in the shape {shape}")

    def number(stored: Any) -> np.ndarray | float:
        values = np.asarray(stored, dtype=float)
        np.broadcast_to(values, shape)
        if not np.isfinite(values).all():
            raise ValueError(f"a finite number is expected, not {stored!r}")
        return values if values.ndim else float(values)

    return Interface(shape, order, number(entry["scale"]), _integer(entry["zero_point"]),
                     number(entry["offset"]))


def _op(entry: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> ops.Op:
    cls = _KINDS[entry["op"]]

    def decode(annotation: str, stored: Any) -> Any:
        if stored is None and "None" in annotation:
            return None
        if "ndarray" in annotation:
            return _array(stored, arrays)
        if "IntType" in annotation:
            return IntType.parse(stored["type"])
        if "bool" in annotation and isinstance(stored, bool):
            return stored
        if "tuple" in annotation and isinstance(stored, list):
            return tuple(map(_integer, stored))
        return _integer(stored)

    if not all(isinstance(name, str) for name in entry["inputs"]):
        raise ValueError(f"inputs must be names, not {entry['inputs']!r}")
    fields = {name: decode(str(field.type), entry[name])
              for name, field in cls.__dataclass_fields__.items() if name not in ("name", "inputs")}
    return cls(name=entry["name"], inputs=tuple(entry["inputs"]), **fields)
