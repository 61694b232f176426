import pytest

from datasets.names import DEFAULT, Names, listed

PETS = Names(DEFAULT)


@pytest.mark.parametrize(
    ("name", "classes"),
    [
        ("both", ("cat", "dog")),
        ("cat", ("cat",)),
        ("dog_and_cat", ("cat", "dog")),
        ("MyCat2", ("cat",)),
        ("puppies-03", ("dog",)),
        ("a kitten", ("cat",)),
        ("CATS", ("cat",)),
        ("category", ()),
        ("hotdog", ()),
        ("IMG_0001", ()),
    ],
)
def test_words_in_names(name, classes):
    assert PETS.in_words(name) == classes


@pytest.mark.parametrize("text", ["cat", " Cat", "CATS", "cats "])
def test_case_spaces_and_number_do_not_matter(text):
    assert PETS.find(text) == "cat"


@pytest.mark.parametrize(
    ("classes", "text", "found"),
    [
        (("cat", "Cat"), "Cat", "Cat"),  # as it is written
        (("cat", "Cat"), "CAT", ""),  # one of two
        (("cat", "cats"), "cats", "cats"),
        (("cat", "cats"), "Cats", "cats"),
        (("fox", "bus"), "foxes", "fox"),
        (("foxes", "buses"), "Fox", "foxes"),
        (("golden retriever", "tabby cat"), "Golden_Retrievers", "golden retriever"),
        (("t10", "t1"), "T1", "t1"),
        (("s", "es"), "", ""),
        (("glass", "gla"), "glass", "glass"),
        (("cat", "dog"), "bird", ""),
        (("Käfer", "Möwe"), "KÄFER", "Käfer"),
    ],
)
def test_what_a_name_means(classes, text, found):
    assert Names(classes).find(text) == found


@pytest.mark.parametrize(
    ("file_name", "found"),
    [
        ("cat.1.jpg", "cat"),
        ("Cats_7.png", "cat"),
        ("cat fish 2.jpg", "cat fish"),
        ("cat-fish.2.jpg", "cat fish"),
        ("class1.5.jpg", "class1"),
        ("class12.jpg", ""),
        ("catalogue.jpg", ""),
        ("cat", ""),
    ],
)
def test_what_a_file_begins_with(file_name, found):
    assert Names(("cat", "cat fish", "class1")).beginning(file_name) == found


def test_of_two_names_in_one_the_longer_is_meant():
    names = Names(("cat", "cat fish", "fish", "class1", "class12"))
    assert names.in_words("cat fish 3") == ("cat fish",)
    assert names.in_words("fish and CatFish") == ("cat fish", "fish")
    assert names.in_words("class12_0001") == ("class12",)
    assert names.in_words("both") == ()  # of five


def test_messages():
    assert (PETS.none_of(), str(PETS)) == ("neither cat nor dog", "cat, dog")
    assert Names("abc").none_of() == "none of a, b, c"
    assert PETS.closest("Catz") == " (did you mean 'cat'?)"
    assert PETS.closest("horse") == ""
    assert listed(["a"]) == "a"
    assert listed(["a", "b", "c"], " or ") == "a, b or c"
    assert listed([str(n) for n in range(1000)]) == "0, 1, 2, 3, 4, 5, 6 and 993 more"
