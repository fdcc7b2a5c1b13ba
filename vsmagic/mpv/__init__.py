"""vsmagic in the player mpv: installation, examination of the player, and what its scripts build."""
