"""Compiled TensorRT engines: what tells one from another, how they are built, and where they are kept."""
