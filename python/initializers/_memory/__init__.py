"""Layer 2: the memory that is filled."""
