"""Train a float digit classifier, and retrain it at given bit widths with Brevitas.

``python train_bits.py --out DIR`` trains the float model and writes ``float.onnx`` and
``data.npz`` (images to calibrate and to choose widths with) into ``DIR``.

``python train_bits.py REQUEST.json OUT.onnx`` is the hook of ``quantloom quantise --retrain``: the
request says how many bits each layer has and which weights stay, and names the float model; what
is written is a QONNX graph with the same layers.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import brevitas.nn as qnn
import numpy as np
import onnx
import torch
from brevitas.export import export_qonnx
from brevitas.quant import Int8WeightPerChannelFloat, Uint8ActPerTensorFloat
from onnx import numpy_helper
from torch import nn

# The images, how they are distorted and the training loop are those of the other example.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "digits"))
import train as digits

LAYERS = {"conv1": (1, 16, 3), "conv2": (16, 32, 3), "conv3": (32, 32, 1)}
"""Inputs, outputs and side of the kernel of the convolutions."""

DENSE = (4 * 32, digits.CLASSES)
CALIBRATION = 256
"""Images of the training part that go into the data file."""


class BitsNet(nn.Module):
    """Three convolutions and a dense layer, in floats or with quantisers.

    Parameters
    ----------
    bits : dict of str to (int, int) or None
        Bits of weights and results by layer; None gives the float model.
    """

    def __init__(self, bits=None):
        super().__init__()
        self.input = qnn.QuantIdentity(act_quant=digits.InputGrid) if bits else nn.Identity()
        for name, (cin, cout, kernel) in LAYERS.items():
            shape = {"kernel_size": kernel, "padding": kernel // 2, "bias": False}
            if bits is None:
                conv, act = nn.Conv2d(cin, cout, **shape), nn.ReLU()
            else:
                weights, results = bits[name]
                conv = qnn.QuantConv2d(cin, cout, **shape, weight_quant=weight_quantiser(weights))
                act = qnn.QuantReLU(act_quant=type("Act", (Uint8ActPerTensorFloat,),
                                                   {"bit_width": results}))
            setattr(self, name, conv)
            setattr(self, f"{name}_bn", nn.BatchNorm2d(cout))
            setattr(self, f"{name}_relu", act)
        self.pool1, self.pool2 = nn.MaxPool2d(2), nn.MaxPool2d(2)
        self.dense = nn.Linear(*DENSE) if bits is None else qnn.QuantLinear(
            *DENSE, bias=True, weight_quant=weight_quantiser(bits["dense"][0]))

    def forward(self, x):
        """Return the logits of a batch of images with shape (n, 1, 8, 8)."""
        x = self.input(x)
        for name in LAYERS:
            x = getattr(self, name)(x)
            x = getattr(self, f"{name}_relu")(getattr(self, f"{name}_bn")(x))
            x = self.pool1(x) if name == "conv1" else x
        return self.dense(torch.flatten(self.pool2(x), 1))


def weight_quantiser(bits):
    """Brevitas's quantiser of weights: -1 and +1 with one bit, else symmetric by channel."""
    if bits == 1:
        return digits.BinaryWeight
    return type("Weight", (Int8WeightPerChannelFloat,), {"bit_width": bits})


def initialise(net, path):
    """Give a network the parameters of the float model in an ONNX file.

    Batch norms were folded by the export, so they begin with their shift alone.
    """
    constants = {t.name: numpy_helper.to_array(t).copy() for t in onnx.load(path).graph.initializer}
    state = net.state_dict()
    for name in (*LAYERS, "dense"):
        state[f"{name}.weight"] = torch.tensor(constants[f"{name}.weight"])
    for name in LAYERS:
        for field in ("weight", "bias", "running_mean", "running_var"):
            state[f"{name}_bn.{field}"] = torch.tensor(constants[f"{name}_bn.{field}"])
    state["dense.bias"] = torch.tensor(constants["dense.bias"])
    # Scales of results are learned: they are not there before the first images were seen.
    net.load_state_dict(state, strict=False)


def hold(net, masks):
    """Keep pruned weights at zero through the training, and outputs without any with them."""
    for name, mask in masks.items():
        keep = torch.tensor(mask)
        alive = keep.flatten(1).any(dim=1)
        norm = getattr(net, f"{name}_bn", None)

        def clear(module, _inputs, keep=keep, alive=alive, norm=norm):
            with torch.no_grad():
                module.weight.mul_(keep)
                if norm is not None:
                    norm.bias.mul_(alive)
                    norm.running_mean.mul_(alive)

        getattr(net, name).register_forward_pre_hook(clear)


def train_float(folder, epochs):
    """Train the float model; write it and the data beside it."""
    data = digits.load_split()
    net = BitsNet()
    digits.train(net, data, epochs)
    folder.mkdir(parents=True, exist_ok=True)
    # Batch norms stay nodes of their own: the retrained model begins with them.
    torch.onnx.export(net, torch.zeros(1, 1, 8, 8), str(folder / "float.onnx"), dynamo=False,
                      do_constant_folding=False, training=torch.onnx.TrainingMode.PRESERVE,
                      input_names=["image"], output_names=["logits"])
    clean(folder / "float.onnx")
    images = {name: pixels.numpy() * np.float32(digits.INPUT_SCALE)
              for name, (pixels, _) in data.items()}
    np.savez_compressed(
        folder / "data.npz", calibration=images["train"][:CALIBRATION], images=images["val"],
        labels=data["val"][1].numpy().astype(np.uint8))
    print(f"float model, held-out images: {digits.evaluate(net, *data['test'])[0]:.4f}")


def retrain(request_file, output, epochs):
    """Train at the widths of a request, from the float model on."""
    request = json.loads(request_file.read_text())
    layers = {layer["name"]: layer for layer in request["layers"]}
    net = BitsNet({name: (layers[name]["weights"], layers[name]["activations"])
                   for name in (*LAYERS, "dense")})
    initialise(net, request["model"])
    with np.load(request["masks"]) as masks:
        hold(net, dict(masks))
    data = digits.load_split()
    digits.train(net, data, epochs, learning_rate=2e-3)
    export_qonnx(net, args=torch.zeros(1, 1, 8, 8), export_path=str(output), dynamo=False)
    clean(output)


def clean(path):
    """Leave out of a file what depends on where it was made."""
    model = onnx.load(path)
    for node in model.graph.node:
        node.doc_string = ""
        del node.metadata_props[:]
    onnx.save(model, path)


def main():
    """Train the float model, or retrain by a request."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("request", type=Path, nargs="?", help="what 'quantloom quantise' asks for")
    parser.add_argument("output", type=Path, nargs="?", help="QONNX file to write")
    parser.add_argument("--out", type=Path, help="train the float model and write it here")
    parser.add_argument("--epochs", type=int, help="default: 100 in floats, 80 at given widths")
    options = parser.parse_args()
    if bool(options.out) == bool(options.output):
        parser.error("give either --out DIR, or REQUEST.json and OUT.onnx")
    # The number of threads is fixed with the seed: it decides the order of summation.
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(digits.SEED)
    if options.out:
        train_float(options.out, options.epochs or 100)
    else:
        retrain(options.request, options.output, options.epochs or 80)


if __name__ == "__main__":
    main()
