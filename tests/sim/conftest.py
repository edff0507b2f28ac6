import shutil

import pytest

from quantloom.gen.emit import to_verilog

from . import designs


@pytest.fixture(scope="session")
def emitted(tmp_path_factory):
    """Function from a design's name to its dataflow and Verilog file."""
    made = {}

    def get(name):
        if name not in made:
            dataflow = getattr(designs, name)()
            path = tmp_path_factory.mktemp("rtl") / f"{name}.v"
            path.write_text(to_verilog(dataflow))
            made[name] = dataflow, path
        return made[name]

    return get


@pytest.fixture(params=["verilator", "cxxrtl", "icarus"])
def engine(request):
    if request.param == "icarus" and shutil.which("iverilog") is None:
        pytest.skip("Icarus Verilog is not installed")
    return request.param
