"""Which weights of a float model are set to zero."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from ..errors import QuantloomError
from .float_graph import FloatGraph
from .formats import Formats

__all__ = ["keep_masks", "pruned_share"]

Array = np.ndarray[Any, Any]


def keep_masks(graph: FloatGraph, formats: Formats, inner: Collection[str]) -> dict[str, Array]:
    """Weights that stay, by layer, for the layers that lose some.

    The smallest magnitudes of a layer go first, and the outputs with the smallest mean magnitude;
    of equals the first.

    Parameters
    ----------
    graph : FloatGraph
    formats : Formats
    inner : collection of str
        Layers whose outputs may be removed: those that make the model's output keep them.

    Returns
    -------
    dict of str to array of bool
        Of the weights' shapes.

    Raises
    ------
    QuantloomError
        If a layer that makes the model's output is to lose some of it.
    """
    masks = {}
    for node in graph.weighted:
        form = formats.of(node.name)
        if form.channels_pruned and node.name not in inner and node.name in formats.layers:
            raise QuantloomError(f"{node.name}: its outputs are the model's, and cannot be pruned; "
                                 f"there are {', '.join(sorted(inner)) or 'no others'}")
        weights = graph.constants[node.input[1]]
        axis = graph.output_axis(node)
        magnitude = np.abs(np.moveaxis(weights, axis, 0).astype(np.float64))
        keep = np.ones(magnitude.shape, bool)
        if form.channels_pruned and node.name in inner:
            order = np.argsort(magnitude.reshape(len(keep), -1).sum(axis=1), kind="stable")
            keep[order[: int(form.channels_pruned * len(keep))]] = False
        order = np.argsort(magnitude, axis=None, kind="stable")
        keep.ravel()[order[: int(form.sparsity * keep.size)]] = False
        if not keep.all():
            masks[node.name] = np.ascontiguousarray(np.moveaxis(keep, 0, axis))
    return masks


def pruned_share(masks: Mapping[str, Array], layer: str) -> float:
    """Share of a layer's weights that masks take away."""
    return 1 - float(masks[layer].mean()) if layer in masks else 0.0
