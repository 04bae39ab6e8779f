"""Every value and every combination is checked, and the checks stand in the schema that editors read."""

import json
import re

import pytest

from pipeline.config.config import Config
from pipeline.config.defaults import editor_schema
from tests.unit.config_cases import CONF, IDX, refusal


@pytest.mark.parametrize(
    ("override", "line"),
    [
        ("train.seed=-1", r"train\.seed: found -1 \(int\); allowed: greater than or equal to 0"),
        ("train.loss=wasserstein", r"train\.loss: found 'wasserstein' \(str\); allowed: .*'hinge'"),
        ("train.diagnostics.collapse=ignore", r"train\.diagnostics\.collapse: .*'warn', 'rollback' or 'stop'"),
        ("train.augmentation=flip", r"train\.augmentation: .*'none', 'diffaugment' or 'ada'"),
        ("model.conditioning=text", r"model\.conditioning: .*'none' or 'class'"),
        ("sample.count=1e4", r"sample\.count: found 10000\.0 \(float\); allowed: a valid integer"),
        ("sample.count=yes", r"sample\.count: found True \(bool\); allowed: a valid integer"),
        (
            "data.validation_share=.nan",
            r"data\.validation_share: found nan \(float\); allowed: 'auto' or a finite number",
        ),
        ("train.betas=[0.5]", r"train\.betas\.1: missing"),
        ("train.betas=[0.5, 1.0]", r"train\.betas\.1: found 1\.0 \(float\); allowed: less than 1"),
        ("train.penalty=3", r"train\.penalty: found 3 \(int\); allowed: a section with the keys every, final_share"),
        ("sample.labels=cat", r"sample\.labels: found 'cat' \(str\); use balanced, or a weight"),
        ("sample.labels={}", r"sample\.labels: found {} \(dict\); use balanced, or a weight"),
        ("sample.labels={'0': 0}", r"sample\.labels\.0: found 0 \(int\); allowed: greater than or equal to 1$"),
        ("sample.labels={'0': 0.5}", r"sample\.labels\.0: found 0\.5 \(float\); allowed: a valid integer$"),
        ("sample.labels={0: 1}", r"sample\.labels: found {0: 1} \(dict\); class names are texts: put quotes"),
        ("sample.truncation=0", r"sample\.truncation: found 0 \(int\); allowed: greater than or equal to 0\.01$"),
        ("sample.encoding=bmp", r"sample\.encoding: .*'png', 'webp', 'jpeg' or 'raw'"),
        ("sample.formats=[parquet, parquet]", r"sample\.formats: .*each format at most once"),
        ("data.classes=[cat, cat]", r"data\.classes: .*class names must differ"),
        ("data.classes=[zero, 1]", r"data\.classes: found \['zero', 1\] \(list\); class names are texts: put quotes"),
        ("gates={unique_share: {}}", r"gates\.unique_share: .*needs min, max, min_of_real"),
        (
            "gates={train_copies: {max_of_real: 1}}",
            r"gates\.train_copies: min_of_real or max_of_real, but this metric has no baseline",
        ),
        ("gates={unique_share: {min: 2, max: 1}}", r"gates\.unique_share: .*nothing could pass"),
        ("gates={uniqe_share: {min: 1}}", r"gates\.uniqe_share: .*'unique_share'"),
        (
            "data.source.kind=png",
            r"data\.source\.kind: found 'png' \(str\); allowed: 'auto', 'celeba', .*'known'",
        ),
        ("data.source={kind: folder}", r"data\.source: .*path is missing"),
        ("data.source={kind: digits, path: a}", r"data\.source: .*path means nothing for kind digits"),
        (
            "data.source={kind: idx, path: a, label: b}",
            r"data\.source: .*label means nothing for kind idx; allowed for",
        ),
        ("data.source={path: 'https://a.org/b.zip'}", r"data\.source: .*sha256 is missing"),
        ("data.background=red", r"data\.background: found 'red' \(str\); allowed: "),
        ("data.classes=some", r"data\.classes: found 'some' \(str\); allowed: 'auto' or 'none'"),
    ],
)
def test_value_that_does_not_fit_is_named_with_key_value_and_what_is_allowed(preset, override, line):
    message = refusal(preset, override)
    assert re.search(r": 1 error$", message.splitlines()[0])
    assert re.search(rf"^  {line}", message.splitlines()[1])


@pytest.mark.parametrize("value", ["zero", "0", "true"])
def test_worker_number_that_does_not_fit_is_one_error_under_its_own_key(preset, value):
    lines = refusal(preset, f"cluster.train_workers={value}").splitlines()
    assert len(lines) == 2
    assert lines[1].startswith("  cluster.train_workers: found ")


@pytest.mark.parametrize(
    ("overrides", "key", "advice"),
    [
        (["root=ftp://host/x"], "root", "s3://BUCKET/PREFIX"),
        (["root=s3://key:secret@bucket/x"], "root", "credentials stand in the environment"),
        (["root=s3://bucket/../x"], "root", "s3://BUCKET/PREFIX"),
        (["model.resolution=8", IDX, "data.size=28"], "model.resolution", "at least 28"),
        (["data.validation_share=0.5", "data.holdout_share=0.5"], "data.validation_share", "leave nothing to train on"),
        (["data.channels=1", "model.channels=3"], "model.channels", "use 1"),
        (["train.total_images=10"], "train.batch_size", "not make one step"),
        (["embed.total_images=10"], "embed.batch_size", "not make one step"),
        (["train.checkpoint_every_images=10"], "train.checkpoint_every_images", "below train.batch_size"),
        (["train.final_learning_rate=0.1"], "train.final_learning_rate", "only falls"),
        (["train.warmup_images=60000"], "train.warmup_images", "never be reached"),
        (["train.loss=wgan_gp", "train.penalty={gp: 0}"], "train.penalty.gp", "nothing bounds the critic"),
        (["cluster.train_workers=3"], "train.batch_size", "use a multiple of 3"),
        (["cluster.train_workers=64"], "train.batch_size", "fewer than 2 images"),
        (["cluster.train_workers=2", "train.accumulation=32"], "train.batch_size", "for each part"),
        (["train.accumulation=3"], "train.accumulation", "does not divide"),
        (
            ["model.discriminator_norm=batch", "train.penalty={r1: 1, r2: 0}"],
            "model.discriminator_norm",
            "train.penalty.r1 of",
        ),
        (["model.discriminator_norm=batch", "train.loss=wgan_gp"], "model.discriminator_norm", "train.penalty.gp of"),
        (["model.architecture=r3", "model.generator_norm=batch"], "model.architecture", "use resnet"),
        (["model.architecture=r3", "model.discriminator_norm=spectral"], "model.architecture", "use resnet"),
        (["model.conditioning=none", "gates={tstr_accuracy: {min: 0.5}}"], "gates.tstr_accuracy", "leave the gate out"),
        (["gates={class_share_min: {min: 0.5}}"], "gates.class_share_min", "leave the gate out"),
        (["data.classes=none", "gates={tstr_accuracy: {min: 0.5}}"], "gates.tstr_accuracy", "the data has one (image)"),
        (["data.classes=none", "gates={class_share_min: {min: 0.5}}"], "gates.class_share_min", "leave the gate out"),
        (["data.classes=[one]", "gates={diversity_min: {min: 0.5}}"], "gates.diversity_min", "the data has one (one)"),
        (["gates={diversity_all: {min: 0.5}}"], "gates.diversity_all", "the data has 2; use diversity_min"),
        (["data.classes=none", "sample.labels={image: 1}"], "sample.labels", "use balanced"),
        (["sample.labels={'7': 1}"], "sample.labels.7", "no class of the data, which are 0, 1"),
        (["sample.labels={'0': 1}", "model.conditioning=none"], "sample.labels", "use balanced"),
        (["sample.labels={'0': 1}", "gates={tstr_ratio: {min: 0.5}}"], "gates.tstr_ratio", "leaves out 1"),
        (["sample.jpeg_quality=50"], "sample.jpeg_quality", "use jpeg"),
        (["sample.truncation=1.5", "model.latent.prior=uniform"], "sample.truncation", "ends at 1"),
        (["sample.shard_size=999"], "sample.shard_size", "not a multiple"),
        (["evaluate.images=100", f"data.classes={[str(i) for i in range(11)]}"], "evaluate.images", "fewer than 10"),
    ],
)
def test_combination_that_would_fail_hours_later_is_refused(preset, overrides, key, advice):
    lines = refusal(preset, *overrides).splitlines()
    assert len(lines) == 2
    assert lines[1].startswith(f"  {key}: ")
    assert advice in lines[1]


def test_schema_for_editors_is_that_of_the_models():
    assert json.loads((CONF / "schema.json").read_text()) == editor_schema(Config.model_json_schema())
