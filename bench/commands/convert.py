"""`cambench convert`: another framework's checkpoint into a safetensors file."""

import argparse

from bench.commands.arguments import PATH, Commands, checked
from bench.errors import ConfigError
from bench.options import as_names

PREPROCESSING = ("caffe", "rescale", "tf", "raw")  # of weights.keras, which loads late


def add(group: Commands) -> None:
    """Its arguments."""
    parser = group.add_parser("convert", help="another framework's checkpoint into a .safetensors file")
    parser.add_argument("framework", choices=("keras",))
    parser.add_argument("file", type=PATH, metavar="FILE", help="a VGG16 that Keras saved, .h5 or .keras")
    parser.add_argument("--out", type=PATH, required=True, metavar="F.safetensors")
    parser.add_argument(
        "--preprocessing",
        choices=PREPROCESSING,
        help="what pixels from 0 to 255 went through in front of the model: caffe (preprocess_input of VGG16), rescale "
        "(divided by 255), tf (-1 to 1), raw (default: caffe, or raw if the model has a Rescaling layer)",
    )
    parser.add_argument("--classes", type=checked(as_names), metavar="a,b", help="in the order of the outputs")
    parser.set_defaults(command=execute)


def execute(options: argparse.Namespace) -> None:
    """Writes the file, and prints what was assumed or left out.

    Raises:
        ConfigError: out cannot be written so.
    """
    if options.out.suffix != ".safetensors":
        raise ConfigError(f"out is '{options.out}', expected a file ending in .safetensors")
    if options.out.exists():
        raise ConfigError(f"out '{options.out}' exists already; choose another --out, or move it away")
    from reports.files import write_atomic
    from weights.keras import convert

    converted = convert(options.file, preprocessing=options.preprocessing, classes=options.classes)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(options.out, converted.content)
    for note in converted.notes:
        print(f"note: {note}")
    print(f"  {options.out}  {converted.arch}: give it with --weights")
