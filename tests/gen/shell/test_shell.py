"""Shells as they are written: Verilog, the accelerator untouched, the register map's documents."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from xml.etree import ElementTree

import pytest

from quantloom.gen.cli.frames import random_frames
from quantloom.gen.cli.generate import build
from quantloom.gen.dataflow.fold import fold
from quantloom.gen.design import Design
from quantloom.gen.errors import QuantloomError
from quantloom.gen.shell import SHELLS, write_shell
from quantloom.gen.shell.describe import shell_params
from quantloom.gen.synth import shelled
from quantloom.gen.yosys import run_yosys
from quantloom.rtl_templates.shell.params import register_map

from ...command import quantloom
from ...networks import tiny_network

SPIRIT = "{http://www.spiritconsortium.org/XMLSchema/SPIRIT/1685-2009}"


@pytest.fixture(scope="module")
def design():
    network = tiny_network()
    return Design(network, fold(network, 200))


@pytest.fixture(scope="module")
def outputs(design, tmp_path_factory):
    """Directories by kind of shell; "plain" has none, "blind" no taps."""
    root = tmp_path_factory.mktemp("shells")
    for name, options in (("plain", {}), ("zynq", {"shell": "zynq"}), ("axi", {"shell": "axi"}),
                          ("blind", {"shell": "axi", "taps": False})):
        build(design, root / name, random_frames(design.network, 1), **options)
    return root


def test_accelerator_stays_as_it_is(outputs):
    plain = (outputs / "plain" / "rtl" / "tiny.v").read_bytes()
    for kind in ("zynq", "axi", "blind"):
        assert (outputs / kind / "rtl" / "tiny.v").read_bytes() == plain
    assert not (outputs / "plain" / "shell").exists()
    assert [p.name for p in (outputs / "plain" / "rtl").iterdir()] == ["tiny.v"]


def test_same_bytes_on_every_run(design, outputs, tmp_path):
    build(design, tmp_path / "again", random_frames(design.network, 1), shell="zynq")
    for name in ("rtl/tiny_zynq.v", "shell/registers.json", "shell/registers.md",
                 "shell/registers.h"):
        assert (tmp_path / "again" / name).read_bytes() == (outputs / "zynq" / name).read_bytes()


@pytest.mark.parametrize("kind,top", [("zynq", "tiny_zynq"), ("axi", "tiny_axi"),
                                      ("blind", "tiny_axi")])
def test_modules(outputs, kind, top):
    """No module is there twice, each that is used is there, and names need no escaping."""
    text = "".join((outputs / kind / "rtl" / f"{name}.v").read_text() for name in ("tiny", top))
    modules = re.findall(r"^module (\S+)\(", text, re.M)
    assert len(set(modules)) == len(modules) and top in modules
    assert "\\" not in text
    assert ("tiny_tapped" in modules) == (kind != "blind")
    used = set(re.findall(r"^  (?:\(\*.*\*\)\n  )?(\w+) (?:#\(.*\) )?\w+ \($", text, re.M))
    assert used - set(modules) <= {"PS7", "BUFG"}


def test_processor_survives_synthesis(outputs, tmp_path):
    for name in ("tiny", "tiny_zynq"):
        shutil.copyfile(outputs / "zynq" / "rtl" / f"{name}.v", tmp_path / f"{name}.v")
    run_yosys(["read_verilog tiny.v tiny_zynq.v",
               "synth_xilinx -flatten -family xc7 -run begin:prepare -top tiny_zynq",
               "select tiny_zynq", "opt_clean",
               "write_json -selected net.json"], directory=tmp_path)
    netlist = json.loads((tmp_path / "net.json").read_text())
    (cell,) = (cell for cell in netlist["modules"]["tiny_zynq"]["cells"].values()
               if cell["type"] == "PS7")
    assert len(cell["connections"]["SAXIHP0WDATA"]) == 64
    assert len(cell["connections"]["MAXIGP0ARID"]) == 12


def test_documents_agree(design, outputs):
    """All are made of one map: names, offsets, masks and reset values are the same in all."""
    folder = outputs / "axi" / "shell"
    params = shell_params(design, (outputs / "axi" / "rtl" / "tiny.v").read_bytes(), taps=True)
    registers = register_map(params)
    described = json.loads((folder / "registers.json").read_text())
    header = dict(re.findall(r"^#define QUANTLOOM_(\w+) (\w+?)u$",
                             (folder / "registers.h").read_text(), re.M))
    table = (folder / "registers.md").read_text()
    xml = ElementTree.parse(folder / "component.xml").getroot()
    entries = {entry.findtext(f"{SPIRIT}name"): entry for entry in xml.iter(f"{SPIRIT}register")}
    assert [r["name"] for r in described["registers"]] == [r.name for r in registers]
    assert list(entries) == [r.name for r in registers]
    for register, stored in zip(registers, described["registers"], strict=True):
        name = register.name.upper()
        assert stored["offset"] == register.offset == int(header[name], 16)
        assert stored["reset"] == register.reset == int(header[f"{name}_RESET"], 16)
        assert f"| 0x{register.offset:03X} | `{register.name}` |" in table
        entry = entries[register.name]
        assert int(entry.findtext(f"{SPIRIT}addressOffset"), 16) == register.offset
        for field in register.fields:
            assert int(header[f"{name}_{field.name.upper()}_MASK"], 16) == field.mask
        assert len(entry.findall(f"{SPIRIT}field")) == len(register.fields)
    assert described["hash"] == params.digest.hex()
    assert described["streams"][0]["tensor"] == "input"


def test_header_compiles(outputs, tmp_path):
    if (compiler := shutil.which("cc")) is None:
        pytest.skip("there is no C compiler")
    (tmp_path / "use.c").write_text('#include "registers.h"\nunsigned at(void)\n{\n'
                                    "    return QUANTLOOM_BASE + QUANTLOOM_CONTROL_RUN_MASK;\n}\n")
    subprocess.run([compiler, "-Wall", "-Werror", "-pedantic", "-std=c99", "-c", "use.c",
                    f"-I{outputs / 'zynq' / 'shell'}"], cwd=tmp_path, check=True)


def test_component_names_the_ports(outputs):
    """IP-XACT's ports are those of the Verilog."""
    xml = ElementTree.parse(outputs / "axi" / "shell" / "component.xml").getroot()
    listed = {port.findtext(f"{SPIRIT}name") for port in xml.iter(f"{SPIRIT}port")}
    text = (outputs / "axi" / "rtl" / "tiny_axi.v").read_text()
    head = text[text.index("module tiny_axi(") :]
    ports = set(re.findall(r"^  (?:input|output) (?:\[.*?\] )?(\w+);",
                           head[: head.index("endmodule")], re.M))
    assert listed == ports and len(ports) > 50
    mapped = {entry.text for entry in xml.iterfind(f".//{SPIRIT}physicalPort/{SPIRIT}name")}
    assert mapped == ports


def test_refused(design, outputs, tmp_path):
    with pytest.raises(QuantloomError, match="shell must be one of zynq, axi, serial, not"):
        write_shell(design, outputs / "plain", "usb")
    for name in ("plain", "zynq"):
        assert shelled(design.dataflow, outputs / name) is None
        done = quantloom("synth", outputs / name)
        assert done.code == 2
        assert "was generated for no part: give --part, or" in " ".join(done.err.split())
    source = outputs / "plain" / "design.json"
    for options, text in ((("--board", "none"), "Board must be one of zybo-z7-10"),
                          (("--board", "ulx3s-85f", "--shell", "zynq"), "ULX3S 85F has no Zynq"),
                          (("--board", "zybo", "--shell", "serial"), "a board with an ECP5")):
        done = quantloom("generate", source, "-o", tmp_path / "new", *options)
        assert done.code == 2 and text in done.err, done.err


def test_command(outputs, tmp_path):
    """A board brings its shell; the design is written again as it was."""
    done = quantloom("generate", outputs / "plain" / "design.json", "-o", tmp_path / "new",
                     "--board", "zybo-z7-10", "--no-taps", "--json")
    assert done.code == 0, done.err
    assert (tmp_path / "new" / "rtl" / "tiny_zynq.v").is_file()
    assert json.loads((tmp_path / "new" / "shell" / "registers.json").read_text())["streams"] == []
    top, board = shelled(Design.load(tmp_path / "new").dataflow, tmp_path / "new")
    assert top.name == "tiny_zynq" and all(path.is_file() for path in top.sources)
    assert (board.name, board.part.name, board.package) == ("zybo-z7-10", "XC7Z010", "clg400")
    assert set(SHELLS) == {"zynq", "axi", "serial"}
