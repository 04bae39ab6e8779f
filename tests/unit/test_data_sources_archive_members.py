"""The tree in an archive: links within it lead where they would in a folder, and no further."""

import pytest

from pipeline.base.errors import UserError
from pipeline.data.sources import archive_members
from pipeline.data.sources.archive_members import REPLACED, Members, Span
from pipeline.store.folder import Entry


def tree(*files, links=(), hard=()):
    members = Members("a.zip")
    for number, name in enumerate(files):
        members.add_file(name, Entry(number, 0.0, name), Span(number, 1, 1))
    for name, target in links:
        members.add_link(name, target)
    for name, target in hard:
        members.add_link(name, target, hard=True)
    return members


def test_the_last_of_a_name_counts_and_the_others_are_named():
    found, spans, left_out = tree("cat/a", "cat/b", "./cat/a").listed()
    assert (found["cat/a"].size, spans["cat/a"].start, list(found)) == (2, 2, ["cat/a", "cat/b"])
    assert left_out == [("./cat/a", REPLACED)]


def test_links_lead_through_links():
    found, _, left_out = tree(
        "x/a", "x/y/b", links=[("l/one", "../m/a"), ("m", "x"), ("n", "l/../m/y")], hard=[("h", "m/y/b")]
    ).listed()
    assert {name: entry.tag for name, entry in found.items()} == {
        "h": "x/y/b", "l/one": "x/a", "m/a": "x/a", "m/y/b": "x/y/b", "n/b": "x/y/b", "x/a": "x/a", "x/y/b": "x/y/b",
    }  # fmt: skip
    assert left_out == []


def test_links_to_nothing_and_to_each_other_are_broken():
    _, _, left_out = tree("x/a", links=[("p", "q"), ("q", "p"), ("r", "x/a/b"), ("s", "x/z")]).listed()
    assert left_out == [(name, "broken link") for name in "pqrs"]


def test_a_link_that_leads_out_through_another_one_is_refused():
    with pytest.raises(UserError, match="leads out of it"):
        tree("x/a", links=[("d/e/in", "../../x"), ("d/e/out", "in/../../a")]).listed()


def test_nothing_lies_below_a_file_or_a_link():
    for members in (tree("a"), tree(links=[("a", "b")])):
        with pytest.raises(UserError, match="'a/b' lies below 'a', which is no folder"):
            members.add_file("a/b", Entry(0, 0.0, ""), Span(0, 0, 0))
    with pytest.raises(UserError, match="'a' is both a folder and a file"):
        tree("a/b", "a")


def test_links_without_end_are_refused(monkeypatch):
    monkeypatch.setattr(archive_members, "MOST_STEPS_OF_LINKS", 1_000)
    with pytest.raises(UserError, match="lead to each other without end"):
        tree("x/a", links=[(f"l{number}", "x/../" * 100 + "x") for number in range(100)]).listed()


def test_a_long_name_is_shown_in_part():
    with pytest.raises(UserError, match=r"its member 'aaa.*…' has a path") as refused:
        tree("a" * 5_000)
    assert len(str(refused.value)) < 400
