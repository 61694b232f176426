"""Command line, configuration and the one pipeline; nothing imports bench."""
