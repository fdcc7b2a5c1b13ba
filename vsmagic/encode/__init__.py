"""From a chain of filters to a finished file: vspipe, ffmpeg, exact times, sound, and a check at the end."""
