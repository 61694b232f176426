"""The process a command runs in: locks, signals, ranks, progress, logs, and how it ends."""
