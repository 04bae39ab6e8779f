"""A line for each checkpoint: how far, how fast, how long still, how good."""

from pipeline.training.trainer import Metrics


class ProgressLine:
    """Prints progress towards `total_images`."""

    def __init__(self, total_images: int) -> None:
        self.total_images = total_images

    def show(self, metrics: Metrics) -> None:
        seen, rate = int(metrics["images_seen"]), metrics["images_per_s"]
        left = max(self.total_images - seen, 0) / rate
        print(
            f"train {seen:>9,} of {self.total_images:,} images ({seen / self.total_images:4.0%}) | {rate:,.0f} images/s | "
            f"{int(left // 60)}:{int(left % 60):02d} left | D {metrics['discriminator_loss']:.3f} "
            f"G {metrics['generator_loss']:.3f} | validation: fd_domain {metrics['validation_fd_domain']:.1f}, "
            f"labels right {metrics['validation_label_accuracy']:.1%}, "
            f"least diversity {metrics['validation_diversity_min']:.2f}",
            flush=True,
        )
