"""All figures of images in the embedder's feature space, beside the same of real images."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from pipeline.embedding.embedder import Embedder
from pipeline.evaluation.class_quality import class_quality, predicted_shares
from pipeline.evaluation.fidelity import fidelity
from pipeline.evaluation.resampling import Part, standard_errors
from pipeline.runs.fingerprint import six_digits

LabelledFeatures = tuple[Tensor, Tensor]  # features float [N, features], labels int64 [N]


def quality_metrics(
    embedder: Embedder, fake: Tensor, asked: Tensor | None, real: LabelledFeatures, names: Sequence[str]
) -> dict[str, Any]:
    """Of fakes, by their features, `float [N, features]`, and the labels they were asked for, `int64 [N]`, where there are some.

    `real`: of holdout images; `names`: of the classes. Returns what `fidelity` and `class_quality` measure, each with its
    standard error but for `diversity`, which is by class. Without labels `class_share` says how often the classifier sees
    each class, 1 an equal share. Of one class alone there are no figures of classes.
    """
    grouped = len(names) > 1

    def by_class(fakes: Part, reals: Part) -> dict[str, Any]:
        (features, *labels), (real_features, real_labels) = fakes, reals
        return class_quality(embedder, features, labels[0] if labels else None, real_features, real_labels, len(names))

    def of_classes(fakes: Part, reals: Part) -> dict[str, float]:
        figures = by_class(fakes, reals)
        figures.pop("diversity", None)
        return figures

    fakes = (fake,) if asked is None else (fake, asked)
    figures = {
        **fidelity(fake, real[0], embedder.probabilities(fake) if grouped else None),
        **of_classes(fakes, real),
        **standard_errors(of_classes, fakes, real),
    }
    rounded: dict[str, Any] = {name: six_digits(value) for name, value in figures.items()}
    if not grouped:
        return rounded
    shares = (
        {} if asked is not None else {"class_share": _by_class(predicted_shares(embedder, fake, len(names)), names)}
    )
    return {**rounded, "diversity": _by_class(by_class(fakes, real)["diversity"], names), **shares}


def real_metrics(
    embedder: Embedder, train: Tensor, real: LabelledFeatures, names: Sequence[str], *, conditional: bool
) -> dict[str, float]:
    """What real images in the place of the fakes have, each name with `_real`: what is better than that is chance.

    Features of as many training images as there are fakes, `float [N, features]`, take their place. What the classifier says of
    classes is said of `real`, the holdout: it has seen the training images with their labels.
    """
    if len(names) < 2:
        figures = fidelity(train, real[0], None)
        return {f"{name}_real": six_digits(value) for name, value in figures.items()}
    figures = fidelity(train, real[0], embedder.probabilities(train))
    if conditional:
        figures["label_accuracy"] = float((embedder.labels(real[0]) == real[1]).float().mean())
    else:
        figures["class_share_min"] = float(predicted_shares(embedder, real[0], len(names)).min())
    return {f"{name}_real": six_digits(value) for name, value in figures.items()}


def _by_class(values: Any, names: Sequence[str]) -> dict[str, float | None]:
    return {name: None if value is None else round(float(value), 4) for name, value in zip(names, values, strict=True)}
