"""Training: makes its own pictures, trains a small network, exports ONNX and spec.

This package meets the rest of vsmagic through files alone. Importing it needs nothing but the base install; its
modules need the extra ``vsmagic[train]`` (torch, numpy, pillow).
"""
