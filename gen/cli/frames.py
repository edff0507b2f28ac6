"""Frames that a command takes, and the results that it writes."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from ..errors import QuantloomError
from ..network import Network
from ..network.convert import inputs_to_integers, random_frames
from ..stored import array_damage
from .options import existing, positive

__all__ = ["add_frames", "chosen_frames", "random_frames", "read_frames", "save_array"]

FRAMES = 5
"""Random frames where no inputs are given."""


def add_frames(parser: argparse.ArgumentParser) -> None:
    """Add the options for the frames of a run and for its results."""
    parser.add_argument("--inputs", type=Path, metavar="X.npy",
                        help="frames: integers of the input grid, or reals that lie on it "
                        "(default: random frames)")
    parser.add_argument("--outputs", type=Path, metavar="Y.npy",
                        help="write the integers that the hardware gave, in the model's own shape")
    parser.add_argument("--frames", type=positive, metavar="N",
                        help="use the first N frames of the inputs, or N random ones "
                        f"(default {FRAMES})")


def chosen_frames(network: Network, arguments: argparse.Namespace) -> np.ndarray:
    """The frames that the options ask for, (frames, height, width, channels)."""
    if arguments.inputs is None:
        return random_frames(network, arguments.frames or FRAMES, arguments.seed)
    return read_frames(network, arguments.inputs)[: arguments.frames]


def read_frames(network: Network, path: Path) -> np.ndarray:
    """Integers of the input tensor from a .npy file, (frames, height, width, channels).

    Raises
    ------
    QuantloomError
        If it cannot be read, or does not hold frames of the network.
    """
    try:
        with existing(path).open("rb") as file, array_damage():
            array = np.load(file, allow_pickle=False)
    except OSError as problem:
        raise QuantloomError(f"{path}: cannot be read: {problem.strerror or problem}") from problem
    except ValueError as problem:
        raise QuantloomError(f"{path}: not a .npy file of numbers, or a truncated one") from problem
    if not isinstance(array, np.ndarray):
        raise QuantloomError(f"{path}: holds several arrays; give a .npy file with one")
    try:
        frames = inputs_to_integers(network, array)
    except QuantloomError as problem:
        raise QuantloomError(f"{path}: {problem}") from problem
    if len(frames) == 0:
        raise QuantloomError(f"{path}: holds no frame")
    return frames


def save_array(path: Path, array: np.ndarray) -> None:
    """Write an array to a .npy file of exactly that name."""
    try:
        with path.open("wb") as file:  # np.save would add a suffix
            np.save(file, array, allow_pickle=False)
    except OSError as error:
        raise QuantloomError(f"{path}: cannot be written: {error.strerror or error}") from error
