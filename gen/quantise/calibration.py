"""Calibration: what a float model's tensors hold for real inputs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from ..errors import QuantloomError
from ..stored import array_damage
from .float_graph import FloatGraph

__all__ = ["Tally", "frames_for", "measure", "read_array"]

Array = np.ndarray[Any, Any]
Update = Callable[..., None]

# Elements of a tensor that are kept to choose a scale by; of more, evenly spread ones.
_KEPT = 1 << 16


@dataclass(frozen=True, eq=False)
class Tally:
    """What was met in one tensor.

    Parameters
    ----------
    values : array of float32, (n,)
        Elements, evenly spread over those of all frames where there are many.
    lo, hi : float
        Smallest and largest element of all.
    """

    values: Array
    lo: float
    hi: float


def read_array(path: Path, names: Sequence[str] = ("x", "images", "inputs"), *,
               strict: bool = False) -> Array:
    """The array in an ``.npy`` file, or that of an ``.npz`` file that has one of some names.

    Parameters
    ----------
    path : path
        ``FILE:NAME`` takes the array of that name.
    names : sequence of str
        Tried in this order where the path gives none.
    strict : bool
        An array of another name is not taken, even if it is the only one.

    Raises
    ------
    QuantloomError
        If the file cannot be read, or it is not clear which array is meant.
    """
    file, _, key = str(path).partition(":") if not path.exists() else (str(path), "", "")
    try:
        with array_damage():
            stored = np.load(file, allow_pickle=False)
        if isinstance(stored, np.ndarray):
            if strict:
                raise QuantloomError(f"{file}: give an .npz file with an array {names[0]!r}")
            return stored
        with stored, array_damage():
            there = list(stored)
            only = there if len(there) == 1 and not strict else []
            wanted = [key] if key else [name for name in (*names, *only) if name in there]
            if not wanted or wanted[0] not in there:
                raise QuantloomError(f"{file}: it holds the arrays {', '.join(there) or 'none'}, "
                                     f"not {key or ' or '.join(names)}; say which: {file}:NAME")
            return np.asarray(stored[wanted[0]])
    except OSError as error:
        raise QuantloomError(f"{file}: cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise QuantloomError(f"{file}: not an .npy or .npz file of numbers: {error}") from error


def frames_for(graph: FloatGraph, array: Array, what: str) -> Array:
    """An array as inputs of a model, float32 of shape (frames, 1, ...).

    Parameters
    ----------
    graph : FloatGraph
    array : array
        Of the model's input shape with any number of frames in front; axes of size 1 may be
        missing.
    what : str
        What the array is, for errors.

    Raises
    ------
    QuantloomError
        If the shape or type does not fit, there is no frame, or an element is not finite.
    """
    array = np.asarray(array)
    want = tuple(n for n in graph.input_shape if n != 1)
    got = array.shape[:1] + tuple(n for n in array.shape[1:] if n != 1)
    if array.ndim < 1 or got[1:] != want:
        shown = ", ".join(map(str, graph.input_shape[1:] or graph.input_shape))
        raise QuantloomError(f"{what} must have the shape (frames, {shown}) of the model's input, "
                             f"not {array.shape}")
    if array.dtype.kind not in "iufb" or not len(array):
        raise QuantloomError(f"{what} must be at least one frame of numbers, not {len(array)} of "
                             f"{array.dtype}")
    bad = ~np.isfinite(array)
    if bad.any():
        where = tuple(int(i) for i in np.argwhere(bad)[0])
        raise QuantloomError(f"{what}: frame {where[0]} holds {array[where]} at {where[1:]}; "
                             "remove what is not finite")
    return array.astype(np.float32).reshape(len(array), *graph.input_shape)


def measure(graph: FloatGraph, tensors: Sequence[str], frames: Array,
            update: Update = lambda *_: None) -> dict[str, Tally]:
    """Run the float model and collect the elements of tensors.

    Parameters
    ----------
    graph : FloatGraph
    tensors : sequence of str
        Computed ones, or the input.
    frames : array of float32, (frames, *input shape)
    update : callable
        Told how many frames are done, and of how many.

    Raises
    ------
    QuantloomError
        If onnxruntime cannot run the model, or a tensor is not finite.
    """
    found: dict[str, list[Array]] = {name: [] for name in tensors}
    peaks = {name: (np.inf, -np.inf) for name in tensors}
    for k, results in enumerate(run_float(graph, tensors, frames)):
        update(k, len(frames))
        for name, result in zip(tensors, results, strict=True):
            flat = np.ravel(result)
            if not np.isfinite(flat).all():
                raise QuantloomError(f"{graph.name}: {name} is not finite for frame {k} of the "
                                     "calibration data; repair the model or the data")
            lo, hi = peaks[name]
            peaks[name] = min(lo, float(flat.min())), max(hi, float(flat.max()))
            # A step that is odd meets all channels and columns of the usual, even, sizes.
            step = max(1, flat.size * len(frames) // _KEPT) | 1
            found[name].append(flat[k % step :: step])
    return {name: Tally(np.concatenate(parts), *peaks[name]) for name, parts in found.items()}


def run_float(graph: FloatGraph, tensors: Sequence[str], frames: Array) -> Any:
    """The values of tensors, frame by frame, as onnxruntime computes them."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    computed = [name for name in tensors if name != graph.input]
    try:
        session = onnxruntime.InferenceSession(
            graph.model(tuple(computed) or graph.outputs).SerializeToString(), options,
            providers=["CPUExecutionProvider"])
        for frame in frames:
            results = iter(session.run(computed or None, {graph.input: frame}))
            yield [frame if name == graph.input else next(results) for name in tensors]
    except Exception as error:  # onnxruntime's exceptions have no common base
        if isinstance(error, QuantloomError):
            raise
        reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise QuantloomError(f"{graph.name}: onnxruntime cannot run it: {reason}") from None
