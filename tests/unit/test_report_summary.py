"""What a user reads when a dataset is done."""

from pipeline.report.summary import headline, summary
from tests.unit.report_data import FEW, METRICS, ONE_CLASS_METRICS, UNLABELLED_METRICS, WARNINGS, make_dataset

FILES = {"a/index.html": "the report", "a/b": "the card"}


def test_summary_of_a_dataset_with_labels(tmp_path):
    manifest = make_dataset(tmp_path, "parquet", "webdataset")
    assert (
        summary(manifest, {**METRICS, "gates": [1, 2]}, FILES)
        == """\
Made      12 synthetic images in 3 classes, 4 files, accepted by 2 gates
Quality   a classifier trained on them gets 87.6% of real images right (trained on real ones: 91.2%)
          fd_domain 12.3 (baseline of real images 1.3), least within-class diversity 0.65 of real
          99.95% unique, 0 exact copies of training images, 1.2% nearer to a training image than 99 % of held-out images
Open      a/index.html   the report
          a/b            the card"""
    )


def test_summary_of_a_dataset_without_labels(tmp_path):
    manifest = make_dataset(tmp_path, "parquet", classes=())
    assert (
        summary(manifest, {**UNLABELLED_METRICS, "gates": []}, FILES)
        == """\
Made      12 synthetic images, no labels, 2 files, accepted by 0 gates
Quality   a classifier sees the rarest class at 0.83 of an equal share (baseline of real images 0.97)
          fd_domain 12.3 (baseline of real images 1.3), least diversity within a predicted class 0.65 of real
          99.95% unique, 0 exact copies of training images, 1.2% nearer to a training image than 99 % of held-out images
Open      a/index.html   the report
          a/b            the card"""
    )


def test_summary_of_a_dataset_made_from_images_of_one_class(tmp_path):
    manifest = make_dataset(tmp_path, "parquet", classes=())
    text = summary(manifest, {**ONE_CLASS_METRICS, "gates": []}, FILES)
    assert "fd_domain 12.3 (baseline of real images 1.3), diversity 0.87 of real" in text
    assert "class" not in text
    assert headline(ONE_CLASS_METRICS) == {"fd_domain": 12.34, "coverage": 0.71, "diversity_all": 0.87}


def test_the_headline_has_the_figures_that_there_are():
    assert list(headline(METRICS)) == ["fd_domain", "coverage", "diversity_min", "tstr_accuracy"]
    assert headline(UNLABELLED_METRICS) == {"fd_domain": 12.34, "coverage": 0.71, "diversity_min": 0.65}


def test_summary_warns_of_figures_of_too_few_images(tmp_path):
    manifest = make_dataset(tmp_path, "parquet")
    text = summary(manifest, {**METRICS, **FEW, "gates": []}, FILES)
    assert [line.strip() for line in text.splitlines() if "too few" in line] == [
        f"warning: {line}" for line in WARNINGS
    ]
