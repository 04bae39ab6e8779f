"""A line for each checkpoint: how far, how fast, how long still, how good."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from ray.util.queue import Empty, Queue

from pipeline.training.trainer import Metrics

POLL_S = 0.5


@contextmanager
def shown(metrics: Queue, total_images: int) -> Iterator[None]:
    """Prints a line for every entry that a worker, wherever it runs, puts into the queue."""
    stop = threading.Event()

    def follow() -> None:
        while not stop.is_set() or not metrics.empty():
            try:
                print(progress_line(metrics.get(timeout=POLL_S), total_images), flush=True)
            except Empty:
                continue

    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(timeout=10)


def progress_line(metrics: Metrics, total_images: int) -> str:
    """For example "train: 50,000 of 600,000 images (8%) | 1,200 images/s | 7:38 left | …"."""
    seen, rate = int(metrics["images_seen"]), metrics["images_per_s"]
    left = max(total_images - seen, 0) / rate
    return (
        f"train: {seen:,} of {total_images:,} images ({seen / total_images:.0%}) | {rate:,.0f} images/s | "
        f"{int(left // 60)}:{int(left % 60):02d} left | D {metrics['discriminator_loss']:.3f} "
        f"G {metrics['generator_loss']:.3f} | validation: fd_domain {metrics['validation_fd_domain']:.1f}, "
        f"labels right {metrics['validation_label_accuracy']:.1%}, "
        f"least diversity {metrics['validation_diversity_min']:.2f}"
    )
