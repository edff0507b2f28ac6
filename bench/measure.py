"""What modules occupy on either family, several of them in one run of Yosys.

Every module is flattened for itself and keeps its boundary, so that each comes out as it would
alone; reading the families' libraries, which takes longer than many a block, is paid for once.
Results are kept in a file by the hash of source, script and Yosys: what was measured before a run
was killed is not measured again.
"""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple
from pathlib import Path
from typing import Any

from rich.progress import Progress

from quantloom.gen.synth.ecp5 import Ecp5
from quantloom.gen.synth.netlist import Netlist
from quantloom.gen.synth.xilinx import Xilinx7
from quantloom.gen.yosys import run_yosys
from quantloom.rtl_templates.resources import Resources
from quantloom.sim.cache import cache_root

from .area import modules_of, yosys_version

__all__ = ["FAMILIES", "measure", "measured", "netlists"]

FAMILIES = {family.name: family for family in (Xilinx7(), Ecp5())}
"""By name: the script that synthesises for it, and how its netlists are counted."""

_TOGETHER = 1_000_000
"""Characters of Verilog that go into one run, unless a single module has more."""


def measure(modules: Mapping[str, tuple[str, str]], family: str) -> dict[str, Resources]:
    """What modules occupy.

    Parameters
    ----------
    modules : mapping of str to (str, str)
        By a name of the caller's: Verilog that has the module and those below it, and its name.
    family : str
        ``xc7`` or ``ecp5``.
    """
    store = _Store(family)
    sources = {name: modules_of(*module) for name, module in modules.items()}
    keys = {name: store.key(source, modules[name][1]) for name, source in sources.items()}
    missing = list({key: name for name, key in keys.items() if key not in store.known}.values())
    missing.sort(key=lambda name: len(sources[name]))
    with Progress(transient=True) as progress:
        task = progress.add_task(f"synthesis for {family}", total=len(missing))
        for group in _groups(missing, sources):
            found = netlists([(sources[name], modules[name][1]) for name in group], family)
            store.add({keys[name]: FAMILIES[family].count(netlist)
                       for name, netlist in zip(group, found, strict=True)})
            progress.advance(task, len(group))
    return {name: store.known[key] for name, key in keys.items()}


def measured(module: tuple[str, str], family: str) -> Resources | None:
    """What a module occupies if that was measured before."""
    store = _Store(family)
    return store.known.get(store.key(modules_of(*module), module[1]))


def _groups(names: Sequence[str], sources: Mapping[str, str]) -> Iterator[list[str]]:
    group: list[str] = []
    for name in names:
        if group and sum(len(sources[n]) for n in (*group, name)) > _TOGETHER:
            yield group
            group = []
        group.append(name)
    if group:
        yield group


def netlists(modules: Sequence[tuple[str, str]], family: str) -> list[Netlist]:
    """Netlists of modules of any names, in one run of Yosys.

    Parameters
    ----------
    modules : sequence of (str, str)
        Verilog that has the module and those below it and nothing else, and its name.
    family : str
        ``xc7`` or ``ecp5``.
    """
    texts, tops = [], []
    for k, (source, top) in enumerate(modules):
        own = set(re.findall(r"^module (\w+)", source, re.M))
        texts.append(re.sub(
            r"^(module |  )(\w+)(?= \w+ \($|\()",
            lambda found, own=own, k=k: f"{found[1]}m{k}_{found[2]}" if found[2] in own
            else found[0], source, flags=re.M))
        tops.append(f"m{k}_{top}")
        texts[-1] = texts[-1].replace(f"module {tops[-1]}(",
                                      f"(* keep_hierarchy *)\nmodule {tops[-1]}(")
    # A module without connections, none of whose parts may be swept away.
    instances = "\n".join(f"(* keep *) {top} u{k} ();" for k, top in enumerate(tops))
    texts.append(f"module everything;\n{instances}\nendmodule\n")
    script = [line for line in FAMILIES[family].script(["design.v"], "everything", pads=False)
              if not line.startswith("write_verilog")]
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder)
        (directory / "design.v").write_text("\n".join(texts))
        run_yosys(script, directory=directory)
        data: dict[str, Any] = json.loads((directory / "everything.json").read_text())
    return [Netlist(data, top) for top in tops]


class _Store:
    """Results in a file, a line each."""

    def __init__(self, family: str):
        self.family = family
        self.path = cache_root() / "bench" / f"areas-{family}.jsonl"
        self.known: dict[str, Resources] = {}
        if self.path.is_file():
            for line in self.path.read_text().splitlines():
                key, *numbers = json.loads(line)
                self.known[key] = Resources(*numbers)

    def key(self, source: str, top: str) -> str:
        script = FAMILIES[self.family].script(["design.v"], top, pads=False)
        return hashlib.sha256(json.dumps([source, script, yosys_version()]).encode()).hexdigest()

    def add(self, found: Mapping[str, Resources]) -> None:
        self.known.update(found)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a") as file:
            file.writelines(json.dumps([key, *astuple(counted)]) + "\n"
                            for key, counted in found.items())
