"""`python -m bench ...` is `cambench ...`."""

from bench.cli import entry_point

if __name__ == "__main__":
    entry_point()
