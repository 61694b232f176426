"""Run directories, opened and checked; nothing else is read."""
