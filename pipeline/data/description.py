"""Read and write `dataset.json`, which says what a canonical dataset is and what became of its source."""

from pathlib import Path
from typing import Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from pipeline.base.errors import UserError
from pipeline.images.shape import ImageShape
from pipeline.store.files import is_there, read_json, write_json

DESCRIPTION = "dataset.json"
Split = Literal["train", "validation", "holdout"]
SPLITS: tuple[Split, ...] = get_args(Split)
UNSEEN: tuple[Split, ...] = ("validation", "holdout")  # by what is trained


class _Described(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True)


class SplitFile(_Described):
    """Describe a Parquet file of a split: its name, its number of images and its SHA-256."""

    file: str
    rows: int
    sha256: str


class SplitDescription(_Described):
    """Describe a split: how many images it has, how many of each class, and in which files they are."""

    rows: int
    classes: dict[str, int] = {}
    files: list[SplitFile] = Field(min_length=1)


class DescribedImage(_Described):
    """Describe the shape that all images have: height and width in px, and the number of channels."""

    height: int
    width: int
    channels: int

    @property
    def shape(self) -> ImageShape:
        """Return the shape in the order in which tensors have it."""
        return ImageShape(self.channels, self.height, self.width)


class SourceDescription(_Described):
    """Describe where the images come from; `kind` is the kind of the source in the config."""

    name: str
    licence: str
    kind: str = ""


class LeftOut(_Described):
    """Hold how many images were left out for one reason, and the names of the first."""

    count: int
    first: list[str]


class Listed(_Described):
    """Describe a file of images that people should inspect; `file` is None where there are no such images."""

    count: int = 0
    file: str | None = None
    sha256: str | None = None


class DatasetDescription(_Described):
    """Hold the content of `dataset.json`, in the order of its keys.

    Keys with a default are missing in files of earlier versions.

    `digest`: that of images, labels and captions, whatever their order.
    `mean`, `std`: statistics of each channel over the training images, 0 to 1.
    `enlarged`: the number of images with a side shorter than the stored one.
    `left_out`: the images that were left out, by reason.
    """

    name: str
    digest: str
    source: SourceDescription
    image: DescribedImage
    classes: list[str]
    splits: dict[Split, SplitDescription]
    mean: list[float] = []
    std: list[float] = []
    enlarged: int = 0
    warnings: list[str] = []
    left_out: dict[str, LeftOut] = {}
    quarantine: Listed = Listed()
    leaks: Listed = Listed()

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if missing := [split for split in SPLITS if split not in self.splits]:
            raise ValueError(f"splits.{missing[0]} is missing")
        return self

    def write(self, folder: Path) -> None:
        """Write the description into the dataset's folder."""
        write_json(folder / DESCRIPTION, self.model_dump())


def describe(folder: Path) -> DatasetDescription:
    """Return the content of `folder/dataset.json`.

    Raises:
        UserError: the file is missing, or it is no dataset description.
    """
    if not is_there(folder / DESCRIPTION):
        raise UserError(f"No dataset in {folder}: run `imagemint run ingest` first, or give another folder by --data.")
    try:
        return DatasetDescription.model_validate(read_json(folder / DESCRIPTION, "dataset description"))
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(step) for step in first["loc"]) or "the file"
        raise UserError(
            f"{folder / DESCRIPTION} is no dataset description: {key}: {first['msg'].removeprefix('Value error, ')}. Run ingest again."
        ) from None
