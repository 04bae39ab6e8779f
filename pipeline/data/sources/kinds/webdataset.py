"""List the source `webdataset`: tar shards whose members `KEY.jpg`, `KEY.cls`, `KEY.json`, `KEY.txt` form a sample."""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import PurePosixPath
from typing import BinaryIO

from pipeline.data.decode import LARGEST_FILE
from pipeline.data.sources.layout import SPLIT_FOLDERS
from pipeline.data.sources.location import Location
from pipeline.data.sources.shard_samples import Fields, Sample, is_of_samples, read_samples
from pipeline.data.sources.source import Listing, OfficialSplit, Part, RawImage, Request, SourceKind, wrong_kind
from pipeline.data.sources.tar_members import TARS, BrokenTarError, Member, members, open_tar, read_member
from pipeline.data.sources.tree import JUNK, is_hidden
from pipeline.store.folder import Folder
from pipeline.store.local import LocalFolder

SHARDS = (".tar", ".tar.gz", ".tgz")
# What may lie beside shards: what describes them.
_SIDECARS = (".json", ".jsonl", ".md", ".txt", ".csv", ".tsv", ".html", ".yaml", ".yml", ".log", ".idx", ".sha256")
NO_SHARD = "ignored: no shard, by its name"
PART_BYTES = (
    256 << 20
)  # of a tar on this machine; of one in a store, as of a packed one, each part would read all before it
_PEEKED = 100  # members by which a tar is recognised
_SPLIT = re.compile(rf"^({'|'.join(SPLIT_FOLDERS)})[-_.]")
WANTED = "tar shards with members KEY.jpg (or another image), KEY.cls, KEY.txt, KEY.json"


@dataclass(frozen=True)
class ShardPart:
    """Hold the samples of a shard whose image begins in a range of bytes, as a `Part`."""

    folder: Folder
    shard: str
    size: int
    first: int
    last: int | None  # not in the range any more; None: the range goes to the end
    fields: Fields
    split: OfficialSplit
    identity: str

    def images(self) -> Iterator[RawImage]:
        """Yield the images of the samples; see `Part`.

        A first pass finds what belongs together, since members of a sample need not be neighbours.
        """
        with open_tar(self.folder, self.shard) as file:
            samples, others = read_samples(file, self.size, self.fields)
        with open_tar(self.folder, self.shard) as file:
            for sample in (*samples, *others):
                if self.first <= sample.offset and (self.last is None or sample.offset < self.last):
                    yield self._image(file, sample)

    def _image(self, file: BinaryIO, sample: Sample) -> RawImage:
        reason, content = sample.reason, b""
        if reason is None and sample.size > LARGEST_FILE:
            reason = f"file of more than {LARGEST_FILE >> 20} MiB"
        if reason is None:
            try:
                content = read_member(file, sample.offset, sample.size)
            except BrokenTarError:  # it has changed since it was looked through
                reason = "unreadable"
        name = f"{self.shard}/{sample.name}" if sample.name else self.shard
        return RawImage(name, content, sample.label, sample.text, self.split, reason)


def _recognises(location: Location) -> bool:
    if location.file is not None:
        return location.kind_of_file in TARS and is_of_samples(_peek(location, location.file))
    shards = [name for name in location.entries if name.lower().endswith(SHARDS) and not is_hidden(name)]
    return (
        bool(shards)
        and all(name.lower().endswith((*SHARDS, *_SIDECARS)) or is_hidden(name) for name in location.entries)
        and is_of_samples(_peek(location, shards[0]))
    )


def _peek(location: Location, shard: str) -> list[Member]:
    """Return the first members of a shard, as far as they can be read."""
    first: list[Member] = []
    try:
        with open_tar(location.folder, shard) as file:
            for member in islice(members(file, location.entries[shard].size), _PEEKED):
                first.append(member)
    except BrokenTarError:
        return first
    return first


def _list(request: Request) -> Listing:
    location = request.location
    left_out: list[tuple[str, str]] = []
    if location.file is not None:
        if location.kind_of_file not in TARS:
            raise wrong_kind(request, f"is {location.kind_of_file or 'a file of no known kind'}", WANTED)
        shards = [location.file]
    else:
        shards = [name for name in location.entries if name.lower().endswith(SHARDS) and not is_hidden(name)]
        left_out = [
            (name, JUNK if is_hidden(name) else NO_SHARD) for name in location.entries if name not in set(shards)
        ]
        if not shards:
            raise wrong_kind(request, f"has no file that ends in {', '.join(SHARDS)}", WANTED)
    fields = Fields.of(request.source.label, request.text)
    splits, warnings = _splits(shards)
    return Listing(
        [part for shard in shards for part in _parts(location, shard, fields, splits[shard])],
        splits=tuple(sorted(set(splits.values()))),
        left_out=left_out,
        warnings=warnings,
    )


def _splits(shards: list[str]) -> tuple[dict[str, OfficialSplit], list[str]]:
    """Return the split of each shard, and warnings.

    The beginning of its name, or its first folder, gives the split, where all shards have one and at least one is for
    training. Where only a part of them has one, all are train, and a warning says so.
    """
    words = {}
    for shard in shards:
        path = PurePosixPath(shard.lower())
        found = _SPLIT.match(path.name)
        words[shard] = found[1] if found is not None else path.parts[0]
    others = [shard for shard, word in words.items() if word not in SPLIT_FOLDERS]
    if "train" in words.values() and not others:
        return {shard: SPLIT_FOLDERS[word] for shard, word in words.items()}, []
    warnings = []
    if len(others) < len(shards):
        why = f"{others[0]} stands beside them" if others else "there is no train beside them"
        named = sorted({word for word in words.values() if word in SPLIT_FOLDERS})
        warnings = [f"Shards are named {', '.join(named)}, but not taken for splits: {why}."]
    return dict.fromkeys(shards, "train"), warnings


def _parts(location: Location, shard: str, fields: Fields, split: OfficialSplit) -> Iterator[Part]:
    size = location.entries[shard].size
    whole = not isinstance(location.folder, LocalFolder) or not shard.lower().endswith(".tar")
    starts = [0] if whole else list(range(0, max(size, 1), PART_BYTES))
    for first, last in zip(starts, [*starts[1:], None], strict=True):
        seen = f"{location.identity_of(shard)}\0{fields}\0{split}\0{first}\0{last}"
        identity = hashlib.sha256(seen.encode(errors="surrogateescape")).hexdigest()
        yield ShardPart(location.folder, shard, size, first, last, fields, split, identity)


KIND = SourceKind("webdataset", 50, _recognises, _list)
