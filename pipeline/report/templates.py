"""The templates beside this file, with values escaped in HTML and an error for a name that is not there."""

import base64
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

_ENVIRONMENT = Environment(
    loader=PackageLoader("pipeline", "report"),
    autoescape=lambda name: name is not None and name.endswith(".html.j2"),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)


def render(name: str, **values: Any) -> str:
    """The template `name`, filled in."""
    return _ENVIRONMENT.get_template(name).render(**values)


def data_url(png: bytes) -> str:
    """A picture as it stands in a page that needs no network."""
    return "data:image/png;base64," + base64.b64encode(png).decode()
