"""What a scene is made of, drawn from a seed: everything but the head from the same distributions for both classes."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from datasets.drawn import HEAD_NAMES, PART_NAMES, REST_NAMES
from datasets.names import DEFAULT
from datasets.records import DatasetError

ANIMALS = DEFAULT  # of even and odd scenes
SIZE = 224
CELL = 16  # pixels per cell of AlexNet's last conv layer
GROUPS = {"head": HEAD_NAMES, "rest": REST_NAMES, "animal": PART_NAMES, **{part: (part,) for part in PART_NAMES}}
KINDS = ("one", "both", "neither", "distractors", "correlated")
POSES = ("sitting", "standing", "lying")
PATTERNS = ("plain", "stripes", "spots", "patches")
PROPS = ("ball", "box", "cushion", "plant")
LURES = ("triangles", "dots", "strokes")  # look a little like ears, eyes and whiskers
COATS = (
    (214, 156, 92), (92, 72, 60), (150, 146, 144), (228, 216, 196), (60, 58, 64), (176, 116, 74), (200, 184, 160),
    (122, 96, 78),
)  # fmt: skip
EYES = ((120, 168, 72), (196, 150, 52), (92, 148, 188), (134, 92, 50))

Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Animal:
    """One animal.

    Attributes:
        class_name: cat or dog; decides the head and nothing else.
        x: centre of the head, pixels.
        y: the same, downwards.
        radius: of the head, pixels.
        tilt: of the head, radians.
        side: 1 body to the right of the head, -1 to the left.
        pose: one of `POSES`.
        pattern: of the coat, one of `PATTERNS`.
        coat: base colour.
        second: colour of the pattern.
        eyes: colour of the iris.
        texture: seed of the coat.
        removed: parts that are not drawn.
        swapped: parts drawn as the other class has them.
    """

    class_name: str
    x: float
    y: float
    radius: float
    tilt: float
    side: int
    pose: str
    pattern: str
    coat: Colour
    second: Colour
    eyes: Colour
    texture: int
    removed: frozenset[str] = frozenset()
    swapped: frozenset[str] = frozenset()

    def drawn_as(self, part: str) -> str:
        """The class whose shape a part has."""
        other = next(name for name in ANIMALS if name != self.class_name)
        return other if part in self.swapped else self.class_name


@dataclass(frozen=True)
class Prop:
    """A thing that is no animal: clutter behind the animals, or an occluder in front of them."""

    kind: str
    x: float
    y: float
    size: float
    colour: Colour
    angle: float


@dataclass(frozen=True)
class Scene:
    """A scene; `datasets.synthetic.render.render` turns it into a picture.

    Attributes:
        kind: one of `KINDS`.
        animals: none, one, or a cat and a dog.
        wall: colour above the horizon.
        floor: colour below.
        horizon: pixels from the top.
        light: direction of the light, radians.
        texture: seed of the background.
        clutter: behind the animals.
        occluders: in front of them.
    """

    kind: str
    animals: tuple[Animal, ...]
    wall: Colour
    floor: Colour
    horizon: float
    light: float
    texture: int
    clutter: tuple[Prop, ...] = field(default=())
    occluders: tuple[Prop, ...] = field(default=())

    def remove(self, group: str, animal: int = 0) -> "Scene":
        """The same scene without a part or a whole group of `GROUPS`; what is behind it shows.

        Raises:
            DatasetError: no such part or animal.
        """
        changed = self._animal(group, animal)
        return self._with(animal, replace(changed, removed=changed.removed | frozenset(GROUPS[group])))

    def swap(self, group: str, animal: int = 0) -> "Scene":
        """The same scene with a part of the other class; swapping twice gives the first scene.

        Raises:
            DatasetError: no such part or animal, or one that both classes share.
        """
        changed = self._animal(group, animal)
        if not set(GROUPS[group]) <= set(HEAD_NAMES):
            raise DatasetError(
                f"part '{group}' is the same for both classes; swap one of head, {', '.join(HEAD_NAMES)}"
            )
        return self._with(animal, replace(changed, swapped=changed.swapped ^ frozenset(GROUPS[group])))

    def without_background(self) -> "Scene":
        """The same animals before plain grey, without clutter and occluders."""
        grey = (128, 128, 128)
        return replace(self, wall=grey, floor=grey, clutter=(), occluders=())

    def _animal(self, group: str, animal: int) -> Animal:
        if group not in GROUPS:
            raise DatasetError(f"part is '{group}', expected one of {', '.join(GROUPS)}")
        if not 0 <= animal < len(self.animals):
            raise DatasetError(f"animal is {animal}, but the scene has {len(self.animals)}")
        return self.animals[animal]

    def _with(self, number: int, animal: Animal) -> "Scene":
        return replace(self, animals=(*self.animals[:number], animal, *self.animals[number + 1 :]))


def _without(group: str) -> Callable[[Scene], Scene]:
    def change(scene: Scene) -> Scene:
        for number in range(len(scene.animals)):
            scene = scene.remove(group, number)
        return scene

    return change


WITHOUT: dict[str, Callable[[Scene], Scene]] = {  # of every animal
    "": lambda scene: scene,
    "head": _without("head"),
    "body": _without("rest"),
    "background": Scene.without_background,
}


def sample_scene(kind: str, index: int, seed: int = 0) -> Scene:
    """Scene number `index` of a kind: the same whoever asks, in any order, on any machine.

    Even indices show a cat, odd ones a dog, both of them or neither as the kind says.

    Raises:
        DatasetError: unknown kind, negative index or seed.
    """
    if kind not in KINDS:
        raise DatasetError(f"scene kind is '{kind}', expected one of {', '.join(KINDS)}")
    if index < 0 or seed < 0:
        raise DatasetError(f"scene index and seed are {index} and {seed}, expected at least 0")
    random = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, index, KINDS.index(kind)])))
    label = ANIMALS[index % 2]
    wall, floor = _background_colours(random)
    if kind == "correlated":
        wall, floor = _tinted(wall, label), _tinted(floor, label)
    animals = _animals(random, kind, label)
    lures = 6 if kind == "distractors" else 0
    clutter = [_prop(random, PROPS, 12, 34) for _ in range(random.integers(1, 5))]
    clutter += [_prop(random, LURES, 10, 30) for _ in range(lures)]
    return Scene(
        kind=kind,
        animals=animals,
        wall=wall,
        floor=floor,
        horizon=float(random.uniform(60, min([170.0, *(a.y + 2.5 * a.radius for a in animals)]))),
        light=float(random.uniform(0, 2 * np.pi)),
        texture=int(random.integers(2**31)),
        clutter=tuple(clutter),
        occluders=tuple(_occluder(random, animals) for _ in range(random.integers(0, 3))),
    )


def _animals(random: np.random.Generator, kind: str, label: str) -> tuple[Animal, ...]:
    if kind == "neither":
        return ()
    if kind == "both":
        other = next(name for name in ANIMALS if name != label)
        return (_animal(random, label, (20, 34), (46, 62)), _animal(random, other, (20, 34), (162, 178)))
    return (_animal(random, label, (0.75 * CELL, 3 * CELL), (60, 164)),)


def _animal(
    random: np.random.Generator, label: str, radii: tuple[float, float], columns: tuple[float, float]
) -> Animal:
    """Draws every factor whatever the class, so that the class decides nothing but the head's shapes."""
    coat, second = (COATS[i] for i in random.choice(len(COATS), size=2, replace=False))
    radius = float(np.exp(random.uniform(*np.log(radii))))
    low, high = 20 + 1.4 * radius, 200 - 2.0 * radius
    return Animal(
        class_name=label,
        x=float(random.uniform(*columns)),
        y=float(random.uniform(low, max(low, high))),
        radius=radius,
        tilt=float(random.normal(0, 0.12)),
        side=int(random.choice([-1, 1])),
        pose=str(random.choice(POSES)),
        pattern=str(random.choice(PATTERNS)),
        coat=_jittered(random, coat, 14),
        second=_jittered(random, second, 14),
        eyes=EYES[random.integers(len(EYES))],
        texture=int(random.integers(2**31)),
    )


def _prop(random: np.random.Generator, kinds: tuple[str, ...], smallest: float, largest: float) -> Prop:
    return Prop(
        kind=str(random.choice(kinds)),
        x=float(random.uniform(0, SIZE)),
        y=float(random.uniform(40, SIZE)),
        size=float(random.uniform(smallest, largest)),
        colour=_jittered(random, (140, 130, 125), 90),
        angle=float(random.uniform(-0.6, 0.6)),
    )


def _occluder(random: np.random.Generator, animals: tuple[Animal, ...]) -> Prop:
    """A blade of grass or a leaf that leaves the middle of every head free."""
    drawn = [_prop(random, ("blade", "leaf"), 16, 40) for _ in range(8)]
    free = [p for p in drawn if all(np.hypot(p.x - a.x, p.y - a.y) > p.size + a.radius for a in animals)]
    return (free or [replace(drawn[0], x=4.0, y=220.0)])[0]


def _background_colours(random: np.random.Generator) -> tuple[Colour, Colour]:
    return _jittered(random, (176, 174, 168), 50), _jittered(random, (138, 124, 106), 44)


def _tinted(colour: Colour, label: str) -> Colour:
    """Warm for cats, green for dogs: the shortcut of the positive control."""
    tint = (214, 120, 110) if label == "cat" else (96, 176, 112)
    return tuple(round(0.45 * c + 0.55 * t) for c, t in zip(colour, tint, strict=True))  # type: ignore[return-value]


def _jittered(random: np.random.Generator, colour: Colour, spread: float) -> Colour:
    """Lighter or darker by up to `spread`, and a little of another hue."""
    shift = random.uniform(-spread, spread) + random.uniform(-0.45 * spread, 0.45 * spread, 3)
    drawn = np.clip(np.array(colour) + shift, 0, 255)
    return int(drawn[0]), int(drawn[1]), int(drawn[2])
