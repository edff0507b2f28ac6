"""The wafer-map classifier that Quantloom is measured on, as a QONNX file.

The shapes, bit widths and parameter count are those of a published accelerator: Pinzari,
Prost-Boucle, Rabache and Pétrot, "Inside the AI Accelerators: From High Performance to Energy
Efficiency", tables 4.1 and 4.4. Its weights are not published, so weights come from a seeded
generator, and the batch norms are set so that, on maps like those it is meant for, every layer's
activations use their whole range, as a trained network's do. The file is the same to the byte for
the same seed.

    python bench/wafer.py --onnx wafer.onnx
    python bench/wafer.py --onnx wafer.onnx --inputs maps.npy --frames 5 --report
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from quantloom.gen.frontends import load
from quantloom.gen.network import Conv2d, Dense, MaxPool, Network, Pad
from quantloom.gen.network.convert import inputs_to_integers
from quantloom.rtl_templates.types import IntType
from quantloom.sim import golden

__all__ = ["CLASSES", "LAYERS", "SIDE", "Layer", "wafer_inputs", "wafer_onnx"]

Array = np.ndarray[Any, Any]

SIDE = 224
"""Height and width of a map."""

CLASSES = 58
"""Classes: the defect patterns and their mixtures."""

CALIBRATION_FRAMES = 16

# Activations have 4 bits. Their mean and deviation before rounding and clipping, in steps: around
# a tenth of the outputs is then cut to 0 and a hundredth to 15.
_CENTRES = (5.0, 7.0)
_SPREADS = (3.5, 4.5)

_QONNX = "qonnx.custom_op.general"


@dataclass(frozen=True)
class Layer:
    """A convolution or, with a kernel of 0, a dense layer.

    Parameters
    ----------
    name, source : str
        Its nodes in the file begin with the name; the source is the node that it reads.
    kernel, stride : int
    same : bool
        Padded so that the output is the input's size over the stride, rounded up.
    outputs : int
    bits : int
        Of the weights; 1 is -1 and +1.
    macs : int
        Multiply-accumulates a frame in the published table.
    """

    name: str
    source: str
    kernel: int
    stride: int
    same: bool
    outputs: int
    bits: int
    macs: int


LAYERS = (
    Layer("conv1", "image", 7, 2, False, 32, 4, 18_629_408),
    Layer("b1", "pool1", 1, 1, False, 32, 1, 2_985_984),
    Layer("b2a", "pool1", 1, 1, False, 8, 1, 746_496),
    Layer("b2b", "b2a", 3, 1, True, 32, 1, 6_718_464),
    Layer("b3a", "pool1", 1, 1, False, 8, 1, 746_496),
    Layer("b3b", "b3a", 5, 1, True, 32, 1, 18_662_400),
    Layer("b4", "b4_pool", 1, 1, False, 32, 1, 2_985_984),
    Layer("conv3", "pool2", 1, 1, False, 12, 1, 1_119_744),
    Layer("conv4", "conv3", 3, 2, True, 116, 1, 2_455_488),
    Layer("conv5", "conv4", 3, 2, True, 116, 1, 5_934_096),
    Layer("dense", "conv5", 0, 1, False, CLASSES, 4, 329_672),
)
"""Layers with weights, in file order."""

# Pools and joins, each before the first layer that reads it: kernel, stride, padded to the size.
_POOLS = {"pool1": ("conv1", 2, 2, False), "b4_pool": ("pool1", 3, 1, True),
          "pool2": ("concat", 2, 2, False)}
_BRANCHES = ("b1", "b2b", "b3b", "b4")

# What is joined must be on one grid: the branches share the scale of their activations.
_SCALES = {"conv1": 0.19, "b2a": 0.23, "b3a": 0.27, "conv3": 0.17, "conv4": 0.31, "conv5": 0.13,
           **dict.fromkeys(_BRANCHES, 0.21)}


def wafer_inputs(frames: int, seed: int = 0) -> Array:
    """Wafer maps with random defects: 1 is a die that works, 0 one that fails, or no die.

    Returns
    -------
    array of float32, (frames, 1, 224, 224)
        0 and 1, in the layout of the model's input.
    """
    return np.stack([_wafer(np.random.default_rng([seed, k])) for k in range(frames)])[:, None]


def _wafer(rng: np.random.Generator) -> Array:
    """One map: dies of several pixels, failing by chance and by one or two patterns."""
    pitch = rng.integers(2, 8, 2)
    count = -(-SIDE // pitch)
    y, x = (((np.arange(n) + 0.5) * p - SIDE / 2) / (SIDE / 2 - 1)
            for n, p in zip(count, pitch, strict=True))
    radius = np.hypot(y[:, None], x[None, :])
    fails = np.full(radius.shape, rng.uniform(0.02, 0.25))
    for _ in range(rng.integers(1, 3)):
        fails = np.maximum(fails, _pattern(rng, y[:, None], x[None, :], radius))
    dies = (rng.random(radius.shape) >= fails) & (radius < 1)
    return dies.repeat(pitch[0], 0).repeat(pitch[1], 1)[:SIDE, :SIDE].astype(np.float32)


def _pattern(rng: np.random.Generator, y: Array, x: Array, radius: Array) -> Array:
    """Probability of failing under one of the known kinds of defect."""
    kind = rng.integers(5)
    strength = rng.uniform(0.5, 0.95)
    angle = rng.uniform(0, 2 * np.pi)
    if kind == 0:  # edge ring
        inside = radius > rng.uniform(0.8, 0.92)
    elif kind == 1:  # ring around the centre
        middle = rng.uniform(0.35, 0.6)
        inside = np.abs(radius - middle) < rng.uniform(0.1, 0.2)
    elif kind == 2:  # scratch
        along = np.cos(angle) * x + np.sin(angle) * y
        across = np.cos(angle) * y - np.sin(angle) * x + rng.uniform(-0.3, 0.3) * along**2
        inside = (np.abs(across - rng.uniform(-0.4, 0.4)) < 0.03) & (np.abs(along) < 0.6)
    else:  # a spot in the centre, or anywhere
        away = 0.0 if kind == 3 else rng.uniform(0.4, 0.9)
        distance = np.hypot(y - away * np.sin(angle), x - away * np.cos(angle))
        inside = distance < rng.uniform(0.15, 0.4)
    return np.where(inside, strength, 0.0)


class _Writer:
    """Writes the nodes and, beside them, computes the activations of the calibration maps."""

    def __init__(self, seed: int):
        self.seed = seed
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        frames = wafer_inputs(CALIBRATION_FRAMES, seed=seed + 1_000_003)
        self.values: dict[str, Array] = {"image": frames.transpose(0, 2, 3, 1).astype(np.int64)}
        self.scales = {"image": 1.0}
        self.tips = {"image": self.quant("image", "x", 1.0, 1, signed=False)}

    def const(self, name: str, value: Any) -> str:
        self.constants.append(numpy_helper.from_array(np.asarray(value, np.float32), name))
        return name

    def node(self, op: str, name: str, inputs: list[str], **attributes: Any) -> str:
        self.nodes.append(helper.make_node(op, inputs, [f"{name}_out"], name=name, **attributes))
        return f"{name}_out"

    def quant(self, name: str, source: str, scale: float, bits: int, *, signed: bool) -> str:
        """Quantise; what is signed leaves its lowest code out and has as many codes either way."""
        inputs = [source, *(self.const(f"{name}_{key}", value) for key, value in
                            (("scale", scale), ("zero", 0.0), ("bits", bits)))]
        return self.node("Quant", name, inputs, domain=_QONNX, signed=int(signed),
                         narrow=int(signed), rounding_mode="ROUND")

    def weights(self, layer: Layer, shape: tuple[int, ...]) -> tuple[str, Array, float]:
        """Node output, integers (channels last, outputs innermost) and scale of weights."""
        rng = np.random.default_rng([self.seed, LAYERS.index(layer)])
        scale = float(np.float32(1 / np.sqrt(np.prod(shape[1:]))))
        name = f"{layer.name}_weight"
        if layer.bits == 1:
            integers = 2 * rng.integers(0, 2, shape) - 1
            latent = integers * rng.uniform(0.1, 1.0, shape) * scale
            out = self.node("BipolarQuant", f"{name}_quant",
                            [self.const(name, latent), self.const(f"{name}_scale", scale)],
                            domain=_QONNX)
        else:
            peak = (1 << (layer.bits - 1)) - 1
            latent = np.clip(rng.normal(0, peak / 2.5, shape), -peak, peak)
            integers = np.rint(latent).astype(np.int64)
            out = self.quant(name, self.const(name, latent * scale), scale, layer.bits, signed=True)
            latent32 = np.asarray(latent * scale, np.float32) / np.float32(scale)
            assert np.array_equal(np.rint(latent32), integers)
        return out, integers, scale

    def conv(self, layer: Layer) -> None:
        """Convolution, batch norm, ReLU and the activation's quantiser."""
        x = self.values[layer.source]
        k, s = layer.kernel, layer.stride
        weight, integers, scale = self.weights(layer, (layer.outputs, x.shape[3], k, k))
        out = self.node("Conv", layer.name, [self.tips[layer.source], weight],
                        kernel_shape=[k, k], strides=[s, s],
                        auto_pad="SAME_UPPER" if layer.same else "VALID")
        if layer.same:
            x = _same(x, k, s)
        kind = IntType(4, signed=True) if layer.bits > 1 else IntType(1, bipolar=True)
        sums = golden.compute(Conv2d(
            name=layer.name, inputs=("x",), weights=integers.transpose(2, 3, 1, 0),
            weight_type=kind, stride=(s, s)), x)
        unit = scale * self.scales[layer.source]
        step = self.scales[layer.name] = _SCALES[layer.name]
        rng = np.random.default_rng([self.seed, LAYERS.index(layer), 1])
        # Exact sums: the statistics do not depend on the order of addition, or on the machine.
        flat = sums.reshape(-1, layer.outputs)
        mean = flat.sum(axis=0) / len(flat)
        variance = (flat * flat).sum(axis=0) / len(flat) - mean * mean
        numbers = {
            "gamma": rng.uniform(*_SPREADS, layer.outputs) * step,
            "beta": rng.uniform(*_CENTRES, layer.outputs) * step,
            "mean": mean * unit,
            "variance": variance * unit**2,
        }
        out = self.node("BatchNormalization", f"{layer.name}_norm",
                        [out, *(self.const(f"{layer.name}_{k}", v) for k, v in numbers.items())],
                        epsilon=1e-5)
        out = self.node("Relu", f"{layer.name}_relu", [out])
        self.tips[layer.name] = self.quant(f"{layer.name}_act", out, step, 4, signed=False)
        real = (sums * unit - numbers["mean"]) / np.sqrt(numbers["variance"] + 1e-5)
        real = (real * numbers["gamma"] + numbers["beta"]) / step
        self.values[layer.name] = np.clip(np.rint(real), 0, 15).astype(np.int64)

    def pool(self, name: str) -> None:
        source, k, s, same = _POOLS[name]
        self.tips[name] = self.node(
            "MaxPool", name, [self.tips[source]], kernel_shape=[k, k], strides=[s, s],
            auto_pad="SAME_UPPER" if same else "VALID")
        x = self.values[source]
        self.values[name] = golden.compute(
            MaxPool(name=name, inputs=("x",), kernel=(k, k), stride=(s, s)),
            _same(x, k, s) if same else x)
        self.scales[name] = self.scales[source]

    def concat(self, name: str) -> None:
        self.tips[name] = self.node("Concat", name, [self.tips[b] for b in _BRANCHES], axis=1)
        self.values[name] = np.concatenate([self.values[b] for b in _BRANCHES], axis=3)
        self.scales[name] = self.scales[_BRANCHES[0]]

    def dense(self, layer: Layer) -> str:
        """The classifier, its biases on the grid of its sums."""
        x = self.values[layer.source]
        flat = self.node("Flatten", "flatten", [self.tips[layer.source]])
        operands = int(np.prod(x.shape[1:]))
        weight, _, scale = self.weights(layer, (layer.outputs, operands))
        rng = np.random.default_rng([self.seed, LAYERS.index(layer), 1])
        unit = np.float32(scale * self.scales[layer.source])
        bias = self.const(f"{layer.name}_bias", rng.integers(-7, 8, layer.outputs) * unit)
        return self.node("Gemm", layer.name, [flat, weight, bias], transB=1)


def _same(x: Array, kernel: int, stride: int) -> Array:
    """Zeros around a map, the odd one below and to the right."""
    size = x.shape[1]
    need = max(0, (-(-size // stride) - 1) * stride + kernel - size)
    before, after = need // 2, need - need // 2
    return golden.compute(Pad(name="pad", inputs=("x",), pads=(before, before, after, after)), x)


def wafer_onnx(path: str | Path, seed: int = 0) -> Path:
    """Write the network as a QONNX file, the same to the byte for the same seed.

    Returns
    -------
    Path
        The file.
    """
    writer = _Writer(seed)
    output = ""
    for layer in LAYERS:
        if layer.name == "conv3":
            writer.concat("concat")
        if layer.source in _POOLS and layer.source not in writer.tips:
            writer.pool(layer.source)
        if layer.kernel:
            writer.conv(layer)
        else:
            output = writer.dense(layer)
    graph = helper.make_graph(
        writer.nodes, "wafer",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, (1, 1, SIDE, SIDE))],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, (1, CLASSES))],
        writer.constants)
    model = helper.make_model(graph, ir_version=8, producer_name="quantloom-bench",
                              opset_imports=[helper.make_opsetid("", 13),
                                             helper.make_opsetid(_QONNX, 1)])
    path = Path(path)
    path.write_bytes(model.SerializeToString(deterministic=True))
    return path


def activations(network: Network, frames: Array) -> dict[str, dict[str, Any]]:
    """How the activations of each layer are spread over maps that it was not calibrated on.

    Returns
    -------
    dict of str to dict
        By layer: ``histogram`` (share of each code), ``dead`` (channels that are always 0),
        ``stuck`` (channels that never change) and ``saturated`` (share at the highest code).
    """
    tensors = golden.run(network, inputs_to_integers(network, frames), keep=True)
    result: dict[str, dict[str, Any]] = {}
    for layer in LAYERS[:-1]:
        flat = tensors[f"{layer.name}_act"].reshape(-1, layer.outputs)
        histogram = np.bincount(flat.ravel(), minlength=16) / flat.size
        result[layer.name] = {
            "histogram": histogram, "dead": int((flat.max(axis=0) == 0).sum()),
            "stuck": int((flat.max(axis=0) == flat.min(axis=0)).sum()),
            "saturated": float(histogram[15]),
        }
    logits = tensors[network.output].reshape(len(frames), -1)
    result["dense"] = {"range": (int(logits.min()), int(logits.max())),
                       "classes": len(set(logits.argmax(axis=1).tolist()))}
    return result


def _report(path: Path, frames: Array) -> None:
    network = load(path)
    macs = {op.name: op.macs(*network.inputs_of(op)) for op in network.ops
            if isinstance(op, Conv2d | Dense)}
    spread = activations(network, frames)
    print(f"{'layer':6} {'MACs':>11} {'dead':>5} {'stuck':>6}  share of the codes 0 to 15, in %")
    for layer in LAYERS:
        if macs[layer.name] != layer.macs:
            raise SystemExit(f"{layer.name} has {macs[layer.name]} MACs, not {layer.macs}")
        entry = spread[layer.name]
        if layer.kernel:
            shares = " ".join(f"{100 * share:4.1f}" for share in entry["histogram"])
            print(f"{layer.name:6} {layer.macs:11,} {entry['dead']:5} {entry['stuck']:6}  {shares}")
        else:
            low, high = entry["range"]
            print(f"{layer.name:6} {layer.macs:11,}  sums {low} to {high}, "
                  f"{entry['classes']} classes among {len(frames)} maps")
    weights = sum(op.weights.size for op in network.ops if isinstance(op, Conv2d | Dense))
    biases = sum(layer.outputs for layer in LAYERS)
    print(f"{weights:,} weights and {biases} biases: {weights + biases:,} parameters; "
          f"{sum(macs.values()):,} MACs a frame")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--onnx", type=Path, required=True, metavar="FILE", help="file to write")
    parser.add_argument("--seed", type=int, default=0, help="of the weights (default 0)")
    parser.add_argument("--inputs", type=Path, metavar="FILE.npy", help="write maps, too")
    parser.add_argument("--frames", type=int, default=5, help="maps to write (default 5)")
    parser.add_argument("--report", action="store_true",
                        help="load the file and print how its activations are spread")
    arguments = parser.parse_args()
    wafer_onnx(arguments.onnx, arguments.seed)
    if arguments.inputs is not None:
        np.save(arguments.inputs, wafer_inputs(arguments.frames, arguments.seed))
    if arguments.report:
        _report(arguments.onnx, wafer_inputs(16, arguments.seed + 1))


if __name__ == "__main__":
    main()
