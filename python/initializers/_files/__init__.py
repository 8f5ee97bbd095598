"""Layer 5: bytes on a disk. Knows neither recipes nor initializers."""
