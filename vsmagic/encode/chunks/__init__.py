"""A job cut into chunks that outlive a crash: made, recorded, joined."""
