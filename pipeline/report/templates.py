"""Fill the templates of this folder; values are escaped in HTML, and an unknown name is an error."""

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
    """Return the template `name`, filled in."""
    return _ENVIRONMENT.get_template(name).render(**values)


def data_url(png: bytes) -> str:
    """Return a PNG as it stands in a page that needs no network."""
    return "data:image/png;base64," + base64.b64encode(png).decode()
