"""Layer 5: reads and writes files. Knows neither recipes nor initializers."""
