"""Layer 1: the values that an argument may have. Knows no initializer."""
