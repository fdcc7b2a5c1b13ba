"""What of an installation works, what is missing, and what mends it; the ``doctor`` command shows it."""
