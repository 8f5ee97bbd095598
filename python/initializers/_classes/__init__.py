"""Layer 3: the initializers, one file a family."""
