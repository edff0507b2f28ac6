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
    try:
        x = value["input"]
        return Network(
            name=value["name"],
            input=Tensor(_shape(x["shape"]), IntType.parse(x["type"]), *x["range"]),
            ops=[_op(entry, arrays) for entry in value["layers"]],
            source_input=_end(x, arrays),
            source_output=_end(value["output"], arrays),
            host=tuple(value["host"]),
        )
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise QuantloomError(f"the design's network is damaged: {error!r}") from error


def _shape(value: list[int]) -> tuple[int, int, int]:
    h, w, c = value
    return h, w, c


def _end(entry: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Interface:
    def number(stored: Any) -> np.ndarray | float:
        return np.asarray(stored) if isinstance(stored, list) else float(stored)

    return Interface(tuple(entry["source_shape"]), arrays[entry["order"]["array"]],
                     number(entry["scale"]), entry["zero_point"], number(entry["offset"]))


def _op(entry: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> ops.Op:
    cls = _KINDS[entry["op"]]

    def decode(stored: Any) -> Any:
        if isinstance(stored, dict) and "array" in stored:
            array = arrays[stored["array"]]
            return array if array.dtype == bool else array.astype(np.int64)
        if isinstance(stored, dict) and "type" in stored:
            return IntType.parse(stored["type"])
        return tuple(stored) if isinstance(stored, list) else stored

    names = set(cls.__dataclass_fields__) - {"name", "inputs"}
    fields = {name: decode(entry[name]) for name in names}
    return cls(name=entry["name"], inputs=tuple(entry["inputs"]), **fields)
