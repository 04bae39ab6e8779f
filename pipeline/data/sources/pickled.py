"""Read pickles of arrays and plain containers, and nothing else.

A pickle is a program, and this reader lets it call nothing. Only what the batches of CIFAR consist of is understood.
The names of functions that create a NumPy array are recognised as text. No module is imported, and nothing that the
file names is ever called.
"""

import pickletools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

LARGEST_STEPS = 2_000_000  # opcodes: CIFAR-100's largest file has 410,000, and each may take some memory
LARGEST_PICKLE = 1 << 28  # bytes

_BYTES = ("BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8")
_TEXTS = ("STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8")
_NUMBERS = ("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "FLOAT", "BINFLOAT")
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_MODULES = ("numpy", "numpy.core.multiarray", "numpy._core.multiarray", "numpy.core.numeric", "numpy._core.numeric")
_ALLOWED = {f"{module}.{name}" for module in _MODULES for name in ("ndarray", "dtype", "_reconstruct", "_frombuffer")}
_ALLOWED |= {"_codecs.encode"}  # of bytes that Python 3 wrote for Python 2
_BYTE_TYPES = ("u1", "|u1", "uint8")


class PickleRefusedError(Exception):
    """Say what a pickle wants that is not allowed, or why it cannot be read."""


@dataclass(frozen=True)
class _Name:
    """Hold the name of something that a pickle wants to call; it is never looked up."""

    name: str


@dataclass
class _Array:
    """Hold an array in the making: NumPy's pickles make an empty one and then give it its content."""

    content: NDArray[np.uint8] | None = None


@dataclass(frozen=True)
class _ByteType:
    """Represent NumPy's type of unsigned bytes."""


class _Mark:
    """Mark on the stack where the items of a container begin."""


class _Limited:
    """Hand out no more than the rest of a file has.

    A pickle may claim any size, and memory would be taken for what it claims.
    """

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file, self._left = file, size

    def read(self, size: int) -> bytes:
        return self._counted(self._file.read(max(0, min(size, self._left))))

    def readline(self) -> bytes:
        return self._counted(self._file.readline(self._left))

    def _counted(self, content: bytes) -> bytes:
        self._left -= len(content)
        return content


def load_pickle(file: BinaryIO, size: int) -> dict[str, Any]:
    """Return the dictionary that a pickle of `size` bytes holds: texts, numbers, arrays of uint8, and lists of these.

    Texts of Python 2 are decoded as Latin-1.

    Raises:
        PickleRefusedError: the pickle holds, or wants, anything else.
    """
    if size > LARGEST_PICKLE:
        raise PickleRefusedError(f"it has more than {LARGEST_PICKLE >> 20} MiB")
    try:
        return _finished(_run(cast(BinaryIO, _Limited(file, size))))
    # What is wrong with a file that is no pickle shows as nearly any kind of error.
    except (ValueError, TypeError, IndexError, KeyError, AttributeError, OverflowError, StopIteration):
        raise PickleRefusedError("it is damaged, or no pickle") from None


def _run(file: BinaryIO) -> Any:
    stack: list[Any] = []
    memo: dict[int, Any] = {}
    opcodes: Iterator[tuple[pickletools.OpcodeInfo, Any, int | None]] = pickletools.genops(file)
    for step, (opcode, argument, _) in enumerate(opcodes):
        if step > LARGEST_STEPS:
            raise PickleRefusedError(f"it has more than {LARGEST_STEPS:,} steps")
        name = opcode.name
        if name == "STOP":
            return stack.pop()
        if name in ("PROTO", "FRAME"):
            continue
        if name in _BYTES or name in _TEXTS or name in _NUMBERS:
            stack.append(argument)
        elif name in ("PUT", "BINPUT", "LONG_BINPUT"):
            memo[argument] = stack[-1]
        elif name == "MEMOIZE":
            memo[len(memo)] = stack[-1]
        elif name in ("GET", "BINGET", "LONG_BINGET"):
            stack.append(memo[argument])
        else:
            _apply(name, argument, stack)
    raise ValueError("no end")


def _apply(name: str, argument: Any, stack: list[Any]) -> None:
    if name in _CONSTANTS:
        stack.append(_CONSTANTS[name])
    elif name == "MARK":
        stack.append(_Mark)
    elif name in ("EMPTY_DICT", "EMPTY_LIST", "EMPTY_TUPLE"):
        stack.append({"EMPTY_DICT": dict, "EMPTY_LIST": list, "EMPTY_TUPLE": tuple}[name]())
    elif name in ("DICT", "LIST", "TUPLE"):
        items = _to_mark(stack)
        stack.append(_pairs(items) if name == "DICT" else items if name == "LIST" else tuple(items))
    elif name in _TUPLES:
        count = _TUPLES[name]
        stack.append(tuple(stack.pop() for _ in range(count))[::-1])
    elif name in ("APPEND", "APPENDS"):
        items = _to_mark(stack) if name == "APPENDS" else [stack.pop()]
        _require(stack[-1], list).extend(items)
    elif name in ("SETITEM", "SETITEMS"):
        value = _to_mark(stack) if name == "SETITEMS" else [stack.pop(-2), stack.pop()]
        _require(stack[-1], dict).update(_pairs(value))
    elif name in ("GLOBAL", "STACK_GLOBAL"):
        module, attribute = argument.split(" ", 1) if name == "GLOBAL" else (stack.pop(-2), stack.pop())
        wanted = f"{module}.{attribute}"
        if wanted not in _ALLOWED:
            raise PickleRefusedError(f"it wants {wanted[:100]!r}, where arrays and plain containers are allowed")
        stack.append(_Name(wanted))
    elif name == "REDUCE":
        arguments = _require(stack.pop(), tuple)
        stack.append(_made(_require(stack.pop(), _Name).name, arguments))
    elif name == "BUILD":
        state = _require(stack.pop(), tuple)
        _build(stack[-1], state)
    else:
        raise PickleRefusedError(f"it uses {name}, where arrays and plain containers are allowed")


def _to_mark(stack: list[Any]) -> list[Any]:
    start = next(location for location in range(len(stack) - 1, -1, -1) if stack[location] is _Mark)
    items = stack[start + 1 :]
    del stack[start:]
    return items


def _pairs(items: list[Any]) -> dict[str | bytes, Any]:
    """Return the dictionary of keys and values in turn.

    Keys other than texts are refused, since they could take for ever to hash.
    """
    return {_require(key, (str, bytes)): value for key, value in zip(items[::2], items[1::2], strict=True)}


def _require(value: Any, kind: type[Any] | tuple[type[Any], ...]) -> Any:
    if not isinstance(value, kind):
        raise ValueError("another kind of value than expected")
    return value


def _made(name: str, arguments: tuple[Any, ...]) -> Any:
    function = name.rpartition(".")[2]
    if function == "dtype":
        code = _text(arguments[0])
        if code not in _BYTE_TYPES:
            raise PickleRefusedError(f"it has an array of {code[:20]!r}, where bytes ('u1') are expected")
        return _ByteType()
    if function == "_reconstruct":
        return _Array()
    if function == "_frombuffer":
        content, kind, shape, order = arguments
        return _Array(_array(content, kind, shape, fortran=_text(order) == "F"))
    if function == "encode" and len(arguments) == 2 and _text(arguments[1]).replace("-", "") == "latin1":
        return _require(arguments[0], str).encode("latin1")
    raise PickleRefusedError(f"it calls {name} in a way that is not expected")


def _build(target: Any, state: tuple[Any, ...]) -> None:
    """Give an array its content; ignore the state of a type of bytes, which says nothing."""
    if isinstance(target, _Array):
        _, shape, kind, fortran, content = state
        target.content = _array(content, kind, shape, fortran=bool(fortran))
    else:
        _require(target, _ByteType)


def _array(content: Any, kind: Any, shape: Any, *, fortran: bool) -> NDArray[np.uint8]:
    _require(kind, _ByteType)
    raw = content.encode("latin1") if isinstance(content, str) else bytes(_require(content, (bytes, bytearray)))
    sides = [int(_require(side, int)) for side in _require(shape, tuple)]
    return np.frombuffer(raw, np.uint8).reshape(sides, order="F" if fortran else "C")


def _text(value: Any) -> str:
    return value.decode("latin1") if isinstance(value, bytes) else str(_require(value, str))


def _finished(value: Any) -> dict[str, Any]:
    """Return the dictionary with texts as keys, and with arrays in place of what they were made from."""
    if not isinstance(value, dict):
        raise PickleRefusedError("it holds no dictionary")
    return {_text(key): inner.content if isinstance(inner, _Array) else inner for key, inner in value.items()}
