"""Define the keys of `data.source`, which say where real images come from."""

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, model_validator

from pipeline.base.registry import entry_names
from pipeline.base.section import Section

SOURCE_KINDS = ("auto", *entry_names("pipeline.data.sources.kinds"), "digits", "known")
if TYPE_CHECKING:
    SourceKindName = str
else:
    SourceKindName = Literal[SOURCE_KINDS]
# The kinds that a key applies to; path, kind, name and licence apply to all.
ONLY_FOR = {
    "label": ("folder", "zip", "webdataset", "parquet", "listing", "cifar", "celeba"),
    "transposed": ("idx",),
}

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Source(Section):
    """Describe a source of real images of any kind; docs/reference/sources.md lists the kinds, and what each reads."""

    path: str | None = Field(
        None,
        description="A folder or file of this machine, s3://, gs:// or https:// (with sha256), or a known dataset's name. "
        "null: for digits only.",
    )
    kind: SourceKindName = Field("auto", description="auto: detected from the files.")
    label: str | Annotated[list[str], Field(min_length=1)] | None = Field(
        None,
        description="The column, field or attribute that holds the class, or several, whose values are joined. null: "
        "detected.",
    )
    transposed: bool = Field(False, description="idx: images lie on their side, as those of EMNIST do.")
    sha256: Sha256 | None = Field(None, description="Digest of the one file that path names; https:// needs it.")
    name: str | None = Field(
        None, min_length=1, description="Name of the source in the provenance of everything that is made from it."
    )
    licence: str | None = Field(None, min_length=1, description="SPDX name of the licence of the real images.")

    @model_validator(mode="after")
    def _keys_fit_the_kind(self) -> "Source":
        if self.path is None and self.kind != "digits":
            raise ValueError("path is missing: a folder, a file, an address, or the name of a known dataset")
        if self.path is not None and self.kind == "digits":
            raise ValueError("path means nothing for kind digits, which scikit-learn carries; leave it out")
        for key, kinds in ONLY_FOR.items():
            if getattr(self, key) and self.kind not in ("auto", *kinds):
                raise ValueError(f"{key} means nothing for kind {self.kind}; allowed for {', '.join(kinds)}")
        if self.path is not None and self.path.startswith("https://") and self.sha256 is None:
            raise ValueError("sha256 is missing: the content at an address may change, so give its SHA-256")
        return self
