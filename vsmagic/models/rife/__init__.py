"""RIFE 4.x: networks that make frames in between, from their authors' weights."""
