"""Define every key of a preset: its type, its range, its unit and what it is for.

The rules that span several keys stand in `rules.py`.
"""

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Discriminator, Field, Tag, field_validator, model_validator

from pipeline.base.registry import entry_names, name_in_config
from pipeline.base.section import Section
from pipeline.config.constants import DEFAULT_JPEG_QUALITY
from pipeline.config.filters import FilterKeys
from pipeline.config.metrics import METRICS
from pipeline.config.sources import Source

Seed = Annotated[int, Field(ge=0, lt=2**32)]
Count = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(gt=0, lt=1)]
Auto = Literal["auto"]


class Data(Section):
    """Say what ingest makes of the source."""

    source: Source
    size: Literal[8, 16, 28, 32, 64, 128] = Field(
        description="Side of the stored images in px. The model pads them to its own resolution."
    )
    channels: Auto | Literal[1, 3] = Field(
        "auto",
        description="1: grey, 3: RGB. auto: grey where all images are, else RGB, with R = G = B for the grey ones.",
    )
    classes: Literal["auto", "none"] | Annotated[list[str], Field(min_length=1)] = Field(
        "auto",
        description="Class names, in the order of the labels; images of other classes are left out. auto: as the "
        "source names them. none: labels are ignored.",
    )
    text: str = Field(
        "auto",
        min_length=1,
        description="Column or field of the captions. auto: detected; none: captions are ignored.",
    )
    fit: Literal["crop", "pad", "stretch"] = Field(
        "crop",
        description="crop: keep the largest square in the middle; pad: keep the whole image on `background`; stretch: "
        "distort it to a square.",
    )
    resample: Literal["lanczos", "area", "nearest"] = Field(
        "lanczos", description="Kernel of the resizing. lanczos and area are antialiased; nearest suits pixel art."
    )
    background: Annotated[str, Field(pattern=r"^(white|black|#[0-9a-fA-F]{6})$")] = Field(
        "white", description='white, black or "#rrggbb". It fills transparent pixels and the padding.'
    )
    too_small: Literal["enlarge", "refuse"] = Field(
        "enlarge",
        description="What ingest does with an image whose shorter side is below data.size. Either way ingest counts "
        "them.",
    )
    validation_share: Auto | Share | None = Field(
        "auto",
        description="Share of train that is cut off for choices (best checkpoint, thresholds). null: use the split of "
        "the source. auto: use that split, or else a share by the number of images.",
    )
    holdout_share: Auto | Share | None = Field(
        "auto",
        description="Share that is cut off for the audit alone, if the source has no official test split. null and "
        "auto as in validation_share.",
    )
    near_duplicates: Literal["group", "keep", "drop"] = Field(
        "group",
        description="group: images that look nearly alike stay in one split; keep: only equal images do; drop: one "
        "image of each group of near duplicates stays.",
    )
    bad_share_max: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.02,
        description="Largest share of the images that may be damaged, refused or otherwise unusable. Above it ingest "
        "fails.",
    )
    seed: Seed = 0

    @property
    def background_rgb(self) -> tuple[int, int, int]:
        """Return red, green and blue of `background`, 0 to 255."""
        digits = {"white": "ffffff", "black": "000000"}.get(self.background, self.background.removeprefix("#"))
        red, green, blue = bytes.fromhex(digits)
        return red, green, blue

    @field_validator("classes", mode="before")
    @classmethod
    def _texts(cls, names: object) -> object:
        if isinstance(names, list) and any(not isinstance(name, str) for name in names):
            raise ValueError("class names are texts: put quotes around numbers, as in ['3', '5']")
        return names

    @field_validator("classes")
    @classmethod
    def _distinct(cls, names: str | list[str]) -> str | list[str]:
        if isinstance(names, list) and len(set(names)) < len(names):
            raise ValueError("class names must differ from each other")
        return names


class Embed(Section):
    """Train the embedder, in whose features distances are measured.

    It is a classifier of the data's classes, or for one class a network that learns without labels.
    """

    total_images: Count = Field(
        description="Images that the embedder is trained on, counting repeats. Without labels each of the two views of "
        "an image counts."
    )
    features: Annotated[int, Field(ge=8, le=2048)] = 128
    batch_size: Annotated[int, Field(ge=2)] = 128
    learning_rate: Annotated[float, Field(gt=0, le=1)] = 0.002
    seed: Seed = 0


class Latent(Section):
    size: Annotated[int, Field(ge=1, le=4096)] = 64
    prior: Literal["normal", "uniform"] = "normal"


Width = Annotated[int, Field(ge=4, le=1024)]
if TYPE_CHECKING:
    Conditioning = str
else:
    _NAMES = map(name_in_config, entry_names("pipeline.models.conditions"))
    Conditioning = Literal[tuple(sorted(_NAMES, key=lambda name: name != "none"))]  # first what is no condition


class Model(Section):
    architecture: Literal["mlp", "dcgan", "resnet", "r3"] = Field(
        "dcgan",
        description="mlp: fully connected (Goodfellow et al. 2014); dcgan: strided convolutions; resnet: residual "
        "blocks; r3: residual blocks without norms.",
    )
    resolution: Literal[8, 16, 32, 64, 128] = Field(description="Side of the images inside the networks in px.")
    channels: Literal[1, 3] = Field(description="Channels of the images, the same as in the data.")
    conditioning: Conditioning = Field(
        "class",
        description="none: both networks ignore the labels, and records have none. Data of one class is always "
        "treated so.",
    )
    latent: Latent = Latent()
    width: Width = Field(32, description="Channels of the layer with the most pixels.")
    discriminator_width: Width | None = Field(
        None, description="Width of the discriminator. null: the same as `width`."
    )
    generator_norm: Literal["auto", "pixel", "batch", "none"] = Field(
        "auto",
        description="auto: pixel for dcgan and resnet, none for mlp and r3. pixel normalises the features of each "
        "pixel (Karras et al. 2018).",
    )
    discriminator_norm: Literal["none", "batch", "spectral"] = Field(
        "none",
        description="batch: real and fake images are normalised separately; it cannot be combined with gradient "
        "penalties.",
    )


class Penalty(Section):
    """Weigh the gradient penalties.

    r1 and r2 are zero-centred (Mescheder et al. 2018, Huang et al. 2024), gp is one-centred (Gulrajani et al. 2017).
    """

    r1: Annotated[float, Field(ge=0)] = Field(0.0, description="Weight of the penalty on real images.")
    r2: Annotated[float, Field(ge=0)] = Field(0.0, description="Weight of the penalty on fake images.")
    gp: Annotated[float, Field(ge=0)] | None = Field(
        None, description="Weight of the penalty between real and fake images. null: 10 with the loss wgan_gp, else 0."
    )
    every: Count = Field(
        1, description="Steps from one penalty to the next; the weights are multiplied by this number."
    )
    final_share: Annotated[float, Field(ge=0, le=1)] = Field(
        1.0, description="Share of the weights that is left at the end; they fall along a cosine."
    )


Policy = Literal["warn", "rollback", "stop"]


class Diagnostics(Section):
    """Say what is done when an evaluation shows that something goes wrong; each finding stands in model.json.

    warn: say so.
    rollback: go back to the best evaluation, with other latents and 0.3 times the learning rate, at most six times.
    stop: end the run with an error.
    """

    non_finite: Policy = Field(
        "rollback",
        description="A loss, the distance to validation, or the gradients of more than 1 % of the steps are not "
        "finite.",
    )
    collapse: Policy = Field(
        "warn", description="Diversity within some class, or on average, is below 0.1 of that of real images."
    )
    overpowering: Policy = Field(
        "warn",
        description="The discriminator tells more than 99.5 % or fewer than 2 % of the pairs apart, in two "
        "evaluations in a row.",
    )
    oscillation: Policy = Field(
        "rollback", description="The distance to validation is above twice its best, in two evaluations in a row."
    )
    memorisation: Policy = Field(
        "warn", description="Fakes lie less than 0.3 times as far from training images as held-out images do."
    )


Rate = Annotated[float, Field(gt=0, le=1)]
if TYPE_CHECKING:
    Loss = str
else:
    Loss = Literal[entry_names("pipeline.training.losses")]


class Train(Section):
    loss: Loss = Field("relativistic", description="Name of a file in pipeline/training/losses.")
    penalty: Penalty = Penalty()
    total_images: Count = Field(description="Budget: real images shown to the discriminator.")
    batch_size: Annotated[int, Field(ge=2)] = Field(
        64, description="Size of the global batch, whatever the number of workers."
    )
    accumulation: Count = Field(
        1, description="Number of parts in which each worker computes its share of the batch, to fit into memory."
    )
    learning_rate: Rate = 0.001
    final_learning_rate: Rate = Field(5e-5, description="Learning rate at the end of the schedule.")
    schedule: Literal["cosine", "linear", "constant"] = "cosine"
    warmup_images: Annotated[int, Field(ge=0)] = Field(
        0, description="Images over which the learning rate grows from 0."
    )
    discriminator_rate: Annotated[float, Field(ge=0, le=100)] = Field(
        1.0, description="The discriminator's learning rate as a multiple of the generator's (Heusel et al. 2017)."
    )
    betas: tuple[Annotated[float, Field(ge=0, lt=1)], Annotated[float, Field(ge=0, lt=1)]] = Field(
        (0.0, 0.99), description="Betas of the optimiser Adam."
    )
    ema_half_life_images: Count = Field(
        500_000,
        description="Half-life of the averaged generator, in images. It is an upper bound: early on 5 % of the images "
        "seen count.",
    )
    checkpoint_every_images: Count = 50_000
    augmentation: Literal["none", "diffaugment", "ada"] = Field(
        "none",
        description="Augmentation of every image that the discriminator sees. It helps below about 30,000 images "
        "(Zhao et al. 2020; Karras et al. 2020).",
    )
    ada_target: Share = Field(
        0.6, description="ada augments more while the discriminator tells real from fake more surely than this."
    )
    x_flip: bool = Field(
        False, description="Mirror half of the real images. Use it only where mirrored images are plausible."
    )
    data: Literal["auto", "resident", "streamed"] = Field(
        "auto",
        description="resident: all images stay on the device; streamed: they are read in blocks. auto: resident if "
        "they fit.",
    )
    diagnostics: Diagnostics = Diagnostics()
    precision: Literal["auto", "fp32", "bf16"] = Field(
        description="auto: bf16 where the hardware can multiply in it, else fp32."
    )
    compile: bool = Field(False, description="Compile the generator with torch.compile; needs a C++ compiler.")
    tensorboard: bool = Field(False, description="Write TensorBoard logs into the run's folder (extra `tensorboard`).")
    seed: Seed = 0

    @field_validator("betas", mode="before")
    @classmethod
    def _yaml_has_no_tuples(cls, value: object) -> object:
        return tuple(value) if isinstance(value, list) else value


class OtherFeatures(Section):
    """Name a feature space besides the domain classifier's."""

    kind: Literal["inception", "onnx"]
    path: str = Field(min_length=1, description="File of Inception's weights, or of an ONNX module.")


class Evaluate(Section):
    images: Annotated[int, Field(ge=100, le=1_000_000)] = Field(
        10_000, description="How many generated images to measure; all are held in memory."
    )
    seed: Seed = 1
    features: OtherFeatures | None = Field(
        None,
        description="Another feature space to measure distances in: inception gives fid and kid, onnx fd_onnx and kid_onnx.",
    )


def _kind_of_labels(labels: object) -> str:
    return "weights" if isinstance(labels, dict) else "name"


Encoding = Literal["png", "webp", "jpeg", "raw"]
LabelWeights = dict[str, Annotated[int, Field(ge=1, le=1000)]]
Labels = Annotated[
    Annotated[Literal["balanced"], Tag("name")] | Annotated[LabelWeights, Tag("weights")],
    Discriminator(_kind_of_labels),
]


class Sample(Section):
    count: Count
    shard_size: Count = 10_000
    batch_size: Annotated[int, Field(ge=1, le=65_536)] = Field(
        500, description="Images of one forward pass. shard_size has to be a multiple of it."
    )
    formats: Annotated[list[Literal["parquet", "webdataset"]], Field(min_length=1)] = Field(["parquet"])
    encoding: Encoding = Field(
        "png",
        description="webp: lossless, but RGB even for grey images; raw: pixels after a PNM header. Only jpeg loses "
        "detail.",
    )
    jpeg_quality: Annotated[int, Field(ge=1, le=100)] = DEFAULT_JPEG_QUALITY
    labels: Labels = Field(
        "balanced",
        description="balanced, or a weight for each requested class, e.g. {Bag: 3, Trouser: 1}; one class alone: "
        "{Bag: 1}.",
    )
    truncation: Annotated[float, Field(ge=0.01, allow_inf_nan=False)] | None = Field(
        None,
        description="Largest number in a latent. A lower one gives more typical images and less variety. null: no "
        "bound.",
    )
    seed: Seed = 0
    filters: list[FilterKeys] = Field(
        [], description="Filters that a candidate has to pass, in this order; each kind at most once."
    )

    @field_validator("labels", mode="before")
    @classmethod
    def _balanced_or_weights(cls, labels: object) -> object:
        if labels != "balanced" and not (isinstance(labels, dict) and labels):
            raise ValueError("use balanced, or a weight for each class wanted, as in {Bag: 3, Trouser: 1}")
        if isinstance(labels, dict) and any(not isinstance(name, str) for name in labels):
            raise ValueError("class names are texts: put quotes around numbers, as in {'3': 1}")
        return labels

    @field_validator("filters")
    @classmethod
    def _one_of_a_kind(cls, filters: list[FilterKeys]) -> list[FilterKeys]:
        if len({each.kind for each in filters}) < len(filters):
            raise ValueError("each kind of filter at most once")
        return filters

    @field_validator("formats")
    @classmethod
    def _once_each(cls, formats: list[str]) -> list[str]:
        if len(set(formats)) < len(formats):
            raise ValueError("each format at most once")
        return formats


class Prices(Section):
    """State what machines cost, for the report; the defaults are nobody's offer."""

    currency: Annotated[str, Field(min_length=1, max_length=8)] = "USD"
    core_hour: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.05
    gpu_hour: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 2.0


class Audit(Section):
    seeds: Annotated[int, Field(ge=1, le=20)] = Field(1, description="Classifiers trained for each usefulness metric.")
    total_images: Count = Field(
        300_000, description="Images that each usefulness classifier is trained on, counting repeats."
    )
    full: bool = Field(
        False,
        description="Train with five seeds or more, compare all kept records with all training images, and run "
        "attacks that take minutes.",
    )
    prices: Prices = Prices()


class Gate(Section):
    """Bound a metric, and its ratio to the same metric of real images."""

    min: float | None = None
    max: float | None = None
    min_of_real: float | None = None
    max_of_real: float | None = None

    @model_validator(mode="after")
    def _bounded(self) -> "Gate":
        pairs = {"": (self.min, self.max), "_of_real": (self.min_of_real, self.max_of_real)}
        if all(bound is None for pair in pairs.values() for bound in pair):
            raise ValueError("a gate needs min, max, min_of_real or max_of_real")
        for suffix, (least, most) in pairs.items():
            if least is not None and most is not None and least > most:
                raise ValueError(f"min{suffix} {least} is above max{suffix} {most}: nothing could pass")
        return self

    @property
    def of_real(self) -> bool:
        """Return whether the ratio to real images is bounded."""
        return self.min_of_real is not None or self.max_of_real is not None


if TYPE_CHECKING:
    GatedMetric = str
else:
    GatedMetric = Literal[tuple(metric.name for metric in METRICS.values() if metric.gate)]


class Cluster(Section):
    """Say how many workers run.

    "auto" takes one a GPU, or without GPUs one a node for training and one a CPU for sampling.
    """

    train_workers: Auto | Count
    sample_workers: Auto | Count


class Sections(Section):
    """Hold the keys of a preset, each right by itself."""

    root: str = Field(".", min_length=1, description="Folder or object store that holds runs/ and published versions.")
    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
    data: Data
    embed: Embed
    model: Model
    train: Train
    evaluate: Evaluate
    sample: Sample
    audit: Audit
    gates: dict[GatedMetric, Gate]
    cluster: Cluster
