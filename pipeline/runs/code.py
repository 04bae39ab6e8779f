"""Compute the code that a result depends on from imports: nothing that matters is left out, and little else counts."""

import ast
import hashlib
import importlib.util
import io
import tokenize
from collections.abc import Collection, Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path

from pipeline.base.registry import entry_names, load_entries

# What carries results and names them, and cannot change what is in them: a reworded message there makes nothing again.
CARRIERS = (
    "pipeline.base.declarations",
    "pipeline.base.errors",
    "pipeline.base.json_object",
    "pipeline.base.junk",
    "pipeline.base.log",
    "pipeline.base.metric",
    "pipeline.base.pace",
    "pipeline.base.process",
    "pipeline.base.progress",
    "pipeline.base.progress_meter",
    "pipeline.base.section",
    "pipeline.base.terminal",
    "pipeline.base.wrapping",
    "pipeline.cluster",
    "pipeline.config",
    "pipeline.runs",
    "pipeline.sampling_on_ray.sample",
    "pipeline.sampling_on_ray.writer",
    "pipeline.store",
    "pipeline.training_on_ray.configured",
    "pipeline.training_on_ray.progress",
    "pipeline.training_on_ray.reporting",
    "pipeline.training_on_ray.tensorboard",
    "pipeline.training_on_ray.train",
)
LOADS_ENTRIES = load_entries.__name__


def code_digest(*modules: str) -> str:
    """Return the SHA-256, hexadecimal, of the code that the results of these modules depend on.

    Comments, docstrings and empty lines do not count: who rewords them trains nothing again.
    """
    digest = hashlib.sha256()
    for name, path in sorted(code_of(*modules).items()):
        digest.update(f"{name}\0".encode() + hashlib.sha256(_without_words(path.read_bytes()).encode()).digest())
    return digest.hexdigest()


@cache
def _without_words(source: bytes) -> str:
    """Return a module's text without comments, empty lines, and statements that are a string alone, as docstrings are."""
    tokens = list(tokenize.tokenize(io.BytesIO(source).readline))
    encoding, _ = tokenize.detect_encoding(io.BytesIO(source).readline)
    lines = source.decode(encoding).split("\n")  # as `tokenize` does; `splitlines` splits at form feeds, too
    within_strings: set[int] = set()  # numbers of lines whose end belongs to a string
    words, begins_statement = [], True
    for token, following in pairwise(tokens[1:]):
        is_alone = begins_statement and following.type in (tokenize.NEWLINE, tokenize.COMMENT)
        if token.type == tokenize.COMMENT or (token.type == tokenize.STRING and is_alone):
            words.append(token)
        else:
            within_strings.update(range(token.start[0], token.end[0]))
        if token.type not in (tokenize.COMMENT, tokenize.NL):
            begins_statement = token.type in (tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT)
    for token in reversed(words):  # from behind, so that what stands before keeps its place
        _blank(lines, token)
    kept = (line if number in within_strings else line.rstrip() for number, line in enumerate(lines, start=1))
    return "\n".join(line for number, line in enumerate(kept, start=1) if line or number in within_strings)


def _blank(lines: list[str], token: tokenize.TokenInfo) -> None:
    (first, start), (last, end) = token.start, token.end
    for number in range(first, last + 1):
        line = lines[number - 1]
        before, after = line[:start] if number == first else "", line[end:] if number == last else ""
        lines[number - 1] = before + after


def code_of(*modules: str) -> dict[str, Path]:
    """Return the modules that the results of `modules` depend on, with their files.

    They are all that these import but for `CARRIERS`. The topmost package holds the version alone, which changes no
    result.
    """
    return {name: path for name, path in import_closure(*modules).items() if "." in name and not _is_carrier(name)}


def _is_carrier(name: str) -> bool:
    return any(name == carrier or name.startswith(f"{carrier}.") for carrier in CARRIERS)


def import_closure(*modules: str) -> dict[str, Path]:
    """Return modules and all that they import of their own packages, directly or through others, with their files.

    An import counts wherever it stands but for `if TYPE_CHECKING`, and takes the packages that hold a module with it.

    Raises:
        ModuleNotFoundError: there is no such module.
    """
    own = {name.partition(".")[0] for name in modules}
    found: dict[str, Path] = {}
    waiting = list(modules)
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        path = _file_of(name)
        if path is None:
            raise ModuleNotFoundError(name)
        found[name] = path
        package, _, _ = name.rpartition(".")
        if package:
            waiting.append(package)
        waiting += _imports(name, path, own)
    return found


def _file_of(name: str) -> Path | None:
    try:
        spec = importlib.util.find_spec(name)
    except ModuleNotFoundError:
        return None
    return None if spec is None or spec.origin is None else Path(spec.origin)


def _imports(name: str, path: Path, packages: Collection[str]) -> Iterator[str]:
    """Yield the modules of the packages that a file imports, and of a registry all entries."""
    waiting: list[ast.AST] = [ast.parse(path.read_bytes())]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Call) and getattr(node.func, "id", None) == LOADS_ENTRIES:
            yield from _entries(node, name)
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.partition(".")[0] in packages)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] in packages:
            assert node.module is not None
            yield node.module
            for alias in node.names:  # which may be modules themselves
                if _file_of(f"{node.module}.{alias.name}") is not None:
                    yield f"{node.module}.{alias.name}"
        elif isinstance(node, ast.If) and ast.unparse(node.test).rpartition(".")[2] == "TYPE_CHECKING":
            waiting += node.orelse
        else:
            waiting += ast.iter_child_nodes(node)


def _entries(call: ast.Call, name: str) -> Iterator[str]:
    """Yield what a call of `load_entries` in the module `name` imports: the entries of its own or of the named package.

    Raises:
        ValueError: the package is neither `__name__` nor a text, so nothing says which entries count.
    """
    (argument,) = call.args
    package = name if ast.unparse(argument) == "__name__" else ast.literal_eval(argument)
    yield from (f"{package}.{entry}" for entry in entry_names(package))
