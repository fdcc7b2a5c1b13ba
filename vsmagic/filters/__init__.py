"""The public filters, one a file: ``name(clip, *, options) -> clip``."""
