"""Wear: a small picture as old video shows it, made from a large clean one, to train networks that restore.

A picture goes the way that real ones went: through a lens, to a smaller size, with noise, perhaps sharpened and
interlaced, and then through real encoders (PyAV), as a short clip that stands still or pans, so that frames of every
kind occur. How much of it happens is drawn at random. One in five pictures stays clean apart from the resize, and most
of the others are resized and compressed, and no more: a network has to learn to leave good pictures alone.
"""

from vsmagic.training.wear.chain import Worn, wear, worn
from vsmagic.training.wear.codecs import CODECS_FOR_EVALUATION, compressed
from vsmagic.training.wear.colour import luma

__all__ = ["CODECS_FOR_EVALUATION", "Worn", "compressed", "luma", "wear", "worn"]
