"""Save and load a model: generator, discriminator, and `model.json`, which describes them."""

from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn

from pipeline.base.errors import UserError
from pipeline.models.calibration import Calibration
from pipeline.models.pair import build_discriminator, build_generator
from pipeline.models.spec import PairSpec
from pipeline.runs.fingerprint import canonical_digest
from pipeline.store.files import file_sha256, is_there, read_json, readable, write_atomically, write_json

GENERATOR = "generator.safetensors"
DISCRIMINATOR = "discriminator.safetensors"
DESCRIPTION = "model.json"


@dataclass(frozen=True)
class TrainedPair:
    """Hold a trained pair, ready to use; `digest` identifies its weights, shape and calibration."""

    spec: PairSpec
    generator: nn.Module
    discriminator: nn.Module
    calibration: Calibration
    digest: str
    description: dict[str, Any]

    @property
    def label_names(self) -> list[str]:
        """Return the names of the labels that its images bear; empty where the pair is unconditional."""
        return self.spec.condition.label_names(self.description["classes"])


def save_pair(
    folder: Path,
    spec: PairSpec,
    generator: dict[str, Tensor],
    discriminator: dict[str, Tensor],
    calibration: Calibration,
    description: dict[str, Any],
) -> None:
    """Write the state of both networks, then `model.json`, whose presence says that the model is complete."""
    files = {GENERATOR: generator, DISCRIMINATOR: discriminator}
    for name, state in files.items():
        write_atomically(folder / name, save({key: tensor.contiguous() for key, tensor in state.items()}))
    digests = {name: file_sha256(folder / name) for name in files}
    write_json(
        folder / DESCRIPTION,
        {**description, "pair": asdict(spec), "calibration": asdict(calibration), "sha256": digests},
    )


def load_pair(folder: Path) -> TrainedPair:
    """Load a model after checking the digests of its files; both networks are in evaluation mode.

    Raises:
        UserError: there is no model in the folder, or it is damaged.
    """
    if not is_there(folder / DESCRIPTION):
        raise UserError(f"No model in {folder}: train one (`imagemint run train`), or give the folder of another one.")
    description = read_json(folder / DESCRIPTION, "model description")
    try:
        expected = {name: description["sha256"][name] for name in (GENERATOR, DISCRIMINATOR)}
        spec, calibration = _spec(description["pair"]), Calibration(**description["calibration"])
        generator, discriminator = build_generator(spec), build_discriminator(spec)
        if not calibration.fits(spec.condition.groups):
            raise ValueError("its calibration is not one for its classes")
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise UserError(
            f"{folder / DESCRIPTION} is no model description ({error}). Train or fetch the model again."
        ) from None
    with readable(folder):
        for name, digest in expected.items():
            if not (folder / name).is_file() or file_sha256(folder / name) != digest:
                raise UserError(
                    f"{folder / name} does not match {DESCRIPTION} beside it. Train or fetch the model again."
                )
    try:
        generator.load_state_dict(load_file(folder / GENERATOR))
        discriminator.load_state_dict(load_file(folder / DISCRIMINATOR))
    except (SafetensorError, RuntimeError) as error:
        raise UserError(f"{folder}: the weights do not fit {DESCRIPTION}: {error}") from None
    for network in (generator, discriminator):
        network.requires_grad_(False).eval()
    digest = canonical_digest({"pair": description["pair"], "calibration": asdict(calibration), "sha256": expected})
    return TrainedPair(spec, generator, discriminator, calibration, digest, description)


def _spec(stored: dict[str, Any]) -> PairSpec:
    """Return the spec of a stored model.

    A field that this version no longer has is ignored where the model does without it.
    """
    known = {field.name for field in fields(PairSpec)}
    return PairSpec(**{name: value for name, value in stored.items() if name in known or value})
