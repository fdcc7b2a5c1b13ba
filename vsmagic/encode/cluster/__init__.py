"""Chunks made on the nodes of a Ray cluster."""
