import pytest
from hypothesis import given
from hypothesis import strategies as st

from weights import WeightsError
from weights.groups import IMAGENET, as_groups, in_words


@pytest.mark.parametrize(
    "value", ["3-5,9", "3-5+9", " 3 - 5 , 9 ", [3, 4, 5, 9], ["3-5", 9], "9+3+4+5", "3,4,5,9"], ids=str
)
def test_ranges_and_lists(value):
    assert as_groups({"Cats": value, "dog": 0}, "here") == {"cat": (3, 4, 5, 9), "dog": (0,)}


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({}, "groups in here are none, expected two named groups or more; give numbers and ranges"),
        ({"cat": 1}, "groups in here are cat, expected two named groups"),
        ({"cat": 1, "dog": 1}, "output 1 is in the groups 'cat' and 'dog' of here; leave it in one of them"),
        ({"cat": "1-5", "dog": "0,4-9"}, "output 4 is in the groups 'cat' and 'dog'"),
        ({"cat": "1-5", "dog": ""}, "group 'dog' in here is '', expected numbers of outputs; give"),
        ({"cat": "1-5", "dog": []}, "group 'dog' in here is empty; give numbers"),
        ({"cat": "1-5", "dog": "8-6"}, "group 'dog' in here has the range 8-6, which is empty"),
        ({"cat": "1-5", "dog": -6}, "group 'dog' in here is -6, expected numbers"),
        ({"cat": "1-5", "dog": True}, "group 'dog' in here is True, expected numbers"),
        ({"cat": "1-5", "dog": "tabby"}, "group 'dog' in here is 'tabby', expected numbers"),
        ({"cat": "1-5", "dog": "0-999999999"}, "group 'dog' in here has output 999999999, expected at most 49999"),
        ({"cat": "1-5+3", "dog": 6}, "group 'cat' in here has output 3 twice; name each once"),
        ({"cat": 1, "Cats": 2}, "group 'cat' in here is said twice"),
        ({"cat+dog": 1, "dog": 2}, r"class name 'cat\+dog' in here"),
        ({"": 1, "dog": 2}, "class name '' in here"),
    ],
    ids=str,
)
def test_refused_in_one_line(said, message):
    with pytest.raises(WeightsError, match=message) as caught:
        as_groups(said, "here")
    assert "\n" not in str(caught.value)


def test_in_words():
    assert in_words(IMAGENET) == "cat=281-285,dog=151-268"
    assert in_words({"a": (7,), "b": (0, 1, 4)}) == "a=7,b=0-1+4"


@given(st.sets(st.integers(0, 60), min_size=1), st.integers(61, 80))
def test_words_say_what_they_were_made_of(members, other):
    groups = {"a": tuple(sorted(members)), "b": (other,)}
    said = dict(part.split("=") for part in in_words(groups).split(","))
    assert as_groups(said, "here") == groups
