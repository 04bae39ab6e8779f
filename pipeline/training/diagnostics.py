"""Detect what goes wrong in adversarial training, from the metrics of a run's evaluations.

Each diagnostic examines the evaluations so far and returns a message that says what is wrong, or None. A validation
metric that an evaluation lacks raises no finding. The recipe's policy says what follows from a finding: `warn`,
`rollback` or `stop`.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pipeline.training.history import EvaluationRow

POLICIES = ("warn", "rollback", "stop")  # from the mildest to the hardest

COLLAPSED_DIVERSITY = 0.1  # of the reals', within a class; healthy runs stay above 0.5
SURE_ACCURACY = 0.995  # pairs told apart: a discriminator that leaves the generator nothing to follow
FOOLED_ACCURACY = 0.02  # a discriminator that has stopped to learn
DIVERGED_RATIO = 2.0  # distance over the best one so far
PERSISTENT = 2  # evaluations in a row that imbalance and oscillation take to be one
SKIPPED_SHARE = 0.01  # of an interval's steps
MEMORISED_RATIO = 0.3  # distance of fakes to the nearest training image over that of held-out reals


@dataclass(frozen=True)
class Finding:
    """Describe something that went wrong, and the action that follows."""

    images_seen: int
    diagnostic: str
    message: str
    action: str  # one of POLICIES


@dataclass(frozen=True)
class Evaluations:
    """Hold a run's evaluations so far, oldest first, and the name of the distance that training lowers."""

    history: Sequence[EvaluationRow]
    criterion: str

    @property
    def newest(self) -> EvaluationRow:
        return self.history[-1]

    @property
    def last_two(self) -> list[EvaluationRow]:
        """Return the newest evaluations, `PERSISTENT` of them or fewer; those before a rollback are left out."""
        return [row for row in self.history[-PERSISTENT:] if row.rollbacks == self.newest.rollbacks]

    def distances(self, rows: Sequence[EvaluationRow]) -> list[float]:
        """Return the criterion of each of the evaluations that have it."""
        return [row.validation[self.criterion] for row in rows if self.criterion in row.validation]

    @property
    def best_distance(self) -> float:
        return min(filter(math.isfinite, self.distances(self.history)), default=math.inf)


def diagnose(run: Evaluations, policies: dict[str, str]) -> list[Finding]:
    """Return a finding for each diagnostic that reports something wrong after the newest evaluation."""
    messages = {name: diagnostic(run) for name, diagnostic in DIAGNOSTICS.items()}
    seen = run.newest.images_seen
    return [Finding(seen, name, message, policies[name]) for name, message in messages.items() if message]


def hardest(findings: Sequence[Finding]) -> str | None:
    """Return the hardest action that any finding asks for, or None."""
    return max((finding.action for finding in findings), key=POLICIES.index, default=None)


def _non_finite(run: Evaluations) -> str | None:
    newest = run.newest
    values = {
        "discriminator_loss": newest.discriminator_loss,
        "generator_loss": newest.generator_loss,
        run.criterion: newest.validation.get(run.criterion, 0.0),
    }
    broken = [name for name, value in values.items() if not math.isfinite(value)]
    if broken:
        return f"{', '.join(broken)} not finite"
    if newest.skipped > SKIPPED_SHARE:
        return f"{newest.skipped:.1%} of the steps had a gradient that is not finite"
    return None


def _collapse(run: Evaluations) -> str | None:
    metrics = {"diversity_min": "within some class ", "diversity_mean": "", "diversity_all": ""}
    for metric, where in metrics.items():
        diversity = run.newest.validation.get(f"validation_{metric}", math.inf)
        if diversity < COLLAPSED_DIVERSITY:
            return f"{where}the images differ from each other {diversity:.3f} times as much as real ones"
    return None


def _overpowering(run: Evaluations) -> str | None:
    accuracies = [row.discriminator_accuracy for row in run.last_two]
    if len(accuracies) < PERSISTENT:
        return None
    if min(accuracies) > SURE_ACCURACY:
        return f"the discriminator tells {accuracies[-1]:.1%} of the pairs apart: the generator has nothing to follow"
    if max(accuracies) < FOOLED_ACCURACY:
        return (
            f"the discriminator takes the fake for the real in {1 - accuracies[-1]:.1%} of the pairs: it learns nothing"
        )
    return None


def _oscillation(run: Evaluations) -> str | None:
    distances, best = run.distances(run.last_two), run.best_distance
    if len(distances) < PERSISTENT or not min(distances) > DIVERGED_RATIO * best:
        return None
    return f"{run.criterion} {distances[-1]:.1f} has been above {DIVERGED_RATIO:g} times its best, {best:.1f}, {PERSISTENT} times in a row"


def _memorisation(run: Evaluations) -> str | None:
    ratio = run.newest.validation.get("validation_nearest_ratio", math.inf)
    if not ratio < MEMORISED_RATIO:
        return None
    return f"the images lie {ratio:.2f} times as far from the nearest training image as held-out real ones do"


DIAGNOSTICS: dict[str, Callable[[Evaluations], str | None]] = {
    "non_finite": _non_finite,
    "collapse": _collapse,
    "overpowering": _overpowering,
    "oscillation": _oscillation,
    "memorisation": _memorisation,
}
