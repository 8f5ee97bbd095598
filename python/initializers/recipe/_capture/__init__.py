"""Captured models: few rules for many names, and the report. The adapters find the laws."""
