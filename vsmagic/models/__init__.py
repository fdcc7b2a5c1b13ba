"""What a model is, and which models there are."""
