"""`cambench lab`: the lab's figures of a few pictures."""

import argparse

from bench.commands.arguments import PATH, Commands, checked
from bench.options import as_names, as_text


def add(group: Commands) -> None:
    """Its arguments."""
    parser = group.add_parser("lab", help="the lab's figures of a few pictures: prediction, channels, maps")
    parser.add_argument(
        "images", type=PATH, nargs="+", metavar="IMAGE", help="the name says the class, as in my_cat.jpg"
    )
    parser.add_argument("--weights", type=PATH, required=True, metavar="FILE|NAME")
    parser.add_argument("--arch", type=checked(as_text), metavar="NAME", help="architecture, or package.module:name")
    parser.add_argument("--classes", type=checked(as_names), metavar="a,b", help="classes in the order of the outputs")
    parser.add_argument("--out", type=PATH, required=True, metavar="DIR")
    parser.add_argument(
        "--layers",
        type=checked(as_names),
        metavar="a,b",
        help="layers to tap (default: the last ReLU and the pooling after it)",
    )
    parser.add_argument("--device", type=checked(as_text), default="auto", metavar="NAME")
    parser.set_defaults(command=execute)


def execute(options: argparse.Namespace) -> None:
    """Draws, and prints where the page is."""
    from bench.run.lab import lab

    chosen = {"arch": options.arch, "classes": options.classes}
    page = lab(options.images, options.weights, options.out, options.layers, options.device, **chosen)
    print(f"  {page}  prediction, maps and channels of every picture: open it in a browser")
    print(f"  {options.out / 'figures'}  SVG and PNG")
