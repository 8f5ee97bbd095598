"""Layer 1: checks and types of arguments. Knows no initializer."""
