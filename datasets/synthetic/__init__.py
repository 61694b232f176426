"""Drawn cats and dogs whose every part is known: f(seed, factors) to a picture and pixel-exact masks."""

from datasets.synthetic.adapter import synthetic
from datasets.synthetic.factors import GROUPS, KINDS, WITHOUT, Animal, Prop, Scene, sample_scene
from datasets.synthetic.render import Rendered, render

__all__ = ["GROUPS", "KINDS", "WITHOUT", "Animal", "Prop", "Rendered", "Scene", "render", "sample_scene", "synthetic"]
