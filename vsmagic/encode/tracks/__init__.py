"""Everything of the input beside the picture: carried along, moved in time, told of."""
