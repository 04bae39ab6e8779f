"""Run the training loop: batches, schedules, evaluations and what follows from them. It knows torch alone."""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Protocol

import torch
from torch import nn

from pipeline.models.spec import PairSpec
from pipeline.training import schedules
from pipeline.training.ada import AdaptiveAugment
from pipeline.training.batches import RealImages, StepInputs, on_device, prepared
from pipeline.training.block_shuffle import generator_for, training_latents
from pipeline.training.checkpoint import StateDict
from pipeline.training.diagnostics import POLICIES, Evaluations, Finding, diagnose, hardest
from pipeline.training.gan_state import GanState, Snapshot
from pipeline.training.history import EvaluationRow, Metrics
from pipeline.training.losses import LOSSES
from pipeline.training.recipe import Recipe
from pipeline.training.replicas import WorkerContext, distribute, from_first_worker, mean_over_workers
from pipeline.training.step import AdversarialStep, NetworkWithOptimizer, StepResult, StepSettings

ADAPT_EVERY = 4  # steps between two adjustments of an adaptive augmentation (Karras et al. 2020, arXiv:2006.06676)
INTERVAL_STEPS = 64  # steps between two checks of whether a node is about to be taken away
ROLLBACK_FACTOR = 0.3  # what each rollback leaves of the learning rate
ROLLBACK_LIMIT = 6  # a run that has gone back so often does not recover

STEP_METRICS = tuple(field.name for field in fields(StepResult))


class Evaluator(Protocol):
    """Evaluate the averaged generator at each checkpoint, on the first worker."""

    criterion: str  # the metric by which the best checkpoint is selected: the lower, the better

    def __call__(self, generator: nn.Module, discriminator: nn.Module) -> Metrics:
        """Return metrics, `criterion` among them. Both networks are in evaluation mode."""
        ...


@dataclass(frozen=True)
class Evaluation:
    """Hold the result of a checkpoint's evaluation. Findings exist on the first worker only."""

    row: EvaluationRow
    findings: list[Finding]
    action: str | None  # the hardest that a finding asks for; "stop" also when there is no use in going back again
    images_per_s: float  # since the last checkpoint


class TrainingStoppedError(RuntimeError):
    """Report that a diagnostic ended the run, by its policy or because going back did not help."""


class Trainer:
    """Train one pair on one set of images.

    Args:
        spec: describes the networks.
        recipe: says how to train them.
        images: the real images.
        context: describes this worker.
        evaluator: measures the averaged generator; None on every worker but the first.
    """

    def __init__(
        self, spec: PairSpec, recipe: Recipe, images: RealImages, context: WorkerContext, evaluator: Evaluator | None
    ) -> None:
        self.spec = spec
        self.recipe = recipe
        self.images = images
        self.context = context
        self.evaluator = evaluator
        self.gan = GanState(spec, recipe, context)
        self.rollbacks = 0
        self.history: list[EvaluationRow] = []
        self.findings: list[Finding] = []
        self.best = self.gan.snapshot(None)
        self._step = AdversarialStep(
            NetworkWithOptimizer(distribute(self.gan.generator, context), self.gan.generator_optimizer),
            NetworkWithOptimizer(distribute(self.gan.discriminator, context), self.gan.discriminator_optimizer),
            StepSettings(
                LOSSES[recipe.loss],
                recipe.penalty,
                recipe.precision,
                recipe.accumulation,
                apart=spec.discriminator_norm == "batch",
            ),
            self.gan.augment,
        )
        self._sums = torch.zeros(len(STEP_METRICS), device=context.device)
        self._steps_summed = 0

    def run(
        self,
        on_checkpoint: Callable[["Trainer", Evaluation], None],
        on_interval: Callable[["Trainer"], None] = lambda _: None,
    ) -> None:
        """Train to the end of the budget, and call `on_checkpoint` on every worker at each checkpoint.

        `on_interval` is called on every worker after every `INTERVAL_STEPS`-th step without a checkpoint. It may save
        the `state`.

        Raises:
            TrainingStoppedError: on every worker, after `on_checkpoint` has seen why.
        """
        while self.gan.images_seen < self.recipe.total_steps * self.recipe.batch_size:
            self._run_until_rollback(on_checkpoint, on_interval)

    def _run_until_rollback(
        self, on_checkpoint: Callable[["Trainer", Evaluation], None], on_interval: Callable[["Trainer"], None]
    ) -> None:
        first_step = self.gan.images_seen // self.recipe.batch_size
        started, first_image = time.monotonic(), self.gan.images_seen
        with closing(prepared(self.prepare, range(first_step, self.recipe.total_steps))) as batches:
            for step, inputs in batches:
                self.one_step(step, inputs)
                if not self._ends_in_checkpoint(step):
                    if (step + 1) % INTERVAL_STEPS == 0:
                        on_interval(self)
                    continue
                rate = (self.gan.images_seen - first_image) / (time.monotonic() - started)
                evaluation = self._evaluate(rate)
                if evaluation.action == "rollback":
                    self._roll_back()
                on_checkpoint(self, evaluation)
                if evaluation.action == "stop":
                    raise TrainingStoppedError(self._why(evaluation.findings))
                if evaluation.action == "rollback":
                    return
                # What a checkpoint costs is no part of the throughput.
                started, first_image = time.monotonic(), self.gan.images_seen

    def prepare(self, step: int) -> StepInputs:
        """Return the inputs of a step: this worker's share of what is prepared for the whole batch."""
        recipe, count, device = self.recipe, self.recipe.batch_size, self.context.device
        share, start = self.context.share_of(count), step * count
        real, labels = self.images.at(start, count, share)
        if recipe.augmentation.x_flip:
            flipped = torch.rand(count, generator=self._random("flips", start))[share] < 0.5
            # Where the margins differ by a pixel, the mirrored image stays in its place.
            mirrored = real.flip(3).roll(-((self.spec.resolution - self.spec.shape.width) % 2), 3)
            real = torch.where(on_device(flipped, device)[:, None, None, None], mirrored, real)
        latents = training_latents(self._random("latents", start), count, self.spec.latent_size, self.spec.latent_prior)
        mix = torch.rand(count, generator=self._random("mix", start))
        draws = None
        if self.gan.augment is not None:
            drawn = self.gan.augment.random_numbers(self._random("augment", start), 3 * count)
            draws = on_device(drawn.unflatten(0, (count, 3))[share], device)
        return StepInputs(real, labels, on_device(latents[share], device), on_device(mix[share], device), draws)

    def one_step(self, step: int, inputs: StepInputs) -> None:
        """Update both networks and the average."""
        recipe, gan, seen = self.recipe, self.gan, step * self.recipe.batch_size
        gan.set_learning_rate(
            ROLLBACK_FACTOR**self.rollbacks
            * schedules.learning_rate(
                seen,
                total=recipe.total_images,
                warmup=recipe.optimizer.warmup_images,
                shape=recipe.optimizer.schedule,
                first=recipe.optimizer.learning_rate,
                final=recipe.optimizer.final_learning_rate,
            )
        )
        strength = schedules.penalty_strength(seen, total=recipe.total_images, final_share=recipe.penalty.final_share)
        result = self._step(step, inputs, strength)
        gan.images_seen = seen + recipe.batch_size
        gan.update_average()
        if isinstance(gan.augment, AdaptiveAugment) and step % ADAPT_EVERY == 0:
            # 2 accuracy - 1 is the paper's mean sign of D(real), taken over pairs: it also fits logits without a zero.
            # Of this batch alone, where the authors' code takes the mean of all four: a restart has less to remember.
            sign = mean_over_workers(2 * result.discriminator_accuracy - 1, self.context)
            gan.augment.adapt(sign, ADAPT_EVERY * recipe.batch_size)
        # Sums stay on the device: reading them at every step would wait for it.
        values = torch.stack([getattr(result, name) for name in STEP_METRICS])
        values = torch.where(result.skipped > 0, 0, values)
        values[STEP_METRICS.index("skipped")] = result.skipped
        self._sums += values
        self._steps_summed += 1

    def settle(self) -> None:
        """Average over the workers, between checkpoints, what each has of its own.

        After that, one of them can save the state of all.
        """
        self.gan.reconcile()
        mean_over_workers(self._sums, self.context)

    def state(self) -> StateDict:
        """Return everything that a restart needs, as a copy.

        Randomness is addressed by position, so none has to be stored.
        """
        return {
            "now": self.gan.snapshot(None).state_dict(),
            "sums": self._sums.tolist(),
            "steps_summed": self._steps_summed,
            "best": self.best.state_dict(),
            "rollbacks": self.rollbacks,
            "history": [row.record() for row in self.history],
            "findings": [asdict(finding) for finding in self.findings],
        }

    def restore(self, state: StateDict) -> None:
        """Continue from what `state` returned."""
        self.gan.return_to(Snapshot.of_state(state["now"]))
        self._sums.copy_(torch.tensor(state["sums"]))
        self._steps_summed = state["steps_summed"]
        self.best = Snapshot.of_state(state["best"])
        self.rollbacks = state["rollbacks"]
        self.history = [EvaluationRow.of_record(record) for record in state["history"]]
        self.findings = [Finding(**finding) for finding in state["findings"]]

    def _roll_back(self) -> None:
        """Go back to the best moment, to continue with other latents and a lower learning rate."""
        self.gan.return_to(self.best)
        self.rollbacks += 1

    def _why(self, findings: list[Finding]) -> str:
        reasons = "; ".join(f"{finding.diagnostic}: {finding.message}" for finding in findings)
        tried = f" ({self.rollbacks} rollbacks did not help)" if self.rollbacks else ""
        return f"after {self.gan.images_seen:,} images: {reasons or 'the first worker says why'}{tried}"

    def _ends_in_checkpoint(self, step: int) -> bool:
        before, after = step * self.recipe.batch_size, (step + 1) * self.recipe.batch_size
        interval = self.recipe.checkpoint_every_images
        return after // interval > before // interval or step + 1 == self.recipe.total_steps

    def _random(self, stream: str, position: int) -> torch.Generator:
        attempt = f"/{self.rollbacks}" if self.rollbacks else ""
        return generator_for(self.recipe.seed, stream + attempt, position)

    def _evaluate(self, images_per_s: float) -> Evaluation:
        self.gan.reconcile()
        row = self._row()
        findings: list[Finding] = []
        better = False
        if self.evaluator is not None:
            with _evaluating(self.gan.discriminator):
                row = replace(row, validation=self.evaluator(self.gan.average, self.gan.discriminator))
            findings = diagnose(Evaluations([*self.history, row], self.evaluator.criterion), self.recipe.policies)
            better = self._is_better(row, self.evaluator.criterion)
        self.history.append(row)
        self.findings += findings
        action, better = self._agree(hardest(findings), better)
        if action == "rollback" and self.rollbacks == ROLLBACK_LIMIT:
            action = "stop"
        if better and action not in ("rollback", "stop"):
            self.best = self.gan.snapshot(row)
        return Evaluation(row, findings, action, images_per_s)

    def _row(self) -> EvaluationRow:
        """Return where the run stands, and the means over all steps since the last evaluation that were not skipped."""
        sums = dict(zip(STEP_METRICS, mean_over_workers(self._sums, self.context).tolist(), strict=True))
        skipped = sums.pop("skipped")
        counted = self._steps_summed - skipped
        means: dict[str, Any] = {name: value / counted if counted else math.nan for name, value in sums.items()}
        share_skipped = skipped / self._steps_summed
        self._sums.zero_()
        self._steps_summed = 0
        augment = self.gan.augment
        return EvaluationRow(
            images_seen=self.gan.images_seen,
            **means,
            skipped=share_skipped,
            average_distance=self.gan.average_distance(),
            rollbacks=self.rollbacks,
            augmentation=float(augment.p) if isinstance(augment, AdaptiveAugment) else None,
        )

    def _is_better(self, row: EvaluationRow, criterion: str) -> bool:
        best = self.best.evaluation.validation[criterion] if self.best.evaluation else math.inf
        return math.isfinite(row.validation[criterion]) and row.validation[criterion] < best

    def _agree(self, action: str | None, better: bool) -> tuple[str | None, bool]:
        """Return the first worker's decision, on every worker."""
        actions = (None, *POLICIES)
        decision = torch.tensor([actions.index(action), int(better)], device=self.context.device)
        number, is_better = from_first_worker(decision, self.context).tolist()
        return actions[number], bool(is_better)


@contextmanager
def _evaluating(network: nn.Module) -> Iterator[None]:
    network.eval()
    try:
        yield
    finally:
        network.train()
