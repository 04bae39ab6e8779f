"""The time that is left falls with the clock, and one slow stretch hardly moves it. Clock readings are given."""

import pytest

from pipeline.base.pace import Pace, in_words


def estimates(ends: list[float], began: float, total: int, each: int = 1) -> list[float]:
    """Estimates at the ends of equal parts of the work."""
    pace, said = Pace(began), []
    for number, now in enumerate(ends, start=1):
        pace.add(each)
        left = pace.seconds_left(total - number * each, now)
        assert left is not None
        said.append(left)
    return said


def test_a_steady_rate_gives_an_estimate_that_falls_to_nothing() -> None:
    assert estimates([110, 120, 130, 140, 150], began=100, total=5) == pytest.approx([40, 30, 20, 10, 0])


def test_what_passed_before_the_work_began_is_not_counted() -> None:
    (left,) = estimates([1010], began=1000, total=5)
    assert left == pytest.approx(40)


def test_a_slow_stretch_changes_the_estimate_by_its_share_of_the_whole() -> None:
    """Ten parts of a minute each, one of them three times as slow: by the last interval it would say 117 min in place of 42."""
    ends = [60.0 * number for number in range(1, 11)] + [60.0 * 13]
    *_, before, after = [seconds / 60 for seconds in estimates(ends, began=0, total=50)]
    assert before == pytest.approx(40)
    assert after == pytest.approx(39 * 13 / 11)
    assert after / before < 1.2


def test_workers_side_by_side_have_a_rate_when_each_has_reported() -> None:
    pace = Pace(0, at_once=3)
    for rest, expected in [(29, None), (28, None), (27, 90)]:
        pace.add(1)
        assert pace.seconds_left(rest, 10) == expected


def test_nothing_done_has_no_rate() -> None:
    pace = Pace(0)
    assert pace.seconds_left(10, 5) is None
    pace.add(0)
    assert pace.seconds_left(10, 5) is None


def test_the_first_items_which_may_be_slow_say_nothing_of_the_rest() -> None:
    pace = Pace(100)
    pace.add(64)  # in two seconds, as the first step of a training that goes ten times as fast from then on
    assert pace.seconds_left(40_000, 102) is None
    pace.add(1_936)
    assert pace.seconds_left(38_000, 105) == pytest.approx(95)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "less than a minute"), (59, "less than a minute"), (60, "about 1 min"), (458, "about 8 min"), (599, "about 10 min"),
        (2080, "about 35 min"), (3599, "about 1 h"), (7900, "about 2 h 10 min"), (35_999, "about 10 h"), (400_000, "about 111 h"),
    ],
)  # fmt: skip
def test_words_are_as_fine_as_an_estimate_can_be(seconds: float, said: str) -> None:
    assert in_words(seconds) == said
