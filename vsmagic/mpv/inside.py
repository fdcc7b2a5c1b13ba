"""Runs inside a player as a VapourSynth script: tells which Python and VapourSynth the player loads, and which vsmagic.

Nothing of vsmagic is known before it has been tried, so this uses the standard library alone, of any Python 3. The
answer is a JSON file at the path that the variable ``VSMAGIC_ANSWER`` names. The clip goes through unchanged.
"""

import json
import os
import sys
from pathlib import Path

told = {"python": ".".join(map(str, sys.version_info[:3])), "prefix": sys.prefix}
try:
    import vapoursynth

    told["release"] = vapoursynth.__version__.release_major
    told["library"] = str(Path(vapoursynth.__file__).parent)
    import vsmagic

    told["vsmagic"] = vsmagic.__version__
    told["package"] = str(Path(vsmagic.__file__).parent)
except Exception as error:  # whatever it is, it is the answer
    told["trouble"] = f"{type(error).__name__}: {str(error).strip() or 'no message'}"

Path(os.environ["VSMAGIC_ANSWER"]).write_text(json.dumps(told))
globals()["video_in"].set_output()
