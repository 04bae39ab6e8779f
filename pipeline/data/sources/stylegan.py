"""Read the labels of StyleGAN's datasets from their `dataset.json`.

The file holds {"labels": [[file, number], ...]}, or null in place of the list.
"""

import json
import unicodedata
from collections.abc import Callable, Mapping
from typing import Any

from pipeline.base.errors import UserError
from pipeline.base.junk import is_junk
from pipeline.data.decode import LARGEST_FILE
from pipeline.data.sources.annotations import Annotations
from pipeline.data.sources.source import Request
from pipeline.store.folder import Entry

FILE = "dataset.json"
SHOWN = 10  # names in a warning
NO_PAIR = "entry that is no pair of a file and a label"
NO_NUMBER = "entry whose label is no whole number"
NOT_THERE = "entry for a file that is not there"
ANOTHER = "entry with another label than an earlier one of the same file, which has none now"


def read_stylegan(entries: Mapping[str, Entry], read: Callable[[str], bytes], request: Request) -> Annotations | None:
    """Return the labels that `dataset.json` gives; an image without an entry has none.

    None is returned where there is no such file, or where another program wrote it.
    """
    name = _file(entries)
    if name is None:
        return None
    where = f"{request.location}: {name}"
    if entries[name].size > LARGEST_FILE:
        raise UserError(f"{where}: has more than {LARGEST_FILE >> 20} MiB; that is no list of labels. Remove it.")
    content = _parsed(read(name), where)
    if not isinstance(content, dict) or "labels" not in content:
        return None  # another program's
    if content["labels"] is None:
        return Annotations((name,), labels=True)
    if not isinstance(content["labels"], list):
        raise UserError(f'{where}: "labels" is no list; allowed are [["FILE", NUMBER], ...] and null.')
    return _annotations(content["labels"], name, entries, where)


def _file(entries: Mapping[str, Entry]) -> str | None:
    """Return the name of the file at the top, or in the single folder there; None where there is none."""
    if FILE in entries:
        return FILE
    tops = {name.split("/")[0] for name in entries if not is_junk(name)}
    inside = f"{next(iter(tops))}/{FILE}" if len(tops) == 1 else FILE
    return inside if inside in entries else None


def _parsed(content: bytes, where: str) -> Any:
    try:
        return json.loads(content.decode("utf-8-sig"))
    except json.JSONDecodeError as error:
        raise UserError(
            f"{where}: line {error.lineno}, column {error.colno}: {error.msg}. Correct the file, or remove it if it "
            "holds no labels."
        ) from None
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise UserError(f"{where}: line {line}: is no UTF-8 text. Correct the file, or remove it.") from None
    except (ValueError, RecursionError) as error:  # numbers of thousands of digits; lists within lists within lists
        raise UserError(f"{where}: is no list of labels: {error}. Correct the file, or remove it.") from None


def _annotations(found: list[Any], name: str, entries: Mapping[str, Entry], where: str) -> Annotations:
    folder = name.removesuffix(FILE)
    by_form = {unicodedata.normalize("NFC", entry): entry for entry in entries}
    labels: dict[str, str | None] = {}
    left_out, repeated = [], []
    for number, pair in enumerate(found, start=1):
        if not (isinstance(pair, list) and len(pair) == 2 and isinstance(pair[0], str)):
            left_out.append((f"{name}: entry {number}", NO_PAIR))
            continue
        file, label = pair
        image = folder + file if folder + file in entries else by_form.get(unicodedata.normalize("NFC", folder + file))
        if image is None:
            left_out.append((f"{name}: {file}", NOT_THERE))
        elif isinstance(label, bool) or not isinstance(label, int | float) or label != label // 1:
            left_out.append((f"{name}: {file}", NO_NUMBER))
        elif image not in labels:
            labels[image] = str(int(label))
        elif labels[image] == str(int(label)):
            repeated.append(file)
        else:
            left_out.append((f"{name}: {file}", ANOTHER))
            labels[image] = None
    if found and not any(labels.values()):
        reasons = ", ".join(sorted({reason for _, reason in left_out}))
        raise UserError(
            f'{where}: none of its {len(found):,} entries labels an image ({reasons}). Its form is {{"labels": [["FILE", NUMBER], ...]}}.'
        )
    named = ", ".join(repeated[:SHOWN]) + (", …" if len(repeated) > SHOWN else "")
    return Annotations(
        (name,),
        {image: (label, None) for image, label in labels.items()},
        labels=True,
        left_out=left_out,
        warnings=[f"{name} has more than one entry, of the same label, for {named}."] if repeated else [],
    )
