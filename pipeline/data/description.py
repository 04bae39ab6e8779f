"""`dataset.json`: what a canonical dataset is and what became of its source."""

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
    """A Parquet file of a split, with its number of images."""

    file: str
    rows: int
    sha256: str


class SplitDescription(_Described):
    """The images of a split: how many, of each class, and in which files."""

    rows: int
    classes: dict[str, int] = {}
    files: list[SplitFile] = Field(min_length=1)


class DescribedImage(_Described):
    """The shape of all images, px and channels."""

    height: int
    width: int
    channels: int

    @property
    def shape(self) -> ImageShape:
        """Return it in the order in which tensors have it."""
        return ImageShape(self.channels, self.height, self.width)


class SourceDescription(_Described):
    """Where the images come from; `kind` is that of the source in the config."""

    name: str
    licence: str
    kind: str = ""


class LeftOut(_Described):
    """How many images were left out for one reason, and the names of the first."""

    count: int
    first: list[str]


class Listed(_Described):
    """A file of images to look at, none where there are no such images."""

    count: int = 0
    file: str | None = None
    sha256: str | None = None


class DatasetDescription(_Described):
    """The content of `dataset.json`, in the order of its keys. What has a default is missing in files of earlier versions.

    `digest`: of images, labels and captions, whatever their order. `mean`, `std`: of each channel over the training images, 0 to 1.
    `enlarged`: images with a side shorter than the stored one. `left_out`: by reason.
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
        """Write it into the dataset's folder."""
        write_json(folder / DESCRIPTION, self.model_dump())


def describe(folder: Path) -> DatasetDescription:
    """Return the content of `folder/dataset.json`.

    Raises:
        UserError: there is none, or it is none.
    """
    if not is_there(folder / DESCRIPTION):
        raise UserError(f"No dataset in {folder}: run `python -m stages.ingest` first, or point --data at one.")
    try:
        return DatasetDescription.model_validate(read_json(folder / DESCRIPTION, "dataset description"))
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(step) for step in first["loc"]) or "the file"
        raise UserError(
            f"{folder / DESCRIPTION} is no dataset description: {key}: {first['msg'].removeprefix('Value error, ')}. Run ingest again."
        ) from None
