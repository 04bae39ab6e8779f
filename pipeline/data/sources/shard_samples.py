"""Read a WebDataset shard as samples: find which image, class and caption belong together, in any order of members."""

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

from pipeline.base.junk import is_junk
from pipeline.data.sources.layout import NO_IMAGE_INSIDE
from pipeline.data.sources.tar_members import BrokenTarError, Member, members, read_member
from pipeline.data.sources.tree import IMAGE_SUFFIXES

LARGEST_SIDECAR = 1 << 24  # bytes
LONGEST_LABEL = 200  # characters
MOST_MEMBERS = 2_000_000  # of a shard, about each of which some 500 bytes are held
SEPARATOR = " + "  # between the values of several fields that make one class

IMAGES = {suffix.removeprefix(".") for suffix in IMAGE_SUFFIXES} | {"pbm", "pnm", "jpe", "jfif", "img", "image"}
TEXTS = ("txt", "caption")
SIDECARS = ("cls", "json", *TEXTS)  # with the earlier ones winning

TWICE = "its key occurs twice in the shard"
SEVERAL = "one of several images of a sample"
WITHOUT_IMAGE = "a sample without an image"
CUT_OFF = "cut off with its tar"
TOO_LARGE = f"its class, caption or JSON has more than {LARGEST_SIDECAR >> 20} MiB"
NOT_TEXT = "its class or caption is no UTF-8 text"
NOT_JSON = "its JSON cannot be read"
NO_LABEL_KIND = f"its label is no number and no text of up to {LONGEST_LABEL} characters"
NO_CAPTION_KIND = "its caption is no text"

# WebDataset's rule: the key ends at the first dot of the base name.
_KEY = re.compile(r"^((?:.*/|)[^./][^./]*)\.([^/]+)$", re.DOTALL)


@dataclass(frozen=True)
class Fields:
    """Name where classes and captions are: sidecars by their suffix, or fields of the JSON.

    None means that this is found out; "none" as `text` means that there are no captions.
    """

    label: tuple[str, ...] | None
    text: str | None

    @classmethod
    def of(cls, label: str | list[str] | None, text: str) -> "Fields":
        """Return the fields that `data.source.label` and `data.text` name."""
        return cls(
            None if label is None else (label,) if isinstance(label, str) else tuple(label),
            None if text == "auto" else text,
        )


@dataclass(frozen=True)
class Sample:
    """Hold an image of a shard with what is known of it, or the reason why there is none.

    The content at `offset` belongs to it.
    """

    name: str
    offset: int
    size: int = 0
    label: str | None = None
    text: str | None = None
    reason: str | None = None


@dataclass(slots=True)
class _Field:
    """Hold a member of a sample; `values` are what a sidecar says, by field."""

    member: Member
    stem: str  # between the key and the suffix
    suffix: str
    values: dict[str, object]
    reason: str | None


def read_samples(file: BinaryIO, size: int, fields: Fields) -> tuple[list[Sample], list[Sample]]:
    """Return the samples of a shard in the order of their images, and the members that belong to none.

    Args:
        file: the unpacked bytes, as `open_tar` gives them.
        size: the size of the file itself, which may be packed, in bytes.
        fields: where classes and captions are.
    """
    groups: dict[str, list[_Field]] = defaultdict(list)
    others: list[Sample] = []
    key, reached = None, 0
    try:
        for number, member in enumerate(members(file, size)):
            if number == MOST_MEMBERS:
                raise BrokenTarError(
                    f"more than {MOST_MEMBERS:,} members: the rest is not read; split it into several shards"
                )
            reached = member.offset
            found = None if is_junk(member.name) or member.folder else _KEY.match(member.name)
            if found is None:
                others.append(Sample(member.name, member.offset, reason=member.reason or NO_IMAGE_INSIDE))
                continue
            key = found[1]
            groups[key].append(_field(file, member, found[2].lower(), fields))
    except BrokenTarError as error:
        others.append(Sample("", reached, reason=str(error)))
        for field in groups.get(key or "", []):  # its other members may be what is lost
            field.reason = CUT_OFF
    samples = [sample for group in groups.values() for sample in _samples(group, fields)]
    return sorted(samples, key=lambda sample: sample.offset), others


def _field(file: BinaryIO, member: Member, rest: str, fields: Fields) -> _Field:
    stem, _, suffix = rest.rpartition(".")
    if suffix not in SIDECARS or member.reason is not None:
        return _Field(member, stem, suffix, {}, member.reason)
    if member.size > LARGEST_SIDECAR:
        return _Field(member, stem, suffix, {}, TOO_LARGE)
    content = read_member(file, member.offset, member.size)
    try:
        if suffix == "json":
            return _Field(member, stem, suffix, _json_values(content, fields), None)
        return _Field(member, stem, suffix, {suffix: content.decode("utf-8-sig").strip()}, None)
    except (ValueError, RecursionError):
        return _Field(member, stem, suffix, {}, NOT_JSON if suffix == "json" else NOT_TEXT)


def _json_values(content: bytes, fields: Fields) -> dict[str, object]:
    """Return those of a JSON's fields that may be requested; the rest would fill the memory."""
    found = json.loads(content)
    wanted = {"label", "class", "text", "caption", *(fields.label or ()), fields.text}
    return {name: value for name, value in found.items() if name in wanted} if isinstance(found, dict) else {}


def _samples(group: list[_Field], fields: Fields) -> Iterator[Sample]:
    """Yield the samples of one key: mostly one, but with dots in names several images may have the same beginning."""
    images = [field for field in group if field.suffix in IMAGES]
    sidecars = [field for field in group if field.suffix in SIDECARS]
    names = [(field.stem, field.suffix) for field in group]
    reason = next((field.reason for field in group if field.reason is not None), None)
    if reason is None and len(set(names)) < len(names):
        reason = TWICE
    if reason is None and not images:
        reason = WITHOUT_IMAGE if sidecars else NO_IMAGE_INSIDE
    if reason is not None:
        for field in images or group[:1]:
            yield Sample(field.member.name, field.member.offset, reason=reason)
        return
    plain = [image for image in images if not image.stem]
    if len(plain) == 1 or len(images) == 1:  # a further one, as `seg.png` is, belongs to it
        chosen = plain[0] if len(plain) == 1 else images[0]
        yield _sample(chosen, [field for field in sidecars if field.stem in ("", chosen.stem)], fields)
        rest = [image for image in images if image is not chosen]
    else:
        own = {image.member.name: [field for field in sidecars if field.stem == image.stem] for image in images}
        apart = all(own.values()) and len({image.stem for image in images}) == len(images)
        if apart:
            for image in images:
                yield _sample(image, own[image.member.name], fields)
        rest = [] if apart else images
    for image in rest:
        yield Sample(image.member.name, image.member.offset, reason=SEVERAL)


def _sample(image: _Field, sidecars: list[_Field], fields: Fields) -> Sample:
    sidecars = sorted(sidecars, key=lambda field: (SIDECARS.index(field.suffix), not field.stem))
    values: dict[str, object] = {}
    for sidecar in sidecars:
        values = sidecar.values | values
    name, offset = image.member.name, image.member.offset
    try:
        return Sample(name, offset, image.member.size, _label(values, fields), _text(values, fields))
    except _UnfitError as error:
        return Sample(name, offset, reason=str(error))


class _UnfitError(Exception):
    pass


def _label(values: dict[str, object], fields: Fields) -> str | None:
    if fields.label is not None:
        if lacking := [name for name in fields.label if name not in values]:
            raise _UnfitError(f"it has no {lacking[0]}, which data.source.label names")
        found = [_as_label(values[name]) for name in fields.label]
        return SEPARATOR.join(filter(None, found)) if all(found) else None
    if isinstance(values.get("class"), str) and not isinstance(values.get("label"), str) and "label" in values:
        return _as_label(values["class"])  # the name of the number that `label`, and `cls`, are
    return next(
        (label for name in ("cls", "label", "class") if (label := _as_label(values.get(name))) is not None), None
    )


def _as_label(value: Any) -> str | None:
    """Return a class by its name, or by its number in digits; None where the value is empty."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if value is not None and not isinstance(value, (str, int, float)):
        raise _UnfitError(NO_LABEL_KIND)
    text = "" if value is None else str(value).strip()
    if len(text) > LONGEST_LABEL:
        raise _UnfitError(NO_LABEL_KIND)
    return text or None


def _text(values: dict[str, object], fields: Fields) -> str | None:
    if fields.text == "none":
        return None
    if fields.text is not None:
        if fields.text not in values:
            raise _UnfitError(f"it has no {fields.text}, which data.text names")
        if not isinstance(values[fields.text], (str, type(None))):
            raise _UnfitError(NO_CAPTION_KIND)
    names = (*TEXTS, "text") if fields.text is None else (fields.text,)  # `caption` may be either
    found = (values.get(name) for name in names)
    return next((value.strip() for value in found if isinstance(value, str) and value.strip()), None)


def is_of_samples(first: Iterable[Member]) -> bool:
    """Return whether the first members of a tar are samples.

    They are if each image but the last has a class, caption or JSON of the same key.
    """
    endings: dict[str, set[str]] = defaultdict(set)
    for member in first:
        found = None if member.folder or is_junk(member.name) else _KEY.match(member.name)
        if found is not None:
            endings[found[1]].add(found[2].lower().rpartition(".")[2])
    with_image = [each for each in endings.values() if each & IMAGES]
    complete = [bool(each & set(SIDECARS)) for each in with_image]
    return any(complete) and all(complete[:-1])
