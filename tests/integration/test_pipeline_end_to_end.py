"""The way from real images to an accepted dataset, command by command."""

import csv
import json
import shutil

import cv2
import pytest

from pipeline.sampling.manifest import read_manifest
from pipeline.store.files import file_sha256
from tests.project import Places, digests, refuse, run, succeed


def test_training_leaves_weights_pictures_and_curves(trained: Places) -> None:
    description = json.loads((trained.model / "model.json").read_text())
    assert description["images_seen"] in (6400, 12800)
    samples = trained.model / "samples"
    pictures = sorted(samples.glob("images-*.png"))
    assert [picture.name for picture in pictures] == ["images-000006400.png", "images-000012800.png"]
    strip, curves = cv2.imread(str(samples / "interpolation.png")), cv2.imread(str(samples / "curves.png"))
    assert strip.shape == cv2.imread(str(pictures[0])).shape
    assert curves.std() > 10
    assert len({picture.read_bytes() for picture in pictures}) == 2
    with (trained.model / "metrics" / "training.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [float(row["images_seen"]) for row in rows] == [6400, 12800]
    best = min(float(row["validation_fd_domain"]) for row in rows)
    assert description["metrics"]["validation_fd_domain"] == best


def test_a_finished_run_is_not_trained_again(trained: Places) -> None:
    before = file_sha256(trained.model / "generator.safetensors")
    done = run(*trained.command("train"))
    # Ray was started for it, and said nothing of its own.
    assert (done.returncode, done.stderr) == (0, "")
    assert "images/s" not in done.stdout
    assert all(line.startswith("train: ") for line in done.stdout.splitlines())
    assert file_sha256(trained.model / "generator.safetensors") == before


def test_the_manifest_counts_what_is_there(sampled: Places) -> None:
    manifest = read_manifest(sampled.dataset)
    assert manifest.count == 2200
    assert [shard.rows for shard in manifest.shards] == [500, 500, 500, 500, 200]
    assert sum(sum(shard.labels.values()) for shard in manifest.shards) == 2200
    assert sum(len(shard.also) for shard in manifest.shards) == 5
    assert "root" not in manifest.config.root
    assert "cluster" not in manifest.config.root
    assert str(sampled.folder) not in manifest.model_dump_json()


@pytest.mark.ci
def test_another_root_and_another_number_of_workers_give_the_same_bytes(sampled: Places, tmp_path) -> None:
    other = Places(tmp_path)
    other.stage("sample", "--model", str(sampled.model), "--set", "cluster.sample_workers=1")
    assert digests(other.dataset / "data") == digests(sampled.dataset / "data")
    assert read_manifest(other.dataset).dataset_id == read_manifest(sampled.dataset).dataset_id

    # Growing it leaves whole shards as they are, completes the partial one, and makes nothing else again.
    said = other.stage("sample", "--model", str(sampled.model), "--set", "sample.count=3000")
    assert "2 of 6 shards to generate" in said
    grown, small = digests(other.dataset / "data"), digests(sampled.dataset / "data")
    whole = [name for name in small if not name.startswith("train-000004") and name != "wids.json"]
    assert {name: grown[name] for name in whole} == {name: small[name] for name in whole}


def test_other_records_do_not_take_the_place_of_a_dataset_unasked(copied: Places) -> None:
    before = digests(copied.dataset)
    done = run(*copied.command("sample", "--set", "sample.seed=5"))
    assert done.returncode == 1
    assert "sample.seed: 0 there, 5 now" in done.stderr
    assert digests(copied.dataset) == before


@pytest.mark.slow
def test_a_run_that_was_published_does_not_replace_another_later_unasked(copied: Places) -> None:
    copied.stage("sample")
    copied.stage("sample", "--set", "sample.seed=5", "--set", "sample.count=500", "--fresh")
    done = run(*copied.command("sample"))
    assert done.returncode == 1
    assert "sample.seed: 5 there, 0 now" in done.stderr


def test_audit_measures_and_accept_agrees(audited: Places) -> None:
    figures = json.loads((audited.dataset / "metrics" / "audit.json").read_text())
    assert figures["records"] == 2200
    assert figures["trtr_accuracy"] > 0.9
    assert figures["tstr_accuracy"] > 0.5
    verdict = json.loads((audited.dataset / "metrics" / "accept.json").read_text())
    assert verdict["accepted"] is True
    assert verdict["dataset_id"] == read_manifest(audited.dataset).dataset_id
    page = (audited.dataset / "report" / "index.html").read_text()
    assert "gates met" in page
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert "https://" not in page


def test_the_audit_s_figures_are_of_the_records_and_those_of_real_images_are_measured_once(audited: Places) -> None:
    drawn, of_records = (
        json.loads((audited.dataset / "metrics" / f"{stage}.json").read_text()) for stage in ("evaluate", "audit")
    )
    assert of_records["images"] == drawn["images"] == 500
    assert of_records["fd_domain"] != drawn["fd_domain"]
    assert of_records["fd_domain"] == pytest.approx(drawn["fd_domain"], abs=5 * drawn["fd_domain_error"])
    assert {name: of_records[name] for name in drawn if name.endswith("_real")} == {
        name: drawn[name] for name in drawn if name.endswith("_real")
    }
    assert of_records["shard_shift_max"] < 5
    assert of_records["held_out_copies"] == 0
    assert len(list(audited.root.glob("runs/floor-*/figures.json"))) == 1


def test_an_audit_of_a_handful_of_records_is_refused(sampled: Places, tmp_path) -> None:
    few = Places(tmp_path)
    places = ("--data", str(sampled.data), "--model", str(sampled.model))
    few.stage("sample", *places, "--set", "sample.count=10")
    shutil.copytree(sampled.dataset / "metrics", few.dataset / "metrics", dirs_exist_ok=True)
    message = few.refuse("audit", *places, "--set", "sample.count=10")
    assert "10 records, but an audit needs at least 20. Raise sample.count" in message


@pytest.mark.slow
def test_a_full_audit_has_spreads_over_seeds_and_attacks_the_generator(copied: Places) -> None:
    said = copied.stage("audit", "--full")
    assert "attacking the generator" in said
    figures = json.loads((copied.dataset / "metrics" / "audit.json").read_text())
    assert 0 < figures["tstr_accuracy_spread"] < 0.1
    # The generator has learnt no training image by heart in a few seconds.
    assert figures["membership_inversion_auc"] == pytest.approx(0.5, abs=4 * figures["membership_inversion_auc_error"])
    assert "searches its latents for each image" in (copied.dataset / "report" / "index.html").read_text()


def test_a_missed_gate_is_named_with_value_and_bound_and_leaves_the_report(copied: Places) -> None:
    message = copied.refuse("accept", "--set", "gates.tstr_accuracy={min: 0.999}")
    assert "tstr_accuracy" in message
    assert "at least 0.999" in message
    assert not (copied.dataset / "metrics" / "accept.json").exists()
    assert (copied.dataset / "report" / "index.html").is_file()


@pytest.mark.ci
def test_audit_refuses_a_dataset_with_a_flipped_bit_and_sample_mends_it(sampled: Places, copied: Places) -> None:
    shutil.copytree(sampled.root, copied.root, dirs_exist_ok=True)
    shard = copied.dataset / "data" / "train-000001.parquet"
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 1
    shard.unlink()
    shard.write_bytes(content)
    done = run(*copied.command("audit"))
    assert done.returncode == 1
    assert "train-000001.parquet" in done.stderr
    assert "Traceback" not in done.stderr
    copied.stage("sample")
    copied.stage("audit")


def test_show_draws_every_class(audited: Places, tmp_path) -> None:
    for dataset in (audited.dataset, audited.data):
        succeed("imagemint", "show", str(dataset), "-n", "4", "--out", str(tmp_path / "sheet.png"))
        sheet = cv2.imread(str(tmp_path / "sheet.png"), cv2.IMREAD_GRAYSCALE)
        assert sheet.shape == (10 * 58, 4 * 58)
        assert sheet.std() > 30


def test_verify_makes_records_again_and_says_so(audited: Places) -> None:
    said = succeed("imagemint", "verify", str(audited.dataset), "--model", str(audited.model))
    assert "20 of 20 random records equal what the model generates" in said


def test_record_is_made_again_and_found_equal_or_not(copied: Places, tmp_path) -> None:
    command = ["imagemint", "record", str(copied.dataset), "1234", "--model", str(copied.model)]
    said = succeed(*command, "--out", str(tmp_path / "record.png"))
    assert "row 234 of data/train-000002.parquet, 4" in said
    assert "generated again: the same bytes" in said
    assert cv2.imread(str(tmp_path / "record.png"), cv2.IMREAD_GRAYSCALE).shape == (8, 8)

    manifest = copied.dataset / "manifest.json"
    edited = json.loads(manifest.read_text())
    edited["config"]["sample"]["seed"] += 1
    manifest.unlink()  # which may be a hard link
    manifest.write_text(json.dumps(edited))
    assert "differs from what the model generates" in refuse(*command)


def test_plan_says_what_a_run_would_take_and_writes_nothing(audited: Places, tmp_path) -> None:
    options = ["--preset", "digits", "--model", str(audited.model), "--set", "sample.count=25000"]
    said = succeed("imagemint", "plan", *options, "--set", f"root={tmp_path}")
    assert "25,000 images of 8 px in 25 shard(s) of up to 1,000, png in parquet and webdataset" in said
    assert "one worker generated " in said
    assert "worker(s), each on one CPU; there: " in said
    many = succeed("imagemint", "plan", *options, "--set", f"root={tmp_path}", "--nodes", "4")
    assert "on 4 node(s)" in many
    assert list(tmp_path.iterdir()) == []


def test_status_reads_a_run_from_its_commits(sampled: Places) -> None:
    said = succeed("imagemint", "status", "--preset", "digits", IMAGEMINT_ROOT=str(sampled.root))
    assert "5 of 5 shards, 2,200 of 2,200 images" in said
    assert "a process" not in said


@pytest.mark.slow
def test_weighted_labels_truncated_latents_and_lossy_images_go_all_the_way(sampled: Places, tmp_path) -> None:
    other = Places(tmp_path)
    for place in ("data", "model"):
        shutil.copytree(getattr(sampled, place), getattr(other, place))
    settings = ["sample.labels={'3': 2, '8': 1}", "sample.truncation=1.5", "sample.encoding=jpeg", "sample.count=1500"]
    gates = "gates={unique_share: {min: 0.99}, train_copies: {max: 0}, diversity_min: {min: 0.05}}"
    sets = [option for setting in (*settings, gates) for option in ("--set", setting)]
    other.stage("sample", *sets)
    manifest = read_manifest(other.dataset)
    counts = [shard.labels for shard in manifest.shards]
    assert sum(count["3"] for count in counts) == 1000
    assert sum(count["8"] for count in counts) == 500
    assert "20 of 20" in succeed("imagemint", "verify", str(other.dataset), "--model", str(other.model))
    sheet = tmp_path / "sheet.png"
    succeed("imagemint", "show", str(other.dataset), "-n", "4", "--out", str(sheet))
    assert cv2.imread(str(sheet), cv2.IMREAD_GRAYSCALE).shape == (2 * 58, 4 * 58)
    other.stage("evaluate", *sets)
    other.stage("audit", *sets)
    other.stage("accept", *sets)
    figures = json.loads((other.dataset / "metrics" / "audit.json").read_text())
    assert figures["records"] == 1500
    assert figures["class_balance"] == 0
    diversity = json.loads((other.dataset / "metrics" / "evaluate.json").read_text())["diversity"]
    assert [name for name, share in diversity.items() if share is not None] == ["3", "8"]
    assert 'to_tuple("jpg"' in (other.dataset / "README.md").read_text()


def test_verify_lists_a_missing_shard(copied: Places) -> None:
    (copied.dataset / "data" / "train-000002.tar").unlink()
    assert "train-000002.tar: missing" in refuse("imagemint", "verify", str(copied.dataset))


def test_doctor_says_what_would_run() -> None:
    done = run("imagemint", "doctor")
    assert (done.returncode, done.stderr) == (0, "")
    assert "config is valid" in done.stdout
    assert "\nwould run  train: " in done.stdout
    assert "\n           sample: " in done.stdout  # below the line before


def test_a_finished_run_that_was_damaged_is_made_again(trained: Places, tmp_path) -> None:
    places = Places(tmp_path)
    data = ["--data", str(trained.data)]
    places.stage("embed", *data)
    whole = (places.model / "embedder.safetensors").read_bytes()
    (kept,) = (places.root / "runs").glob("embed-*/embedder.safetensors")
    kept.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    places.stage("embed", *data)
    assert (places.model / "embedder.safetensors").read_bytes() == whole


def test_figures_of_another_dataset_are_not_accepted(sampled: Places, copied: Places) -> None:
    copied.stage("sample", "--model", str(sampled.model), "--set", "sample.count=500")
    assert "measures another dataset" in copied.refuse("accept")
    assert not (copied.dataset / "report").exists()


def test_data_of_another_size_than_the_model_is_refused_at_once(trained: Places, tmp_path) -> None:
    other = tmp_path / "data"
    shutil.copytree(trained.data, other)
    description = json.loads((other / "dataset.json").read_text())
    description["image"] |= {"height": 28, "width": 28}
    (other / "dataset.json").unlink()
    (other / "dataset.json").write_text(json.dumps(description))
    for stage in ("train", "evaluate"):
        assert "28 px" in trained.refuse(stage, "--data", str(other), "--out", str(tmp_path / stage))
