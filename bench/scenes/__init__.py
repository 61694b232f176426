"""What drawn scenes tell of a network, and whether they may tell it."""
