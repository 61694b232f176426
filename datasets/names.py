"""Names of classes: which one is meant by a folder, a label, or the words of a file name."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from datasets.text import closest, shown

DEFAULT = ("cat", "dog")
SYNONYMS = {"cat": ("kitten", "kittens"), "dog": ("puppy", "puppies")}  # in the names of files
ENDINGS = ("s", "es")  # of a name that stands for several
MOST = 8  # names that a message lists


class Names:
    """The names of all classes, and what else means them.

    A name is found as it is written, then whatever its case and whether spaces, hyphens or underscores part its words,
    then with or without the ending of the plural; what could mean two classes means none.

    Attributes:
        classes: the names.
    """

    def __init__(self, classes: Iterable[str]) -> None:
        self.classes = tuple(classes)
        self._plain = _unique((_plain(name), name) for name in self.classes)
        self._plural = _unique((form, name) for name in self.classes for form in _forms(_plain(name)))
        phrases = [(tuple(form), name) for name in self.classes for form in _phrases(name)]
        self._phrases = sorted(phrases, key=lambda entry: -len(entry[0]))  # of "cat" and "cat fish" the longer one
        self._beginning = re.compile("|".join(_beginnings(self.classes)), flags=re.IGNORECASE)

    def find(self, text: str) -> str:
        """The class that is meant, "" for none."""
        name = text.strip()
        if name in self.classes:
            return name
        plain = _plain(name)
        return self._plain.get(plain, "") or self._plural.get(plain, "")

    def in_words(self, text: str) -> tuple[str, ...]:
        """The classes whose words are among those of a file name; of two classes `both` means both."""
        words = _words(text)
        if len(self.classes) == 2 and "both" in words:
            return tuple(sorted(self.classes))
        found = set()
        for phrase, name in self._phrases:
            length = len(phrase)
            for start in range(len(words) - length + 1):
                if tuple(words[start : start + length]) == phrase:
                    words[start : start + length] = [""] * length
                    found.add(name)
        return tuple(sorted(found))

    def beginning(self, file_name: str) -> str:
        """The class that a file's name begins with, as in cat.1.jpg; "" for none."""
        match = self._beginning.match(file_name)
        return self.classes[int((match.lastgroup or "")[1:])] if match else ""

    def none_of(self) -> str:
        """`neither cat nor dog`, `none of cat, dog, bird`."""
        return f"neither {self.classes[0]} nor {self.classes[1]}" if len(self.classes) == 2 else f"none of {self}"

    def closest(self, text: str) -> str:
        """The question whether the closest name is meant; "" where none is close."""
        plain = {_plain(name): name for name in self.classes}
        return closest(_plain(text), plain, plain)

    def __str__(self) -> str:
        return listed(self.classes)


def listed(names: Sequence[str], last: str = ", ") -> str:
    """Names as a message lists them: `a, b`, or of many the first and how many more; `last` stands before the last."""
    if len(names) > MOST:
        return f"{', '.join(map(shown, names[: MOST - 1]))} and {len(names) - MOST + 1} more"
    texts = [shown(name) for name in names]
    return last.join(filter(None, (", ".join(texts[:-1]), *texts[-1:])))


def _unique(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """What means exactly one class."""
    meant: dict[str, set[str]] = defaultdict(set)
    for form, name in pairs:
        meant[form].add(name)
    return {form: next(iter(names)) for form, names in meant.items() if len(names) == 1}


def _plain(name: str) -> str:
    return " ".join(re.split(r"[\s_-]+", name.strip().casefold()))


def _forms(plain: str) -> Iterator[str]:
    """The name with and without the ending of the plural."""
    yield from (plain + ending for ending in ENDINGS)
    yield from (plain.removesuffix(ending) for ending in ENDINGS if len(plain) > len(ending) + 1)


def _words(text: str) -> list[str]:
    parted = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text)
    return re.findall(r"[^\W\d_]+|\d+", parted.casefold())


def _phrases(name: str) -> Iterator[list[str]]:
    """Words that mean the class, one after the other."""
    words = _words(name)
    if words:
        yield from ([*words[:-1], form] for form in dict.fromkeys((words[-1], *_forms(words[-1]))))
    yield from ([word] for word in SYNONYMS.get(_plain(name), ()))


def _beginnings(classes: Sequence[str]) -> Iterator[str]:
    """A pattern per class, longer names first; group g3 is class number 3."""
    for number, name in sorted(enumerate(classes), key=lambda entry: -len(entry[1])):
        words = r"[\s_-]+".join(re.escape(word) for word in _plain(name).split())
        digits = "" if words[-1:].isdigit() else r"\d"  # class1 is not the beginning of class12.jpg
        yield rf"(?P<g{number}>{words}(?:{'|'.join(ENDINGS)})?[{digits}._ (-])"
