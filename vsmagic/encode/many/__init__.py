"""Many files in one run: found, checked, made by a process each, reported."""
