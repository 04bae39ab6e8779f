"""Where real images come from, and how each becomes a square: the keys of `data.source` and `data.images`."""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from pipeline.config.section import Section

SOURCE_KINDS = ("idx", "digits", "folder")
GREY_KINDS = ("idx", "digits")

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Byte = Annotated[int, Field(ge=0, le=255)]
Pixel = Annotated[int, Field(ge=0, le=1 << 16)]
Side = Annotated[int, Field(ge=1, le=1 << 16)]


class _Named(Section):
    name: str = Field(
        min_length=1, description="What the source is called in the provenance of everything made from it."
    )
    licence: str = Field(min_length=1, description="SPDX name of the licence of the real images.")


class IdxSource(_Named):
    """IDX files, the format of MNIST and its kin, gzipped or not."""

    kind: Literal["idx"]
    path: str | None = Field(
        None, description="Folder of the four IDX files. null: look in the usual places, then fetch."
    )
    published: Literal["fashion-mnist"] | None = Field(
        None,
        description="The known dataset to look for and fetch; where path is null, fashion-mnist unless said otherwise.",
    )
    sha256: dict[str, Sha256] | None = Field(
        None, description="Digest of each file's uncompressed content, by name. null: any content is accepted."
    )


class DigitsSource(_Named):
    """The 1,797 handwritten digits, 8x8, that scikit-learn carries."""

    kind: Literal["digits"]
    name: str = "scikit-learn digits (UCI optical recognition of handwritten digits, test part)"
    licence: str = "CC-BY-4.0"


class _Placed(_Named):
    path: str = Field(min_length=1, description="A folder of this machine, or s3:// or gs://.")


class ImageFolderSource(_Placed):
    """Image files, each in the folder of its class, or all in one; below train, validation and test where the splits are given."""

    kind: Literal["folder"]
    licence: str = Field("unknown", description="SPDX name of the licence of the real images.")
    name: str = Field("own images", min_length=1, description="What the source is called in the provenance.")


Source = Annotated[IdxSource | DigitsSource | ImageFolderSource, Field(discriminator="kind")]


class Images(Section):
    """Say how ingest makes a square of a picture of any shape."""

    crop: tuple[Pixel, Pixel, Side, Side] | None = Field(
        None, description="Cut out first: left, top, width, height in px. null: nothing is cut."
    )
    fit: Literal["centre", "pad", "stretch"] = Field(
        "centre",
        description="centre: the largest square in the middle; pad: all of it on `background`; stretch: pulled to a square.",
    )
    resample: Literal["lanczos", "bicubic", "area"] = Field("lanczos", description="Kernel; all are antialiased.")
    light: Literal["srgb", "linear"] = Field(
        "srgb", description="What is averaged: the stored values, as the field does, or the light that they stand for."
    )
    background: tuple[Byte, Byte, Byte] = Field(
        (255, 255, 255), description="Red, green, blue: shown through what is transparent, and around what is padded."
    )
    smallest: Annotated[int, Field(ge=1)] | None = Field(
        None,
        description="An image with a shorter side than this, px, is left out. null: data.size, so that nothing is enlarged.",
    )

    @field_validator("crop", "background", mode="before")
    @classmethod
    def _yaml_has_no_tuples(cls, value: object) -> object:
        return tuple(value) if isinstance(value, list) else value
