"""Figures for people: each with a name in plain words, its value, and what to hold it against. docs/figures.md defines them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Metrics = dict[str, Any]

FIGURES = "figures.json"  # of a published version


@dataclass(frozen=True)
class Row:
    """One figure; `key` is its name in the files under `metrics`."""

    key: str
    label: str
    value: str
    error: str  # its standard error, empty where it has none
    beside: str

    @property
    def value_with_error(self) -> str:
        """For example "0.92 ± 0.004"."""
        return f"{self.value} ± {self.error}" if self.error else self.value


def figure_groups(metrics: Metrics) -> dict[str, list[Row]]:
    """The rows of a table, by heading; a figure that was not measured, as those of labels where there are none, has no row."""
    return {
        title: [
            Row(key, label, form(metrics[key]), _error(form, metrics.get(f"{key}_error")), beside(metrics))
            for key, (label, form, beside) in rows.items()
            if key in metrics
        ]
        for title, rows in _GROUPS.items()
    }


def _error(form: Callable[[Any], str], error: float | None) -> str:
    """To one digit, in the figure's unit: more would say nothing, as it is itself known to a sixth."""
    if error is None:
        return ""
    unit, scaled = (" %", 100 * error) if form is percent else ("", error)
    return (f"{scaled:.0f}" if scaled >= 1 else f"{scaled:.1g}") + unit


def percent(value: float) -> str:
    """Of a share."""
    return f"{100 * value:.1f} %"


def _two(value: float) -> str:
    return f"{value:.2f}"


def _one(value: float) -> str:
    return f"{value:.1f}"


def _three(value: float) -> str:
    return f"{value:.3f}"


def _real(key: str, form: Callable[[float], str], what: str = "real images") -> Callable[[Metrics], str]:
    return lambda metrics: f"{what}: {form(metrics[key])}"


def _said(text: str) -> Callable[[Metrics], str]:
    return lambda _: text


def _spread(metrics: Metrics) -> str:
    spread = metrics.get("tstr_accuracy_spread")
    return f"trained on real: {percent(metrics['trtr_accuracy'])}" + (
        "" if spread is None else f"; ± {100 * spread:.1f} from seed to seed"
    )


def _distance(metrics: Metrics) -> str:
    return f"real images: {_one(metrics['fd_domain_real'])} ± {_error(_one, metrics['fd_domain_error_real'])}; not FID"


# key: (label, form of the value, what is said beside it)
_Rows = dict[str, tuple[str, Callable[[Any], str], Callable[[Metrics], str]]]
_GROUPS: dict[str, _Rows] = {
    "Usefulness": {
        "tstr_accuracy": ("Trained on synthetic, tested on real", percent, _spread),
        "augmented_accuracy": ("Trained on synthetic and real, tested on real", percent,
                               _real("trtr_accuracy", percent, "trained on real")),
        "tstr_class_min": ("Trained on synthetic, the class that is learnt worst", percent, _said("")),
        "label_accuracy": ("Labels that a classifier confirms", percent, _real("label_accuracy_real", percent)),
    },
    "Fidelity and variety": {
        "fd_domain": ("Distance to real holdout images (Fréchet, in features learnt from real ones)", _one, _distance),
        "fd_domain_extrapolated": ("The same, extrapolated to endlessly many images", _one,
                                   lambda m: f"real images: {m['fd_domain_extrapolated_real']:.1f}; 0 is equal"),
        "fid": ("FID, in Inception's features", _one, _real("fid_real", _one)),
        "kid": ("KID, in Inception's features", lambda value: f"{value:.4f}",
                _real("kid_real", lambda value: f"{value:.4f}")),
        "fd_onnx": ("Fréchet distance in the features of another module", _one, _real("fd_onnx_real", _one)),
        "precision": ("Precision: synthetic images that lie among real ones", _two, _real("precision_real", _two)),
        "recall": ("Recall: real images that lie among synthetic ones", _two, _real("recall_real", _two)),
        "coverage": ("Coverage: real images with a synthetic one nearer than their fifth real neighbour", _two,
                     _real("coverage_real", _two)),
        "diversity_min": ("Least diversity within a class", _two, _said("1 is as varied as real images")),
        "diversity_all": ("Diversity: mean distance of two images", _two, _said("1 is as varied as real images")),
        "class_share_min": ("Share of the rarest class, as a classifier predicts it", _two,
                            lambda m: f"real images: {m['class_share_min_real']:.2f}; 1 is an equal share, 0 a class that was dropped"),
        "class_balance": ("Rarest class over commonest", _three, _said("1 is balanced")),
        "shard_shift_max": ("The shard that differs most from the whole", _one,
                            _said("squared distance of its mean features, over what chance makes: 1 is chance")),
        "unique_share": ("Unique images", lambda value: f"{100 * value:.3f} %", lambda m: f"{m['duplicates']:,} exact duplicates"),
    },
    "Privacy": {
        "train_copies": ("Exact copies of training images", str, _said("")),
        "held_out_copies": ("Exact copies of real images that were held out", str, _said("")),
        "near_train_share": ("Nearer to a training image than 99 % of held-out real images are", percent,
                             _said("1 % if nothing was learnt by heart")),
        "nearest_train_ratio": ("Median distance to the nearest training image, over that of held-out real images", _two,
                                _said("1 if nothing was learnt by heart")),
        "authenticity": ("Farther from the nearest training image than that one is from the next", percent,
                         _real("authenticity_real", percent, "held-out real images")),
        "membership_auc": ("An attacker who guesses from the images what was trained on", _three,
                           _said("area under the ROC curve: 0.5 is a coin, 1 always right")),
        "membership_inversion_auc": ("The same by an attacker who has the generator and searches for each image", _three, _said("")),
        "membership_logit_auc": ("The same with the discriminator, which is not part of the dataset", _three, _said("")),
    },
}  # fmt: skip
