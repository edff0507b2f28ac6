"""What the pages of Quantloom have in common: their frame, their styles, how numbers are shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from importlib import resources
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from .marks import number, ratio, short

__all__ = ["render_page"]

_OWN = ("layout.html", "parts.html")


def render_page(package: str, name: str, filters: Mapping[str, Callable[..., str]],
                **values: Any) -> str:
    """A page within the common frame, in one file that needs no network.

    Parameters
    ----------
    package : str
        That has the page's template; its styles and script of the same name, if there are any,
        come behind the common ones.
    name : str
        Of the template, without ``.html``.
    filters : mapping
        Its own, besides ``number``, ``short`` and ``ratio``.
    values : Any
        What the template takes, ``title`` among it.
    """
    environment = _environment(package)
    environment.filters |= dict(filters)
    css, js = (Markup(_text(__package__, f"page.{kind}")
                      + (_text(package, f"{name}.{kind}") if package != __package__ else ""))
               for kind in ("css", "js"))
    return environment.get_template(f"{name}.html").render(css=css, js=js, **values)


@cache
def _environment(package: str) -> Environment:
    environment = Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined,
        loader=FunctionLoader(lambda file: _text(__package__ if file in _OWN else package, file)))
    environment.filters |= {"number": number, "short": short, "ratio": ratio}
    return environment


def _text(package: str, name: str) -> str:
    return (resources.files(package) / name).read_text(encoding="utf-8")
