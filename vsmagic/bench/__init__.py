"""Measures the bare plugin, the whole graph and the whole command side by side on real pictures."""
