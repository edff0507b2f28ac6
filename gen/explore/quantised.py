"""Versions of a float model: where quantisation and sweeps meet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

from ..errors import QuantloomError
from .model import Model, grid_arguments
from .sweep import ModelEntry

__all__ = ["quantised", "recorded", "traits_of"]

_SHORT = {"weights": "w", "activations": "a", "sparsity": "s", "channels-pruned": "c"}
"""How a format is written in a model's name."""


def quantised(entry: ModelEntry) -> list[Model]:
    """A float model at every combination of the formats of a sweep's entry.

    Parameters
    ----------
    entry : ModelEntry
        Results have the width of the weights where it says nothing of ``activations``.

    Raises
    ------
    QuantloomError
        If the file is not a float model, calibration is missing, or a format is none.
    """
    # onnxruntime and the front doors, for those who need them.
    from ..quantise import Format, Formats, prepare
    from ..quantise.calibration import read_array

    if not entry.file.exists():
        raise QuantloomError(f"{entry.file}: no such file or directory")
    data = None if entry.calibration is None else read_array(
        entry.calibration, ("calibration", "x", "images", "inputs"))
    prepared = prepare(entry.file, data, input_grid=entry.grid)
    models = []
    for values in product(*entry.formats.values()):
        given = dict(zip(entry.formats, values, strict=True))
        if "activations" not in given and "weights" in given:
            given["activations"] = given["weights"]
        fields = {key.replace("-", "_"): value for key, value in given.items()}
        done = prepared.quantise(Formats(Format.parse(fields, Format(), str(entry.file))))
        stem = entry.name or entry.file.name.split(".")[0]
        name = "-".join([stem, *(_named(key, value) for key, value in given.items())])
        done.network.name = _identifier(name)
        layers = done.to_json()["layers"]
        models.append(Model(
            name, done.network, {"network": stem, **traits_of(layers), **entry.traits},
            (f"{name}.qnet",), _command(entry, name, given), entry.file))
    return models


def _named(key: str, value: Any) -> str:
    if key in _SHORT:
        return f"{_SHORT[key]}{value:g}" if isinstance(value, int | float) else f"{key}-{value}"
    if isinstance(value, bool):
        return key if value else f"no-{key}"
    return str(value)


def _identifier(name: str) -> str:
    from ..frontends.names import Names

    return Names().take(name, "network")


def recorded(path: Path) -> dict[str, Any]:
    """Columns of a model from what ``quantloom quantise`` wrote into its file; else none."""
    if path.suffix != ".qnet" or not path.is_file():
        return {}
    from ..network.file import read_record

    layers = read_record(path).get("layers")
    return traits_of(layers) if layers else {}


def traits_of(layers: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Columns of a model from the record of its layers.

    Parameters
    ----------
    layers : sequence of mapping
        ``weight_bits``, ``activation_bits``, ``quantiser``, ``scale``, ``weights`` (their number)
        and ``pruned`` of each.
    """
    weighted = [layer for layer in layers if layer["weight_bits"] and layer["weights"]]
    number = sum(layer["weights"] for layer in weighted)
    traits: dict[str, Any] = {"quantiser": _quantiser(layers)}
    if number:
        traits["weight_bits"] = round(sum(layer["weights"] * layer["weight_bits"]
                                          for layer in weighted) / number, 2)
        traits["pruned"] = round(sum(layer["weights"] * layer["pruned"]
                                     for layer in weighted) / number, 4)
    bits = [layer["activation_bits"] for layer in weighted if layer["activation_bits"]]
    if bits:
        traits["activation_bits"] = round(sum(bits) / len(bits), 2)
    return traits


def _quantiser(layers: Sequence[Mapping[str, Any]]) -> str:
    """One word for a curve: what the layers with weights have in common."""
    kinds = {(layer["quantiser"], layer["scale"]) for layer in layers if layer["weight_bits"]}
    if any(kind == "retrained" for kind, _ in kinds):
        return "retrained"
    if len(kinds) != 1:
        return "mixed"
    ((kind, scale),) = kinds
    if scale != "channel":
        return str(kind)
    return "per channel" if kind == "saturate" else f"{kind}, per channel"


def _command(entry: ModelEntry, name: str, given: Mapping[str, Any]) -> tuple[str, ...]:
    """What writes the network file of a version."""
    options: list[str] = []
    for key, value in given.items():
        if isinstance(value, bool):
            options += [f"--{key}"] if value else []
        elif isinstance(value, float):
            options += [f"--{key}", f"{100 * value:g}%"]
        else:
            options += [f"--{key}", str(value)]
    if entry.calibration is not None:
        options += ["--calibration", str(entry.calibration)]
    return ("quantloom", "quantise", str(entry.file), "-o", f"{name}.qnet", *options,
            *grid_arguments(entry.grid))
