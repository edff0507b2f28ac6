"""Retrained models: training stays in Brevitas or QKeras, reached by a hook.

The hook is given a request, what to train, and writes a QONNX file with the same layers. The
request is a JSON object:

``model``
    Path of the float model.
``layers``
    For each layer with weights its ``name``, the bits of ``weights`` and ``activations``, and what
    else its format says.
``masks``
    Path of an ``.npz`` file with an array of bool by layer, of the weights' shape in the float
    model: true where a weight stays. Layers that lose none are left out.
"""

from __future__ import annotations

import json
import shlex
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx

from ..errors import QuantloomError
from ..frontends import InputGrid, load
from ..network import Clip, Conv2d, Dense, MaxPool, Network, Op, Requantize, Threshold
from ..network.compact import compact
from .formats import Formats
from .prune import pruned_share
from .quantise import Prepared
from .records import LayerRecord, Quantised, with_counts

__all__ = ["Hook", "command_hook", "load_retrained", "retrain"]

Hook = Callable[[Path, Path], None]
"""Trains what the request in the first file says, and writes a QONNX model to the second."""


def command_hook(command: str) -> Hook:
    """A hook that runs a command with both paths behind it.

    Raises
    ------
    QuantloomError
        When it is called: if the command cannot be run, or fails.
    """
    words = shlex.split(command)

    def run(request: Path, output: Path) -> None:
        try:
            done = subprocess.run([*words, str(request), str(output)], check=False,
                                  capture_output=True, text=True)
        except OSError as error:
            raise QuantloomError(f"--retrain {command}: cannot be run: {error.strerror}") from None
        if done.returncode:
            last = done.stderr.strip().splitlines() or ["it says nothing"]
            raise QuantloomError(f"--retrain {command}: it ended with exit code {done.returncode}: "
                                 f"{last[-1]}")

    return run


def retrain(path: str | Path, prepared: Prepared, formats: Formats, hook: Hook, *,
            output: Path | None = None) -> Quantised:
    """The integer network of a float model retrained at some widths.

    Parameters
    ----------
    path : path
        The float model.
    prepared : Prepared
        The same; calibration is not needed.
    formats : Formats
    hook : callable
    output : path or None
        Where the QONNX file is kept; None keeps none.

    Raises
    ------
    QuantloomError
        If the hook writes no file, its layers are others, or weights that should be zero are not.
    """
    formats.require(prepared.layers)
    masks = prepared.masks(formats)
    with tempfile.TemporaryDirectory() as folder:
        request, kept = Path(folder) / "request.json", Path(folder) / "masks.npz"
        np.savez_compressed(kept, allow_pickle=False, **masks)  # type: ignore[arg-type]
        request.write_text(json.dumps({
            "model": str(Path(path).resolve()), "masks": str(kept),
            "layers": [{"name": name, **vars(formats.of(name))} for name in prepared.weighted]}))
        written = output or Path(folder) / f"{prepared.graph.name}.onnx"
        hook(request, written)
        if not written.is_file():
            raise QuantloomError(f"{prepared.graph.name}: the retraining wrote no {written.name}; "
                                 "its second argument is the file to write")
        found = load_retrained(written, prepared.weighted, input_grid=prepared.grid)
    loose = [layer.name for layer in found.layers if layer.name in masks
             and layer.zeros * layer.weights < layer.weights - masks[layer.name].sum()]
    if loose:
        raise QuantloomError(f"{loose[0]}: the retraining left weights that its masks set to zero; "
                             "hold them at zero while training")
    return replace(found, layers=tuple(
        replace(layer, pruned=pruned_share(masks, layer.name))
        for layer in found.layers))


def load_retrained(path: str | Path, layers: Sequence[str] = (), *,
                   input_grid: InputGrid | None = None) -> Quantised:
    """A quantised model that was trained elsewhere, without channels that do nothing.

    Parameters
    ----------
    path : path
        Any model that ``quantloom generate`` takes; a record of the QONNX graph is kept of ONNX.
    layers : sequence of str
        Names that its layers with weights must have; empty: any.
    input_grid : InputGrid or None
        As for :func:`quantloom.load`.

    Raises
    ------
    QuantloomError
        If it cannot be compiled, or its layers are others.
    """
    whole = load(path, input_grid=input_grid)
    network = compact(whole)
    before = [op for op in whole.ops if isinstance(op, Conv2d | Dense)]
    names = [op.name for op in before]
    if layers and sorted(names) != sorted(layers):
        raise QuantloomError(f"{path}: its layers are {', '.join(names)}; those of the float model "
                             f"are {', '.join(layers)}")
    left = {op.name: op for op in network.ops}
    model = onnx.load(str(path)) if str(path).endswith(".onnx") else onnx.ModelProto()
    return Quantised(network, tuple(_record(network, op, left.get(op.name)) for op in before),
                     model)


def _record(network: Network, before: Conv2d | Dense, after: Op | None) -> LayerRecord:
    left = after if isinstance(after, Conv2d | Dense) else None
    bits = None if left is None else _result_bits(network, left.name)
    return with_counts(LayerRecord(before.name, before.weight_type.bits, bits, "retrained"),
                       before.weights.shape[-1], left)


def _result_bits(network: Network, tensor: str) -> int | None:
    """Bits that a layer's sums are quantised to; None where that does not come next."""
    for op in network.consumers(tensor):
        if isinstance(op, Clip | Requantize | Threshold):
            return network.tensors[op.name].type.bits
        if isinstance(op, MaxPool):
            return _result_bits(network, op.name)
    return None
