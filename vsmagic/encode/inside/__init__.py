"""What runs inside vspipe, called by ``encode.vpy``."""
