"""A run: its plan, its pipeline, and the directory it fills."""
