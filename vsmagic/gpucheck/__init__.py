"""What a machine with an NVIDIA GPU does with the models: which backends run, how exactly, and how fast."""
