"""What became of a float model: the integer network, and a record of every layer."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import onnx

from ..network import Conv2d, Dense, Network
from ..network.file import save_network

__all__ = ["LayerRecord", "Quantised", "with_counts"]


@dataclass(frozen=True)
class LayerRecord:
    """What became of a layer.

    Parameters
    ----------
    name : str
    weight_bits : int or None
        None where there are no weights: at the input, at sums and averages.
    activation_bits : int or None
        Of the layer's result; None where nothing reads it as integers.
    quantiser : str
        ``wrap``, ``saturate`` or ``retrained``.
    scale : str or None
        ``channel`` or ``tensor``: what has weight scales of its own; None where there are none.
    power_of_two : bool
        Whether scales are.
    weights : int
        How many there are in the integer network.
    zeros : float
        Share of zeros among them.
    pruned : float
        Share of the float model's weights that were set to zero or went with their channels.
    outputs, outputs_removed : int
        Outputs in the float model, and how many of them the integer network does without.
    """

    name: str
    weight_bits: int | None
    activation_bits: int | None
    quantiser: str
    scale: str | None = None
    power_of_two: bool = False
    weights: int = 0
    zeros: float = 0.0
    pruned: float = 0.0
    outputs: int = 0
    outputs_removed: int = 0


@dataclass(frozen=True, eq=False)
class Quantised:
    """A quantised model.

    Parameters
    ----------
    network : Network
        What the hardware computes; this is the definition.
    layers : tuple of LayerRecord
    model : onnx.ModelProto
        The same as a QONNX graph, before removed channels were taken out.
    """

    network: Network
    layers: tuple[LayerRecord, ...]
    model: onnx.ModelProto

    def to_json(self) -> dict[str, Any]:
        """Plain data on what was done."""
        return {"layers": [asdict(layer) for layer in self.layers]}

    def save(self, path: str | Path) -> None:
        """Write the network to a file that every command takes like a model's."""
        save_network(self.network, Path(path), self.to_json())

    def save_qonnx(self, path: str | Path) -> None:
        """Write the QONNX graph, for other tools."""
        Path(path).write_bytes(self.model.SerializeToString())


def with_counts(record: LayerRecord, outputs: int, op: Conv2d | Dense | None) -> LayerRecord:
    """A layer's record with what its operation, if there is one left, holds of its outputs."""
    if op is None:
        return replace(record, outputs=outputs, outputs_removed=outputs)
    return replace(record, weights=int(op.weights.size), zeros=float((op.weights == 0).mean()),
                   outputs=outputs, outputs_removed=outputs - op.weights.shape[-1])
