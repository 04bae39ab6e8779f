"""A preset is taken as it was meant, or refused with every mistake named."""

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.base.errors import UserError
from pipeline.config.load import load_config, load_preset, presets, which_config
from pipeline.config.schema import Sample, Train
from stages import accept
from tests.unit.config_cases import CONF, SMALLEST, refusal, refusal_of


@pytest.fixture(autouse=True)
def _no_root_from_outside(monkeypatch):
    monkeypatch.delenv("IMAGEMINT_ROOT", raising=False)


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A checkout with two presets, the first one active, as the current folder."""
    (tmp_path / "conf").mkdir()
    for name in ("tiny", "other"):
        (tmp_path / "conf" / f"{name}.yaml").write_text(SMALLEST.replace("name: tiny", f"name: {name}"))
    (tmp_path / "conf" / "active.yaml").write_text("preset: tiny\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


# Presets


@pytest.mark.parametrize("path", sorted(CONF.glob("[!a]*.yaml")), ids=lambda path: path.stem)
def test_presets_of_the_project_load_under_their_file_name(path):
    assert load_config(path).name == path.stem


def test_active_preset_is_loaded_when_none_is_named(checkout):
    (checkout / "conf" / "._tiny.yaml").write_text("left by a Mac")
    assert load_preset().name == "tiny"
    assert load_preset("other").name == "other"
    assert presets() == ["other", "tiny"]


@pytest.mark.usefixtures("checkout")
def test_misspelt_preset_is_answered_with_the_nearest_one():
    with pytest.raises(UserError, match=r"Unknown preset 'tny'\. Did you mean 'tiny'\? Presets here: other, tiny\."):
        load_preset("tny")


@pytest.mark.usefixtures("checkout")
@pytest.mark.parametrize("name", ["../conf/tiny", "active", ""])
def test_name_that_is_no_preset_is_refused(name):
    with pytest.raises(UserError, match="Unknown preset"):
        load_preset(name)


@pytest.mark.parametrize("text", ["preset: 3\n", "presets: tiny\n", "preset: tiny\nmore: 1\n", "{}\n"])
def test_active_yaml_that_names_no_preset_says_what_belongs_there(checkout, text):
    (checkout / "conf" / "active.yaml").write_text(text)
    with pytest.raises(UserError, match=r"active\.yaml: expected the one line `preset: NAME`.*other, tiny"):
        load_preset()


def test_outside_a_checkout_the_user_is_told_where_to_go(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="run this in the project's top folder"):
        load_preset("tiny")


def test_what_a_command_goes_by_is_named_with_its_file(tmp_path):
    assert which_config("tiny") == "preset tiny (conf/tiny.yaml)"
    assert which_config("tiny", tmp_path / "mine.yaml") == f"config {tmp_path}/mine.yaml (name: tiny)"


@pytest.mark.usefixtures("checkout")
@pytest.mark.parametrize(
    ("options", "first"),
    [
        ([], "accept: preset tiny (conf/tiny.yaml)"),
        (["--preset", "other"], "accept: preset other (conf/other.yaml)"),
        (["--config", "conf/other.yaml"], "accept: config conf/other.yaml (name: other)"),
    ],
)
def test_a_stage_says_first_what_it_goes_by(options, first, capsys):
    assert accept.main(options) == 1  # nothing was made yet
    assert capsys.readouterr().out.splitlines() == [first]


# Reading YAML


@pytest.mark.parametrize(("text", "value"), [("1e-4", 1e-4), ("2E-3", 2e-3), ("1.5e-4", 1.5e-4), ("+1e-4", 1e-4)])
def test_number_in_scientific_notation_is_a_number(preset, text, value):
    preset.write_text(
        SMALLEST.replace("train: {total", f"train: {{learning_rate: {text}, final_learning_rate: 1e-5, total")
    )
    assert load_config(preset).train.learning_rate == value


@pytest.mark.parametrize(
    ("text", "line"), [("name: a\nembed: {}\nname: b\n", 1), ("train:\n  seed: 1\n  loss: hinge\n  seed: 1\n", 2)]
)
def test_key_that_stands_twice_is_refused_with_its_line(preset, text, line):
    key = "name" if line == 1 else "seed"
    assert f"tiny.yaml, line {line}: not valid YAML: the key '{key}' occurs twice" in refusal_of(text, preset)


@pytest.mark.parametrize(
    "text",
    [
        "train: [",
        "a: &a {b: *a}",
        "? [list]\n: 1",
        "a: !!python/object/apply:os.system [exit]",
        "\x00",
        "name: 2024-13-45",  # looks like a date
        "train: {seed: 0b_}",  # looks like a number
        "train: {seed: !!int x}",
    ],
)
def test_text_that_is_no_yaml_is_refused_with_the_file(preset, text):
    message = refusal_of(text, preset)
    assert message.startswith(str(preset))
    assert "not valid YAML" in message


@pytest.mark.parametrize("text", ["", "- a\n- b\n", "just text"])
def test_file_without_sections_is_refused(preset, text):
    assert "expected sections with keys" in refusal_of(text, preset)


def test_file_that_cannot_be_read_is_refused_with_its_path(tmp_path):
    assert "No config file" in refusal(tmp_path / "missing.yaml")
    assert "cannot be read" in refusal(tmp_path)
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\xff")
    assert "binary.yaml: cannot be read" in refusal(tmp_path / "binary.yaml")


# What is refused, and how it is worded


def test_all_mistakes_are_listed_at_once(preset):
    message = refusal(preset, "name=Not A Name", "embed.features=3", "train.loss=hnge", "sample.cont=5")
    assert message.splitlines()[0] == f"{preset} with --set: 4 errors"
    assert [line.split(":")[0].strip() for line in message.splitlines()[1:]] == [
        "name", "embed.features", "train.loss", "sample.cont",
    ]  # fmt: skip


def test_all_broken_rules_across_sections_are_listed_at_once(preset):
    message = refusal(preset, "train.batch_size=2000", "embed.batch_size=2000", "sample.batch_size=300")
    assert "3 errors" in message
    for key in ("train.batch_size: 2000", "embed.batch_size: 2000", "sample.shard_size: 10000"):
        assert f"\n  {key}" in message


@given(data=st.data())
@settings(deadline=None, max_examples=60)
def test_key_with_a_letter_left_out_is_answered_with_the_key_itself(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "typo.yaml"
    path.write_text(SMALLEST)
    section, model = data.draw(st.sampled_from([("train", Train), ("sample", Sample)]))
    key = data.draw(st.sampled_from(sorted(model.model_fields)))
    place = data.draw(st.integers(0, len(key) - 1))
    typo = key[:place] + key[place + 1 :]
    message = refusal(path, f"{section}.{typo}=1")
    assert f"{section}.{typo}: unknown key; did you mean {key!r}? Known here: " in message


@pytest.mark.parametrize(
    ("override", "line"),
    [
        ("model.latent.sise=8", "model.latent.sise: unknown key; did you mean 'size'? Known here: prior, size"),
        (
            "batch_size=8",
            "batch_size: unknown key; it belongs to ",
        ),
        ("trian={}", "trian: unknown key; did you mean 'train'?"),
        ("gates.unique_share={mim: 1}", "gates.unique_share.mim: unknown key; did you mean 'min'?"),
        ("data.source.licens=MIT", "data.source.licens: unknown key; did you mean 'licence'?"),
    ],
)
def test_unknown_key_is_answered_with_what_is_known_in_its_own_section(preset, override, line):
    assert f"\n  {line}" in refusal(preset, override)


def test_loaded_config_cannot_be_changed(preset):
    with pytest.raises(ValueError, match="frozen"):
        load_config(preset).train.seed = 3


# --set and the environment


@given(rate=st.floats(1e-9, 1.0))
@settings(deadline=None, max_examples=50)
def test_any_number_as_python_prints_it_is_taken_exactly(tmp_path_factory, rate):
    path = tmp_path_factory.getbasetemp() / "numbers.yaml"
    path.write_text(SMALLEST)
    overrides = [f"train.learning_rate={rate!r}", f"train.final_learning_rate={rate!r}"]
    assert load_config(path, overrides).train.learning_rate == rate


def test_set_replaces_one_key_and_leaves_its_neighbours(preset):
    config = load_config(preset, ["model.latent.size=5", "train.loss=hinge", "sample.formats=[webdataset]"])
    assert (config.model.latent.size, config.train.loss, config.sample.formats) == (5, "hinge", ["webdataset"])
    assert config.train.total_images == 1000


def test_last_set_of_a_key_counts(preset):
    assert load_config(preset, ["sample.count=1", "sample.count=2"]).sample.count == 2


def test_value_of_set_may_hold_an_equals_sign(preset):
    assert load_config(preset, ["data.source.licence=a=b"]).data.source.licence == "a=b"


@pytest.mark.parametrize("override", ["sample.count", "=5", ""])
def test_set_without_key_or_value_shows_how_it_is_written(preset, override):
    assert f"--set {override}: expected section.key=value, for example" in refusal(preset, override)


def test_set_below_a_value_says_that_it_is_no_section(preset):
    assert "'count' is a value (1000), not a section" in refusal(preset, "sample.count.x=1")


@pytest.mark.parametrize("value", ["2024-13-45", "0b_", "[", "!!int x"])
def test_set_to_text_that_yaml_cannot_read_is_taken_as_text(preset, value):
    assert load_config(preset, [f"data.source.licence={value}"]).data.source.licence == value


def test_root_comes_from_the_environment_and_set_is_stronger(preset, monkeypatch):
    monkeypatch.setenv("IMAGEMINT_ROOT", "/from/environment")
    assert load_config(preset).root == "/from/environment"
    assert load_config(preset, ["root=/from/set"]).root == "/from/set"
    monkeypatch.setenv("IMAGEMINT_ROOT", "")
    assert load_config(preset).root == "."


def test_what_a_config_dumps_is_a_config_again(preset):
    config = load_config(preset)
    dumped = yaml.safe_dump(config.model_dump(mode="json"))
    preset.write_text(dumped)
    assert load_config(preset) == config


def test_preset_called_otherwise_than_its_file_is_refused(checkout):
    """dvc.yaml names outputs by the file, stages by the key: two presets of one name would overwrite each other."""
    (checkout / "conf" / "copy.yaml").write_text(SMALLEST)
    with pytest.raises(UserError, match=r"copy\.yaml: name: found 'tiny'; allowed: 'copy'"):
        load_preset("copy")


@pytest.mark.parametrize(
    ("text", "root"),
    [("/a #1", "/a #1"), ("it's", "it's"), ("[x]* {a", "[x]* {a"), ("'/a #1'", "/a #1"), ("/a\\b 'c'", "/a\\b 'c'")],
)
def test_an_override_takes_a_folder_of_any_name(text: str, root: str) -> None:
    assert load_preset("digits", [f"root={text}"]).root == root
