"""vsmagic makes any video better: undoes digital zoom, upscales and interpolates, in VapourSynth."""

__version__ = "0.1.0"
