"""CXXRTL: the emitted Verilog through Yosys as a compiled C++ model."""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path

from ..gen.errors import QuantloomError
from ..gen.yosys import YosysError, run_yosys, yosys_share
from .cache import cached, digest, first_cached
from .compiler import Unit, compile_units, compiler_version, link
from .engine import Design, Progress
from .harness_run import Compiled, design_header, harness_files

__all__ = ["build", "find_runtime"]

# One translation unit: -O2 takes several times as long and gains little.
# A memory may be read behind its end where the word goes unused, as in padding; Verilog says
# undefined, which Icarus finds if anything depends on it. CXXRTL gives 0, or with its checks ends.
CXX_FLAGS = ("-std=gnu++17", "-w", "-DCXXRTL_NDEBUG")
FAST, SLOW = "-O1", "-O0"


def find_runtime() -> Path:
    """Directory of the CXXRTL headers of the installed Yosys.

    Raises
    ------
    QuantloomError
        If no Yosys is installed that brings them.
    """
    with suppress(YosysError):
        folder = yosys_share() / "include" / "backends" / "cxxrtl" / "runtime"
        if (folder / "cxxrtl" / "cxxrtl.h").is_file():
            return folder
    raise QuantloomError("the CXXRTL headers are not installed: run 'pip install pyosys', or use "
                         "--engine verilator or icarus")


def _member(name: str) -> str:
    return "p_" + name.replace("_", "__")


def build(design: Design, on_progress: Progress | None = None) -> Compiled:
    """Compile a design with CXXRTL, or take it from the cache.

    Parameters
    ----------
    design : Design
    on_progress : callable or None
        Called with "compile", steps done, steps in all.

    Raises
    ------
    QuantloomError
        If Yosys or a C++ compiler is missing, or one of them refuses the design.
    """
    runtime = find_runtime()
    files = harness_files("cxxrtl")
    files["design.h"] = design_header(design, _member,
                                      f"#define DESIGN_CLASS {_member(design.top)}")
    wires = [wire for probe in design.probes for wire in probe.wires]
    wires += [f"{name}_level" for name in design.fifos]
    script = [
        *(f"read_verilog source_{k}.v" for k in range(len(design.sources))),
        f"hierarchy -check -top {design.top}",
        "proc",
        # Private wires are folded into expressions. The taps stay public, and unbuffered (-O4)
        # they cost no further delta cycle. A function a module, not one for the whole design:
        # that takes a third of the time to compile and gives four fifths of the speed.
        "rename -hide w:* " + " ".join(f"w:{wire} %d" for wire in wires),
        "write_cxxrtl -noflatten -O4 -g0 dut.cc",
    ]
    given = [(runtime / "cxxrtl" / "cxxrtl.h").read_bytes(), compiler_version().encode(),
             *(text.encode() for text in (*CXX_FLAGS, *script, *files.values())),
             *(path.read_bytes() for path in design.sources)]
    # A fast simulator that is there serves a brief run too.
    fast, slow = digest([*given, FAST.encode()]), digest([*given, SLOW.encode()])
    key = first_cached("cxxrtl", [fast, slow] if design.brief else [fast])

    def make(work: Path) -> None:
        report = on_progress or (lambda stage, done, total: None)
        for name, text in files.items():
            (work / name).write_text(text)
        for k, path in enumerate(design.sources):
            shutil.copyfile(path, work / f"source_{k}.v")
        report("compile", 0, 2)
        run_yosys(script, directory=work)
        report("compile", 1, 2)
        compile_units([Unit(work / "harness.cpp", (*CXX_FLAGS, FAST if key == fast else SLOW,
                                                    f"-I{work}", f"-I{runtime}"),
                            work / "harness.o")])
        link([work / "harness.o"], work / "simulator")
        report("compile", 2, 2)
        for name in ("harness.o", "dut.cc"):
            (work / name).unlink()

    return Compiled(design, cached("cxxrtl", key, make) / "simulator")
