import random

import pytest

from clary.tuning.ranges import Categorical, Continuous, Integer, Space, as_text, scaling_for


def places(count=1001):
    return [number / (count - 1) for number in range(count)]


@pytest.mark.parametrize(
    ("scaling", "middle"), [("Linear", 0.4505), ("Logarithmic", 0.03), ("ReverseLogarithmic", 0.6839)]
)
def test_a_scale_has_its_middle_where_it_should(scaling, middle):
    row = Continuous("x", 0.001, 0.9, scaling)
    assert row.at(0.5) == pytest.approx(middle, abs=1e-4)
    values = [row.at(place) for place in places()]
    assert values == sorted(values)
    assert (values[0], values[-1]) == pytest.approx((0.001, 0.9))
    assert [row.place_of(value) for value in values] == pytest.approx(places())


def test_reverse_logarithmic_looks_closest_near_one():
    row = Continuous("momentum", 0.0, 0.999, "ReverseLogarithmic")
    assert [round(row.at(place), 3) for place in (0, 1 / 3, 2 / 3, 1)] == [0.0, 0.9, 0.99, 0.999]


def test_every_integer_has_its_share():
    row = Integer("k", 1, 4)
    values = [row.at(random.Random(seed).random()) for seed in range(4000)]
    assert all(values.count(value) == pytest.approx(1000, rel=0.1) for value in (1, 2, 3, 4))
    assert {type(value) for value in values} == {int}
    logarithmic = [Integer("k", 1, 1000, "Logarithmic").at(place) for place in places()]
    assert (logarithmic[0], logarithmic[500], logarithmic[-1]) == (1, 22, 1000)


def test_categories_are_found_as_often():
    row = Categorical("c", ("a", "b"))
    assert [row.at(place) for place in (0.0, 0.49, 0.5, 1.0)] == ["a", "a", "b", "b"]


@pytest.mark.parametrize(
    ("row", "text", "value"),
    [
        (Continuous("x", 0, 1), "0.5", 0.5),
        (Continuous("x", 0, 1), "1.5", None),
        (Continuous("x", 0, 1), "nan", None),
        (Continuous("x", 0, 1), "auto", None),
        (Integer("x", 0, 9), "5", 5),
        (Integer("x", 0, 9), "5.0", 5),
        (Integer("x", 0, 9), "5.5", None),
        (Integer("x", 0, 9), "10", None),
        (Categorical("x", ("a",)), "a", "a"),
        (Categorical("x", ("a",)), "b", None),
    ],
)
def test_texts_are_read(row, text, value):
    assert row.read(text) == value
    assert Space([row]).read({"x": text}) == (None if value is None else {"x": value})
    assert Space([row]).read({}) is None


def test_the_scale_of_a_range_of_which_nothing_is_said():
    assert scaling_for(0.1, 0.5) == "Linear"
    assert scaling_for(0.1, 0.5, "Logarithmic") == "Logarithmic"
    assert scaling_for(1e-5, 1.0) == "Logarithmic"
    assert scaling_for(0.0, 1.0, "Logarithmic") == "Linear"


def test_values_as_sagemaker_writes_them():
    assert [as_text(value) for value in (5, 0.1, 1e-07, "word")] == ["5", "0.1", "1e-07", "word"]
