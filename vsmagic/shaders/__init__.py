"""Networks of luma as GLSL user shaders, for an mpv without VapourSynth and for anything else that uses libplacebo.

``network`` reads an ONNX, ``grid`` says where its values lie in textures, ``code`` writes the passes, ``work`` counts
what they cost, and ``export`` makes the file.
"""
