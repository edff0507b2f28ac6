"""A model on this machine's processor, through the runtime that its format is made for."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import QuantloomError
from ..network.convert import random_frames
from .model import Model
from .platforms import Platform

__all__ = ["measure_cpu"]

Array = np.ndarray[Any, Any]

SECONDS = 1.0
"""That a measurement takes, after a first run that is not counted."""

_FRAMES = 16
"""Different frames that go round."""


def measure_cpu(model: Model, frames: Array | None = None, seconds: float = SECONDS) -> Platform:
    """Images a second of a model on this machine, one image at a time.

    Parameters
    ----------
    model : Model
    frames : array of int, (frames, height, width, channels), or None
        Of the network's input tensor; None: random ones.
    seconds : float

    Returns
    -------
    Platform
        Without figures where the model has no file that a runtime takes; the note says why.
    """
    name = f"this machine: {_processor()}, {os.cpu_count()} threads"
    try:
        if model.file is None:
            raise QuantloomError("it came from a design, which no runtime takes")
        runtime, run, dtype = _open(model.file)
        network = model.network
        integers = (random_frames(network, _FRAMES) if frames is None
                    else np.asarray(frames)[:_FRAMES])
        inputs = [_source(model, integers[k : k + 1], dtype) for k in range(len(integers))]
        outputs = [run(x) for x in inputs]
    except QuantloomError as problem:
        return Platform(name=name, network=model.name, note=str(problem), kind="measured")
    except Exception as problem:  # a runtime's own: what it cannot do is no fault of the sweep
        text = " ".join(str(problem).split())[:200]
        return Platform(name=name, network=model.name, kind="measured",
                        note=f"not run: {type(problem).__name__}: {text}")
    times: list[float] = []
    started = time.perf_counter()
    while (now := time.perf_counter()) - started < seconds:
        run(inputs[len(times) % len(inputs)])
        times.append(time.perf_counter() - now)
    return Platform(
        name=name, network=model.name, images_per_second=1 / float(np.mean(times)),
        latency_ms=1000 * float(np.median(times)),
        source=f"{runtime}, measured in this run, batch 1",
        note=_agreement(network, integers, outputs), kind="measured")


def _processor() -> str:
    """What the processor calls itself."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _open(file: Path) -> tuple[str, Callable[[Array], Array], np.dtype[Any]]:
    """The runtime's name, one run, and the type that the input has."""
    from ..frontends import door

    return _tflite(file) if door(file) == "TFLite" else _onnx(file)


def _onnx(file: Path) -> tuple[str, Callable[[Array], Array], np.dtype[Any]]:
    import onnxruntime

    from .standard import to_standard

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(to_standard(file), options,
                                           providers=["CPUExecutionProvider"])
    (feed,) = session.get_inputs()
    kind = feed.type.removeprefix("tensor(").removesuffix(")")
    dtype = np.dtype({"float": "float32", "double": "float64"}.get(kind, kind))
    shape = [size if isinstance(size, int) else 1 for size in feed.shape]

    def run(x: Array) -> Array:
        return np.asarray(session.run(None, {feed.name: x.reshape(shape)})[0])

    return f"onnxruntime {version('onnxruntime')}", run, dtype


def _tflite(file: Path) -> tuple[str, Callable[[Array], Array], np.dtype[Any]]:
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError:
        raise QuantloomError("not run: TensorFlow Lite is not installed; "
                             "pip install ai-edge-litert") from None
    interpreter = Interpreter(model_path=str(file), num_threads=os.cpu_count())
    interpreter.allocate_tensors()
    (feed,), (sink, *_) = interpreter.get_input_details(), interpreter.get_output_details()

    def run(x: Array) -> Array:
        interpreter.set_tensor(feed["index"], x.reshape(feed["shape"]))
        interpreter.invoke()
        return np.asarray(interpreter.get_tensor(sink["index"]))

    return f"LiteRT {version('ai-edge-litert')}", run, np.dtype(feed["dtype"])


def _source(model: Model, integers: Array, dtype: np.dtype[Any]) -> Array:
    """A frame as the model's own input."""
    end = model.network.source_input
    assert end is not None
    source = integers.reshape(1, -1)[:, end.order]
    if np.issubdtype(dtype, np.floating):
        source = np.asarray(end.scale * (source - end.zero_point), np.float64)
    return np.ascontiguousarray(source.astype(dtype))


def _agreement(network: Any, integers: Array, outputs: list[Array]) -> str:
    """Whether the runtime computed the same: it rounds where the golden model is exact."""
    from ...sim import golden
    from ...sim.accuracy import classes_of

    try:
        ours = classes_of(network, golden.run(network, integers)[network.output])
    except QuantloomError:
        return ""
    theirs = [int(y.ravel()[0] if y.size == 1 else y.reshape(-1).argmax()) for y in outputs]
    same = sum(int(a == b) for a, b in zip(ours, theirs, strict=True))
    return f"the golden model's class on {same} of {len(theirs)} frames"
