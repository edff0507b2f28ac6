import shutil
from importlib.resources import files
from pathlib import Path

import pytest

import quantloom
from quantloom import Design

from ...networks import tiny_network


@pytest.fixture(scope="session")
def model():
    """The embedded model file."""
    return Path(str(files("quantloom.gen") / "assets" / "digits.onnx"))


@pytest.fixture(scope="session")
def pristine(tmp_path_factory):
    out = tmp_path_factory.mktemp("tiny") / "out"
    network = tiny_network()
    quantloom.generate(Design(network, quantloom.fold(network, 200)), out)
    return out


@pytest.fixture
def out(pristine, tmp_path):
    """A generated directory of one's own."""
    return Path(shutil.copytree(pristine, tmp_path / "out"))
