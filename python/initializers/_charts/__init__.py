"""Layer 5: statistics, histograms and tables of values. Knows no command."""
