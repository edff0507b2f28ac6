"""What is explored: a network, what it is a version of, and how to name it in a command."""

from __future__ import annotations

import json
import pickle
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..design import stored_design
from ..errors import QuantloomError
from ..network import Conv2d, Dense, Network, Requantize, Threshold
from ..network.storage import to_json

if TYPE_CHECKING:
    from ..frontends import InputGrid

__all__ = ["TRAITS", "Model", "grid_arguments", "open_model", "unpacked"]

TRAITS = ("network", "weight_bits", "activation_bits", "quantiser", "pruned")
"""Columns that tell the versions of a network apart."""


@dataclass(frozen=True, eq=False)
class Model:
    """A network of a sweep.

    Parameters
    ----------
    name : str
        Unique in the sweep.
    network : Network
    traits : mapping
        By :data:`TRAITS`: ``network`` (what it is a version of), ``weight_bits`` and
        ``activation_bits``, ``quantiser`` (as wrap, saturate, per-channel, retrained; empty if it
        is not known), ``pruned`` (share of the weights). What is left out is read off the network.
    arguments : tuple of str
        What ``quantloom generate`` takes for it: the file, and options.
    before : tuple of str
        The command that makes this file; empty if it is there.
    file : Path or None
        The model file that it was read from, for other programs to run; None: it is a design's.
    """

    name: str
    network: Network
    traits: Mapping[str, Any] = field(default_factory=dict)
    arguments: tuple[str, ...] = ()
    before: tuple[str, ...] = ()
    file: Path | None = None

    @property
    def stored(self) -> bool:
        """Whether it is a design's, which has a folding already."""
        return self.file is None

    @cached_property
    def digest(self) -> str:
        """Hash of all that the network computes, whatever file it came from."""
        value, arrays = to_json(self.network)
        state = sha256(json.dumps(value, sort_keys=True).encode())
        for name in sorted(arrays):
            array = np.ascontiguousarray(arrays[name])
            state.update(f"{name} {array.dtype.str} {array.shape} ".encode())
            state.update(array.tobytes())
        return state.hexdigest()

    @cached_property
    def packed(self) -> bytes:
        """The network, small enough to go with every task; see :func:`unpacked`."""
        return zlib.compress(pickle.dumps(self.network), 1)

    def columns(self) -> dict[str, Any]:
        """The traits, and what else a table shows of the model itself."""
        weights = [op.weights for op in _weighted(self.network)]
        number = sum(array.size for array in weights)
        zeros = sum(array.size - int(np.count_nonzero(array)) for array in weights)
        sparsity = round(zeros / number, 6) if number else 0.0
        return {"model": self.name, "network": self.name, "weight_bits": _weight_bits(self.network),
                "activation_bits": _activation_bits(self.network), "quantiser": "", "pruned": None,
                **self.traits, "sparsity": sparsity, "weights": number,
                "macs": self.network.macs()}


@lru_cache(maxsize=4)
def unpacked(packed: bytes) -> Network:
    """The network of :attr:`Model.packed`: the same object as long as it is the last few."""
    network: Network = pickle.loads(zlib.decompress(packed))
    return network


def _weighted(network: Network) -> Iterator[Conv2d | Dense]:
    return (op for op in network.ops if isinstance(op, Conv2d | Dense))


def _weight_bits(network: Network) -> float:
    """Mean over all weights."""
    pairs = [(op.weights.size, op.weight_type.bits) for op in _weighted(network)]
    total = sum(size for size, _ in pairs)
    return round(sum(size * bits for size, bits in pairs) / total, 2) if total else 0.0


def _activation_bits(network: Network) -> float:
    """Mean over all elements that a quantiser makes."""
    made = [network.tensors[op.name] for op in network.ops
            if isinstance(op, Threshold | Requantize)]
    total = sum(tensor.size for tensor in made)
    return round(sum(t.size * t.type.bits for t in made) / total, 2) if total else 0.0


def open_model(path: Path, *, name: str | None = None, grid: InputGrid | None = None,
               traits: Mapping[str, Any] | None = None) -> Model:
    """A model file, or the network of a design, as a model of a sweep.

    Parameters
    ----------
    path : Path
        An ``.onnx`` or ``.tflite`` file, a design.json, or the directory of one.
    name : str or None
        None: that of the file.
    grid : InputGrid or None
        Of the input, where the file does not say.
    traits : mapping or None

    Raises
    ------
    QuantloomError
        If there is no such model, or it cannot be compiled.
    """
    if not path.exists():
        raise QuantloomError(f"{path}: no such file or directory")
    if (design := stored_design(path, grid=grid is not None)) is not None:
        network = design.network
        return Model(name or network.name, network, traits or {}, (str(path),))
    from ..frontends import load
    from ..frontends.names import Names

    network = load(path, input_grid=grid)
    stem = path.name.split(".")[0]
    network.name = Names().take(stem, "network")
    return Model(name or stem, network, traits or {}, (str(path), *grid_arguments(grid)),
                 file=path)


def grid_arguments(grid: InputGrid | None) -> tuple[str, ...]:
    """Options of ``quantloom generate`` that give a grid."""
    if grid is None:
        return ()
    return ("--input-bits", str(grid.bits), *(["--input-signed"] if grid.signed else []),
            "--input-scale", str(grid.scale), "--input-zero-point", str(grid.zero_point))
