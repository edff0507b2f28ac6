"""A float model to the integer network, at any widths."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from ..errors import QuantloomError
from ..frontends import InputGrid, load
from ..network import Conv2d, Dense, Network
from ..network.compact import compact
from .calibration import Tally, frames_for, measure
from .float_graph import FloatGraph, read_float
from .formats import INPUT, Formats
from .points import Point, find_points
from .prune import keep_masks, pruned_share
from .qonnx_graph import Grid, quantised_graph
from .records import LayerRecord, Quantised, with_counts
from .scales import activation_scale

__all__ = ["Prepared", "prepare", "quantise_model"]

Array = np.ndarray[Any, Any]
Update = Callable[..., None]


@dataclass(frozen=True, eq=False)
class Prepared:
    """A float model and what calibration showed of it; :meth:`quantise` is quick and repeatable.

    Parameters
    ----------
    graph : FloatGraph
    points : tuple of Point
        Tensors that are quantised.
    tallies : dict of str to Tally
        What was met in them; empty without calibration.
    grid : InputGrid or None
        The input's, if it was given.
    """

    graph: FloatGraph
    points: tuple[Point, ...]
    tallies: dict[str, Tally]
    grid: InputGrid | None = None

    @cached_property
    def layers(self) -> tuple[str, ...]:
        """Names of all that a format can be given for, in topological order."""
        weighted = {node.name for node in self.graph.weighted}
        owners = {point.layer for point in self.points}
        return ((INPUT,) if INPUT in owners else ()) + tuple(
            node.name for node in self.graph.nodes if node.name in weighted | owners)

    @cached_property
    def weighted(self) -> tuple[str, ...]:
        """Names of the layers with weights."""
        return tuple(node.name for node in self.graph.weighted)

    @cached_property
    def activated(self) -> frozenset[str]:
        """Names of the layers whose result is quantised."""
        return frozenset(point.layer for point in self.points)

    @cached_property
    def knobs(self) -> tuple[tuple[str, str], ...]:
        """Widths that can be chosen: (layer, ``weights`` or ``activations``)."""
        return tuple((name, which) for name in self.layers if name != INPUT
                     for which, where in (("weights", self.weighted),
                                          ("activations", self.activated)) if name in where)

    def masks(self, formats: Formats) -> dict[str, Array]:
        """Weights that pruning leaves, by layer; those of layers that lose none are left out."""
        return keep_masks(self.graph, formats, self.activated & set(self.weighted))

    def quantise(self, formats: Formats) -> Quantised:
        """The model at some widths.

        Parameters
        ----------
        formats : Formats

        Raises
        ------
        QuantloomError
            If a layer is unknown, calibration is missing, or (``UnsupportedError``) the model
            holds what cannot be compiled.
        """
        formats.require(self.layers)
        masks = self.masks(formats)
        own = {name: formats.of(name) for name in self.weighted}
        grids = self._grids(formats)
        model = quantised_graph(self.graph, grids, own, masks)
        network = _compiled(model, self.graph.name)
        return Quantised(network, tuple(_records(self, formats, masks, grids, network)), model)

    def _grids(self, formats: Formats) -> list[Grid]:
        grids, names = [], set(self.weighted)
        if self.grid is not None:
            grids.append(Grid(self.graph.input, "input_quant", self.grid.bits, self.grid.signed,
                              float(self.grid.scale), self.grid.zero_point))
        points = [p for p in self.points if self.grid is None or p.tensor != self.graph.input]
        if points and not self.tallies:
            raise QuantloomError(f"{self.graph.name}: the results of "
                                 f"{', '.join(dict.fromkeys(p.layer for p in points))} need "
                                 "calibration data to be quantised: give some inputs of the model")
        for point in points:
            peers = [p for p in points if p.group == point.group]
            forms = [formats.of(p.layer) for p in peers]
            bits = max(form.activations for form in forms)
            lo = min(self.tallies[p.tensor].lo for p in peers)
            hi = max(self.tallies[p.tensor].hi for p in peers)
            values = np.concatenate([self.tallies[p.tensor].values for p in peers])
            wrap = any(form.overflow == "wrap" for form in forms)
            # The input's grid is that of its range: what lies beyond is no input.
            scale = activation_scale(
                values, (lo, hi), lo < 0, bits, cover=wrap or INPUT in {p.layer for p in peers},
                power_of_two=any(form.power_of_two for form in forms))
            name = f"{point.layer}_act"
            while name in names:
                name = f"{name}_2"
            names.add(name)
            grids.append(Grid(point.tensor, name, bits, lo < 0, scale, 0,
                              wrap and point.layer != INPUT))
        return grids


def prepare(path: str | Path, calibration: Array | None = None, *,
            input_grid: InputGrid | None = None, update: Update = lambda *_: None) -> Prepared:
    """Read a float model and run calibration data through it.

    Parameters
    ----------
    path : path
        ``.onnx`` or ``.onnx.gz``.
    calibration : array or None
        Inputs of the model, (frames, *input shape). Not needed where no layer's result is
        quantised and the input's grid is given.
    input_grid : InputGrid or None
        The input's integers. None takes them from the calibration data: as many bits as the
        format of ``input`` says, over the range that was met.
    update : callable
        Told how many frames are done, and of how many.

    Raises
    ------
    QuantloomError
        If the file is not a usable float model, or the data does not fit it.
    """
    graph = read_float(Path(path))
    points = find_points(graph)
    tallies = {}
    if calibration is not None:
        frames = frames_for(graph, calibration, "the calibration data")
        tallies = measure(graph, [point.tensor for point in points], frames, update)
    return Prepared(graph, points, tallies, input_grid)


def quantise_model(path: str | Path, formats: Formats, calibration: Array | None = None, *,
                   input_grid: InputGrid | None = None,
                   update: Update = lambda *_: None) -> Quantised:
    """The integer network of a float ONNX model.

    Parameters
    ----------
    path : path
        ``.onnx`` or ``.onnx.gz``.
    formats : Formats
        What each layer is quantised to.
    calibration, input_grid, update
        As in :func:`prepare`, which is worth calling alone where many widths are tried.

    Returns
    -------
    Quantised
        The same for the same arguments.

    Raises
    ------
    QuantloomError
        If the file is not a usable float model, the data does not fit it, a layer is unknown, or
        (``UnsupportedError``) the model holds what cannot be compiled.
    """
    return prepare(path, calibration, input_grid=input_grid, update=update).quantise(formats)


def _compiled(model: onnx.ModelProto, name: str) -> Network:
    """The integer network of a QONNX graph, without channels that do nothing."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{name}.onnx"
        path.write_bytes(model.SerializeToString())
        return compact(load(path))


def _records(prepared: Prepared, formats: Formats, masks: dict[str, Array], grids: list[Grid],
             network: Network) -> list[LayerRecord]:
    bits = {point.layer: grid.bits for grid in grids for point in prepared.points
            if point.tensor == grid.tensor}
    ops = {op.name: op for op in network.ops if isinstance(op, Conv2d | Dense)}
    nodes = {node.name: node for node in prepared.graph.weighted}
    records = []
    for name in prepared.layers:
        form = formats.of(name)
        record = LayerRecord(name, None, bits.get(name), form.overflow,
                             power_of_two=form.power_of_two)
        if name in nodes:
            weights = prepared.graph.constants[nodes[name].input[1]]
            record = replace(record, weight_bits=form.weights, scale=form.scale,
                             pruned=pruned_share(masks, name))
            record = with_counts(record, weights.shape[prepared.graph.output_axis(nodes[name])],
                                 ops.get(name))
        records.append(record)
    return records
