"""Layer 3: the initializers, one file per family."""
