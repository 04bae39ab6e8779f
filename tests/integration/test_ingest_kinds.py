"""The same images in every kind of source and every kind of place, by the command as a user gives it, are the same dataset."""

import http.server
import io
import json
import pickle
import shutil
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import lmdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import webdataset
from PIL import Image

from pipeline.data import ingest as work
from pipeline.presets.init import init
from pipeline.store.bucket import Bucket
from stages import ingest
from tests.unit.idx_files import idx_images, idx_labels

COUNT = 120
PIXELS = np.random.default_rng(0).integers(0, 256, (COUNT, 32, 32, 3), np.uint8)
LABELS = [number % 3 // 2 for number in range(COUNT)]  # two thirds are of the first class
CLASSES = ("cat", "dog")
TRAIN = 90  # where the kind has a test split of its own
CONFIG = "name: any\ndata:\n  source: {{path: {path}{more}}}\n  size: 32\n"


@pytest.fixture(autouse=True)
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Worker processes take a second to start, and are in tests/integration/test_ingest.py."""
    monkeypatch.setattr(work, "_counts", lambda _, prepare, missing, __: map(prepare, missing))


def ingested(folder: Path, path: Path | str, more: str = "") -> dict[str, Any]:
    """`python -m stages.ingest` with a config that says no more than where the images are; what it describes."""
    (folder / "any.yaml").write_text(CONFIG.format(path=json.dumps(str(path)), more=more))
    out = folder / "out"
    assert ingest.main(["--config", str(folder / "any.yaml"), "--out", str(out), "--set", f"root={folder}"]) == 0
    described: dict[str, Any] = json.loads((out / "dataset.json").read_text())
    return described


def png(number: int) -> bytes:
    file = io.BytesIO()
    Image.fromarray(PIXELS[number]).save(file, "PNG")
    return file.getvalue()


PNGS = [png(number) for number in range(COUNT)]


def class_folders(folder: Path) -> Path:
    for number, label in enumerate(LABELS):
        path = folder / "photos" / CLASSES[label] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(PNGS[number])
    return folder / "photos"


def archive(form: str, folder: Path) -> Path:
    return Path(shutil.make_archive(str(folder / "photos"), form, class_folders(folder / "inside")))


def shards(folder: Path) -> Path:
    (folder / "shards").mkdir()
    with webdataset.ShardWriter(str(folder / "shards" / "%03d.tar"), maxcount=50, verbose=0) as writer:
        for number, label in enumerate(LABELS):
            writer.write({"__key__": f"{number:03d}", "png": PNGS[number], "cls": CLASSES[label]})
    return folder / "shards"


def parquet(folder: Path) -> Path:
    images = [{"bytes": content, "path": None} for content in PNGS]
    pq.write_table(pa.table({"image": images, "label": [CLASSES[label] for label in LABELS]}), folder / "a.parquet")
    return folder / "a.parquet"


def listing(folder: Path) -> Path:
    for number, content in enumerate(PNGS):
        (folder / f"{number}.png").write_bytes(content)
    rows = [f"{number}.png,{CLASSES[label]}" for number, label in enumerate(LABELS)]
    (folder / "list.csv").write_text("\n".join(["file_name,label", *rows]))
    return folder / "list.csv"


def lsun(folder: Path) -> Path:
    for label, name in enumerate(CLASSES):
        path = folder / "lsun" / f"{name}_train_lmdb"
        path.mkdir(parents=True)
        with lmdb.open(str(path), map_size=1 << 24) as environment, environment.begin(write=True) as transaction:
            for number in np.flatnonzero(np.array(LABELS) == label).tolist():
                transaction.put(f"{number:040x}".encode(), PNGS[number])
    return folder / "lsun"


def celeba(folder: Path) -> Path:
    (folder / "celeba" / "img_align_celeba").mkdir(parents=True)
    rows = [str(COUNT), "Smiling"]
    for number, content in enumerate(PNGS):
        (folder / "celeba" / "img_align_celeba" / f"{number:06d}.jpg").write_bytes(content)
        rows.append(f"{number:06d}.jpg {-1 if LABELS[number] else 1}")
    (folder / "celeba" / "list_attr_celeba.txt").write_text("\n".join(rows) + "\n")
    return folder / "celeba"


WITHOUT_SPLITS: dict[str, tuple[str, Callable[[Path], Path]]] = {
    "folder": ("folder", class_folders),
    "zip": ("zip", partial(archive, "zip")),
    "tar": ("zip", partial(archive, "tar")),
    "tar.gz": ("zip", partial(archive, "gztar")),
    "webdataset": ("webdataset", shards),
    "parquet": ("parquet", parquet),
    "listing": ("listing", listing),
    "lsun": ("lsun", lsun),
    "celeba": ("celeba", celeba),
}


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The digest of the images in class folders."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(work, "_counts", lambda _, prepare, missing, __: map(prepare, missing))
        folder = tmp_path_factory.mktemp("expected")
        yield ingested(folder, class_folders(folder))["digest"]


@pytest.mark.parametrize("name", list(WITHOUT_SPLITS))
def test_every_kind_is_found_out_and_gives_the_same_dataset(name: str, expected: str, tmp_path: Path) -> None:
    kind, make = WITHOUT_SPLITS[name]
    described = ingested(tmp_path, make(tmp_path), ", label: Smiling" if name == "celeba" else "")
    assert (described["source"]["kind"], described["digest"]) == (kind, expected)
    assert described["classes"] == (["Smiling", "not Smiling"] if name == "celeba" else list(CLASSES))
    assert described["image"] == {"height": 32, "width": 32, "channels": 3}
    assert sum(split["rows"] for split in described["splits"].values()) == COUNT
    assert described["left_out"] == {}


def test_idx_is_found_out(tmp_path: Path) -> None:
    (tmp_path / "idx").mkdir()
    for part, rows in {"train": slice(0, TRAIN), "t10k": slice(TRAIN, COUNT)}.items():
        (tmp_path / "idx" / f"{part}-images-idx3-ubyte").write_bytes(idx_images(PIXELS[rows, ..., 0]))
        (tmp_path / "idx" / f"{part}-labels-idx1-ubyte").write_bytes(idx_labels(np.array(LABELS[rows])))
    described = ingested(tmp_path, tmp_path / "idx")
    assert (described["source"]["kind"], described["classes"]) == ("idx", ["0", "1"])
    assert (described["splits"]["holdout"]["rows"], described["image"]["channels"]) == (COUNT - TRAIN, 1)


def test_cifar_is_found_out(tmp_path: Path) -> None:
    (tmp_path / "cifar-10-batches-py").mkdir()
    planes = PIXELS.transpose(0, 3, 1, 2).reshape(COUNT, -1)
    files: dict[str, dict[bytes, object]] = {
        "data_batch_1": {b"data": planes[:TRAIN], b"labels": LABELS[:TRAIN]},
        "test_batch": {b"data": planes[TRAIN:], b"labels": LABELS[TRAIN:]},
        "batches.meta": {b"label_names": [name.encode() for name in CLASSES]},
    }
    for name, content in files.items():
        (tmp_path / "cifar-10-batches-py" / name).write_bytes(pickle.dumps(content, 2))
    described = ingested(tmp_path, tmp_path / "cifar-10-batches-py")
    assert (described["source"]["kind"], described["classes"]) == ("cifar", list(CLASSES))
    assert (described["splits"]["holdout"]["rows"], described["image"]["channels"]) == (COUNT - TRAIN, 3)


@pytest.mark.ci
def test_folder_and_archive_in_an_object_store(expected: str, bucket: Bucket, tmp_path: Path) -> None:
    local = class_folders(tmp_path)
    for path in local.rglob("*.png"):
        bucket.write(f"photos/{path.relative_to(local)}", path.read_bytes())
    packed = Path(shutil.make_archive(str(tmp_path / "photos"), "zip", local))
    bucket.write("sets/photos.zip", packed.read_bytes())
    for kind, place in (("folder", bucket / "photos"), ("zip", bucket / "sets" / "photos.zip")):
        (tmp_path / kind).mkdir()
        described = ingested(tmp_path / kind, str(place))
        assert (described["source"]["kind"], described["digest"]) == (kind, expected)


@contextmanager
def https_server(folder: Path, work: Path) -> Iterator[tuple[str, Path]]:
    """The address of a server of the folder's files, and the file of the certificate that it shows."""
    key, certificate = work / "key.pem", work / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    class Handler(http.server.SimpleHTTPRequestHandler):
        log_message: Callable[..., None] = lambda *_: None  # type: ignore[assignment]

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder)))
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"https://localhost:{server.server_address[1]}", certificate
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_archive_at_an_address(
    expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    packed = archive("zip", tmp_path)
    digest = sha256(packed.read_bytes()).hexdigest()
    (tmp_path / "served").mkdir()
    packed.rename(tmp_path / "served" / "photos.zip")
    with https_server(tmp_path / "served", tmp_path) as (address, certificate):
        monkeypatch.setenv("no_proxy", "localhost")
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        described = ingested(tmp_path, f"{address}/photos.zip", f", sha256: {digest}")
        assert (described["source"]["kind"], described["digest"]) == ("zip", expected)
        assert "fetching" in capsys.readouterr().out
        config = tmp_path / "any.yaml"
        config.write_text(config.read_text().replace(digest, "f" * 64))
        words = ["--config", str(config), "--out", str(tmp_path / "other"), "--set", f"root={tmp_path}"]
        assert ingest.main(words) == 1
        assert f"has SHA-256 {digest}, data.source.sha256 expects ffff" in capsys.readouterr().err
        (tmp_path / "conf").mkdir()
        monkeypatch.chdir(tmp_path)
        init("found", f"{address}/photos.zip", size=8, unlabelled=False, agreed=lambda: True, say=print)
        assert f"sha256: {digest}}}" in (tmp_path / "conf" / "found.yaml").read_text()
    assert not (tmp_path / "other").exists()
    # What was fetched is kept.
    assert ingested(tmp_path, f"{address}/photos.zip", f", sha256: {digest}")["digest"] == expected
