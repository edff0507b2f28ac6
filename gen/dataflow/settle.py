"""Constants of the neurons' arithmetic, moved to where they cost nothing.

A neuron's heap of bits is never negative: what is subtracted to make it so is a constant for each
output, known from the weights (see ``rtl_templates.dot_form``). Where a threshold follows, the
constant goes into the thresholds, and the neuron's sums start from zero.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from ..network import Network, Op, Threshold
from .plan import Folding, plan
from .plan_mac import ConvPlan, DensePlan

__all__ = ["settle"]


def settle(network: Network, foldings: Mapping[str, Folding]) -> Network:
    """An equal network whose neurons, with these foldings, have no constants left.

    Every layer in front of a threshold gets the bias that its arithmetic has anyway, and the
    thresholds move by as much. All other tensors stay as they are.

    Parameters
    ----------
    network : Network
    foldings : mapping of str to dict
        Legal foldings.
    """
    shifts: dict[str, np.ndarray] = {}
    ops: list[Op] = []
    for op in network.ops:
        layout = plan(op, network)
        if isinstance(layout, ConvPlan | DensePlan) and layout.settles:
            op = layout.op
            shifts[op.name] = shift = -layout.constants(foldings[op.name])
            bias = 0 if op.bias is None else op.bias
            op = replace(op, bias=shift + bias if np.any(shift + bias) else None)
        elif isinstance(op, Threshold) and op.inputs[0] in shifts:
            shift = shifts[op.inputs[0]]
            descending = op.descending
            if descending is not None:
                descending = np.broadcast_to(descending, shift.shape)
            op = replace(op, thresholds=op.thresholds + shift[:, None], descending=descending)
        ops.append(op)
    return Network(network.name, network.input, ops, network.source_input, network.source_output,
                   network.host)
