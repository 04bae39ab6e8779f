"""Name the type of a JSON object, which comes from a file or goes to a program."""

from typing import Any

JsonObject = dict[str, Any]
