"""Layer 2: allocation of memory, exact casts, the floating-point mode."""
