"""Train the digit classifier and export it as QONNX.

The network classifies the 8x8 digit images that ship with scikit-learn. It is small on
purpose, but it has what a streaming accelerator finds difficult: a four-way fork that joins
again in a concatenation, binary next to 4-bit weights, max pools with and without overlap, and
a dense layer behind a feature map of more than one pixel.

Run ``python train.py --out DIR``. It writes ``digits.onnx`` (the cleaned QONNX graph) and
``digits_test.npz`` (the held-out images, their labels, and the logits that executing the graph
gives) into ``DIR``.
"""

from __future__ import annotations

import argparse
import copy
import math
import tempfile
import time
from pathlib import Path

import brevitas.nn as qnn
import numpy as np
import onnx
import torch
from brevitas.core.restrict_val import RestrictValueType
from brevitas.core.scaling import ScalingImplType
from brevitas.export import export_qonnx
from brevitas.quant import (
    Int8WeightPerChannelFloat,
    Int8WeightPerTensorFloat,
    SignedBinaryWeightPerTensorConst,
    Uint8ActPerTensorFloat,
)
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.core.onnx_exec import execute_onnx
from qonnx.util.cleanup import cleanup_model
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.nn import functional

SEED = 0
CLASSES = 10
PIXEL_MAX = 16
INPUT_SCALE = 1.0 / 16.0
BRANCH_SCALE = 0.25


class ConvWeight(Int8WeightPerChannelFloat):
    """Signed narrow-range 4-bit weights with one scale for each output channel."""

    bit_width = 4


class DenseWeight(Int8WeightPerTensorFloat):
    """Signed narrow-range 4-bit weights with one scale for the whole tensor.

    A single scale (and no bias) keeps the order of the logits that of the integer
    accumulators, so the class can be read off them directly.
    """

    bit_width = 4


class BinaryWeight(SignedBinaryWeightPerTensorConst):
    """Weights of plus or minus a constant.

    The batch normalisation that follows every binary layer absorbs the constant. A power of
    two keeps sums of products exact in float32.
    """

    scaling_const = 0.125


class InputGrid(Uint8ActPerTensorFloat):
    """The grid of the pixels: q / 16 for q in 0..31, of which the images use 0..16."""

    bit_width = 5
    scaling_impl_type = ScalingImplType.CONST
    restrict_scaling_type = RestrictValueType.FP
    # The quantiser divides this by the largest code, which gives INPUT_SCALE exactly.
    scaling_init = 31 * INPUT_SCALE


class LearnedAct(Uint8ActPerTensorFloat):
    """Unsigned 4-bit activation with a learned scale."""

    bit_width = 4


class BranchAct(Uint8ActPerTensorFloat):
    """Unsigned 4-bit activation with a constant scale.

    The ends of all four branches use it: only values of one grid can be concatenated as
    integers.
    """

    bit_width = 4
    scaling_impl_type = ScalingImplType.CONST
    restrict_scaling_type = RestrictValueType.FP
    scaling_init = 15 * BRANCH_SCALE


class ConvBlock(nn.Module):
    """Convolution, batch normalisation and quantised ReLU.

    Parameters
    ----------
    cin, cout : int
        Number of input and output channels.
    kernel : int
        Side of the square kernel. Zeros are padded so that the image keeps its size.
    weight_quant, act_quant : type
        Brevitas quantisers of the weights and of the activation.
    """

    def __init__(self, cin, cout, kernel, weight_quant=BinaryWeight, act_quant=LearnedAct):
        super().__init__()
        self.conv = qnn.QuantConv2d(
            cin, cout, kernel, padding=kernel // 2, bias=False, weight_quant=weight_quant
        )
        self.bn = nn.BatchNorm2d(cout)
        self.act = qnn.QuantReLU(act_quant=act_quant)

    def forward(self, x):
        """Apply the block to a batch of feature maps."""
        return self.act(self.bn(self.conv(x)))


class DigitNet(nn.Module):
    """Digit classifier with one inception block; see the README for the architecture."""

    def __init__(self):
        super().__init__()
        self.input = qnn.QuantIdentity(act_quant=InputGrid)
        self.conv1 = ConvBlock(1, 16, 3, weight_quant=ConvWeight)
        self.pool1 = nn.MaxPool2d(2)
        self.b1 = ConvBlock(16, 16, 1, act_quant=BranchAct)
        self.b2a = ConvBlock(16, 8, 1)
        self.b2b = ConvBlock(8, 16, 3, act_quant=BranchAct)
        self.b3a = ConvBlock(16, 8, 1)
        self.b3b = ConvBlock(8, 16, 5, act_quant=BranchAct)
        self.b4_pool = nn.MaxPool2d(3, stride=1, padding=1)
        self.b4 = ConvBlock(16, 16, 1, act_quant=BranchAct)
        self.pool2 = nn.MaxPool2d(2)
        self.conv3 = ConvBlock(64, 32, 1)
        self.dense = qnn.QuantLinear(4 * 32, CLASSES, bias=False, weight_quant=DenseWeight)

    def forward(self, x):
        """Return the logits of a batch of images with shape (n, 1, 8, 8)."""
        x = self.pool1(self.conv1(self.input(x)))
        branches = (
            self.b1(x),
            self.b2b(self.b2a(x)),
            self.b3b(self.b3a(x)),
            self.b4(self.b4_pool(x)),
        )
        x = self.conv3(self.pool2(torch.cat(branches, dim=1)))
        return self.dense(torch.flatten(x, 1))


def load_split():
    """Load the digits and split them into training, validation and test part.

    The test part is a fifth of all images; the validation part, on which the checkpoint is
    chosen, is taken out of the rest.

    Returns
    -------
    dict of str to tuple of (torch.Tensor, torch.Tensor)
        Under ``train``, ``val`` and ``test`` the pixels as floats 0..16 with shape
        (n, 1, 8, 8), and the labels.
    """
    digits = load_digits()
    rest_x, test_x, rest_y, test_y = train_test_split(
        digits.images, digits.target, test_size=0.2, random_state=0, stratify=digits.target
    )
    train_x, val_x, train_y, val_y = train_test_split(
        rest_x, rest_y, test_size=0.15, random_state=1, stratify=rest_y
    )
    parts = {"train": (train_x, train_y), "val": (val_x, val_y), "test": (test_x, test_y)}
    return {
        name: (torch.tensor(x, dtype=torch.float32).unsqueeze(1), torch.tensor(y))
        for name, (x, y) in parts.items()
    }


def augment(pixels):
    """Shift, turn, scale and shear images at random, and round back to the pixel grid.

    Parameters
    ----------
    pixels : torch.Tensor
        Images with values 0..16.

    Returns
    -------
    torch.Tensor
        Distorted images of the same shape, again with integers 0..16.
    """
    n = len(pixels)

    def uniform(limit):
        return (torch.rand(n) * 2 - 1) * limit

    angle = uniform(math.radians(12))
    scale_x, scale_y = 1 + uniform(0.12), 1 + uniform(0.12)
    shear = uniform(0.15)
    # In affine_grid's units the image is 2 wide, so a quarter is one pixel.
    shift_x, shift_y = uniform(0.25), uniform(0.25)
    cos, sin = torch.cos(angle), torch.sin(angle)
    theta = torch.stack(
        [
            torch.stack([cos * scale_x, -sin * scale_y + shear, shift_x], dim=1),
            torch.stack([sin * scale_x, cos * scale_y, shift_y], dim=1),
        ],
        dim=1,
    )
    grid = functional.affine_grid(theta, list(pixels.shape), align_corners=False)
    warped = functional.grid_sample(pixels, grid, align_corners=False)
    return warped.round().clamp(0, PIXEL_MAX)


@torch.no_grad()
def evaluate(net, pixels, labels):
    """Return accuracy and mean cross entropy of `net` in inference mode."""
    net.eval()
    logits = net(pixels * INPUT_SCALE)
    accuracy = (logits.argmax(1) == labels).float().mean().item()
    return accuracy, functional.cross_entropy(logits, labels).item()


def train(net, data, epochs, batch=64, learning_rate=4e-3):
    """Train `net` and leave the best checkpoint of the validation part in it.

    Parameters
    ----------
    net : DigitNet
        The network; changed in place.
    data : dict
        As `load_split` returns it. The test part is not touched.
    epochs, batch : int
        Number of passes over the training part, and images in a step.
    learning_rate : float
        Peak of the one-cycle schedule.
    """
    pixels, labels = data["train"]
    steps = len(pixels) // batch
    optimizer = torch.optim.AdamW(net.parameters(), lr=learning_rate, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=learning_rate, total_steps=epochs * steps
    )
    best_key, best_state = None, None
    for epoch in range(epochs):
        net.train()
        order = torch.randperm(len(pixels))
        total = 0.0
        for step in range(steps):
            pick = order[step * batch : (step + 1) * batch]
            logits = net(augment(pixels[pick]) * INPUT_SCALE)
            loss = functional.cross_entropy(logits, labels[pick], label_smoothing=0.05)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item()
        # Binary weights still flip often before the learning rate has decayed, so checkpoints
        # are only worth comparing late.
        if epoch >= epochs // 2:
            accuracy, val_loss = evaluate(net, *data["val"])
            key = (accuracy, -val_loss)
            if best_key is None or key > best_key:
                best_key, best_state = key, copy.deepcopy(net.state_dict())
                print(f"epoch {epoch + 1}: best validation accuracy {accuracy:.4f}")
        if (epoch + 1) % 10 == 0:
            accuracy, val_loss = evaluate(net, *data["val"])
            print(
                f"epoch {epoch + 1}/{epochs}: train loss {total / steps:.4f}, "
                f"validation loss {val_loss:.4f}, accuracy {accuracy:.4f}",
                flush=True,
            )
    net.load_state_dict(best_state)
    net.eval()


def rename(model, net):
    """Give the nodes and tensors of the cleaned graph speaking names.

    Convolutions and the dense layer are named as in the PyTorch module, recognised by their
    weights; what belongs to them is named after them.

    Parameters
    ----------
    model : ModelWrapper
        The cleaned graph; changed in place.
    net : DigitNet
        The network it was exported from.
    """
    weights = {}
    for name, module in net.named_modules():
        if isinstance(module, qnn.QuantConv2d | qnn.QuantLinear):
            weights[name.removesuffix(".conv")] = module.weight.detach().numpy()

    pools = iter(("pool1", "b4_pool", "pool2"))
    plain = {"Concat": "concat", "Reshape": "flatten", "Flatten": "flatten"}
    suffix = {"BatchNormalization": "bn", "Relu": "relu", "Quant": "act"}
    roles = {
        "BatchNormalization": ("", "gamma", "beta", "mean", "var"),
        "Quant": ("", "scale", "zero_point", "bit_width"),
        "BipolarQuant": ("", "scale"),
        "Reshape": ("", "shape"),
    }
    owner = ""
    tensors = {}
    for node in model.graph.node:
        source = model.find_producer(node.input[0])
        initializer = model.get_initializer(node.input[0])
        if node.op_type in ("Conv", "MatMul", "Gemm"):
            quant = model.find_producer(node.input[1])
            values = model.get_initializer(quant.input[0])
            (owner,) = [
                name
                for name, weight in weights.items()
                # The export stores the dense weights transposed, as MatMul wants them.
                if any(np.array_equal(values, w) for w in (weight, weight.T))
            ]
            node.name = owner
            quant.name = f"{owner}_weight_quant"
            tensors[quant.input[0]] = f"{owner}_weight"
            tensors[quant.output[0]] = f"{owner}_weight_quant_out"
            for role, tensor in zip(roles[quant.op_type][1:], quant.input[1:], strict=True):
                tensors[tensor] = f"{owner}_weight_{role}"
        elif initializer is not None:
            continue  # A quantiser of weights is named with the layer that uses it.
        elif node.op_type == "MaxPool":
            node.name = next(pools)
        elif node.op_type in plain:
            node.name = plain[node.op_type]
        elif source is None:
            node.name = "input_quant"
        else:
            # The sorted graph interleaves the branches, so the order says nothing about which
            # layer this belongs to; the producer does.
            node.name = f"{source.name.split('_')[0]}_{suffix[node.op_type]}"
        tensors[node.output[0]] = f"{node.name}_out"
        if node.op_type in roles:
            for role, tensor in zip(roles[node.op_type][1:], node.input[1:], strict=True):
                tensors[tensor] = f"{node.name}_{role}"
    tensors[model.graph.input[0].name] = "image"
    tensors[model.graph.output[0].name] = "logits"
    for old, new in tensors.items():
        model.rename_tensor(old, new)


def export(net):
    """Export `net` as a cleaned QONNX graph with batch size 1.

    Parameters
    ----------
    net : DigitNet
        The trained network, in inference mode.

    Returns
    -------
    ModelWrapper
        The graph.
    """
    with tempfile.TemporaryDirectory() as folder:
        raw = str(Path(folder) / "raw.onnx")
        export_qonnx(net, args=torch.zeros(1, 1, 8, 8), export_path=raw, dynamo=False)
        model = cleanup_model(ModelWrapper(raw))
    rename(model, net)
    # Source locations that an exporter may leave would make the file depend on where it was
    # made. The annotations only say that every parameter is a float.
    for node in model.graph.node:
        node.doc_string = ""
        del node.metadata_props[:]
    del model.graph.quantization_annotation[:]
    model.graph.name = "digits"
    onnx.checker.check_model(model.model)
    return model


def execute(model, pixels):
    """Execute the graph image by image and return the logits as float32 (n, 10)."""
    rows = []
    for image in pixels:
        inputs = {"image": image.numpy()[None].astype(np.float32) * np.float32(INPUT_SCALE)}
        rows.append(execute_onnx(model, inputs)["logits"][0])
    return np.stack(rows).astype(np.float32)


def summarise(model):
    """Print the nodes of the graph in order, with shapes, parameters and operations."""
    total_weights, total_macs = 0, 0
    for node in model.graph.node:
        shape_in = model.get_tensor_shape(node.input[0])
        shape_out = model.get_tensor_shape(node.output[0])
        note = ""
        if node.op_type in ("Conv", "MatMul", "Gemm"):
            weight = model.get_tensor_shape(node.input[1])
            count = math.prod(weight)
            macs = count * (math.prod(shape_out[2:]) if node.op_type == "Conv" else 1)
            total_weights += count
            total_macs += macs
            note = f"weights {weight}: {count}, MACs {macs}"
        print(f"{node.name:20} {node.op_type:19} {shape_in} -> {shape_out} {note}")
    print(f"weights {total_weights}, MACs {total_macs}")


def main():
    """Train, export, check the export on the test images and write the files."""
    parser = argparse.ArgumentParser(description="Train the digit classifier, export as QONNX.")
    parser.add_argument("--out", type=Path, required=True, help="folder to write to")
    parser.add_argument("--epochs", type=int, default=150)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)

    # The number of threads is fixed with the seed: it decides the order of summation.
    torch.set_num_threads(2)
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(SEED)

    start = time.monotonic()
    data = load_split()
    print(", ".join(f"{name}: {len(y)} images" for name, (_, y) in data.items()))
    net = DigitNet()
    train(net, data, options.epochs)
    print(f"trained in {time.monotonic() - start:.0f} s")

    model = export(net)
    model.save(str(options.out / "digits.onnx"))
    model = ModelWrapper(str(options.out / "digits.onnx"))
    summarise(model)

    pixels, labels = data["test"]
    with torch.no_grad():
        expected = net(pixels * INPUT_SCALE).numpy()
    logits = execute(model, pixels)
    classes = logits.argmax(1)
    print(f"test accuracy, PyTorch:         {(expected.argmax(1) == labels.numpy()).mean():.4f}")
    print(f"test accuracy, QONNX execution: {(classes == labels.numpy()).mean():.4f}")
    print(f"classes that differ:            {(classes != expected.argmax(1)).sum()}")
    print(f"largest difference of a logit:  {np.abs(logits - expected).max():.3g}")
    np.savez_compressed(
        options.out / "digits_test.npz",
        images=pixels[:, 0].numpy().astype(np.uint8),
        labels=labels.numpy().astype(np.uint8),
        logits=logits,
    )


if __name__ == "__main__":
    main()
