"""The integer network: tensors, operations, graph."""

from .graph import Interface, Network
from .ops import (
    Add,
    ArgMax,
    Clip,
    Concat,
    Conv2d,
    Crop,
    Dense,
    DepthToSpace,
    MaxPool,
    Multiply,
    Op,
    Pad,
    Requantize,
    Reshape,
    SpaceToDepth,
    SumPool,
    Threshold,
    Upsample,
    Weigh,
)
from .tensor import Tensor

__all__ = [
    "Add", "ArgMax", "Clip", "Concat", "Conv2d", "Crop", "Dense", "DepthToSpace", "Interface",
    "MaxPool", "Multiply", "Network", "Op", "Pad", "Requantize", "Reshape", "SpaceToDepth",
    "SumPool", "Tensor", "Threshold", "Upsample", "Weigh",
]  # fmt: skip
