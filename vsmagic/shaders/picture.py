"""The GLSL that meets the picture: reading luma, enlarging it, and luma's range."""

from typing import Literal

from vsmagic.shaders.network import Network

Range = Literal["limited", "full"]

# Places beyond the frame are those of its mirror; LUMA_tex knows formats and bit depths.
LUMA = """
float luma(ivec2 at) {
    ivec2 size = textureSize(LUMA_raw, 0);
    at = max(at, -1 - at);
    at = clamp(min(at, 2 * size - 1 - at), ivec2(0), size - 1);
    return LUMA_tex((vec2(at) + 0.5) * LUMA_pt).x;
}
"""
"""A function for luma as it is stored."""

_NEAREST = """
float enlarged(ivec2 at) {
    return luma(at / SCALE);
}
"""

# Keys' cubic convolution with a = -1/2, which is Mitchell and Netravali's filter with b = 0, c = 1/2.
_BICUBIC = """
vec4 keys(float t) {
    float u = 1.0 - t;
    return vec4(-0.5 * t * u * u, (1.5 * t - 2.5) * t * t + 1.0, (1.5 * u - 2.5) * u * u + 1.0, -0.5 * u * t * t);
}

float enlarged(ivec2 at) {
    vec2 place = (vec2(at) + 0.5) / SCALE.0 - 0.5;
    ivec2 first = ivec2(floor(place)) - 1;
    vec4 x = keys(fract(place.x)), y = keys(fract(place.y));
    float sum = 0.0;
    for (int row = 0; row < 4; row++) {
        ivec2 left = first + ivec2(0, row);
        vec4 four = vec4(luma(left), luma(left + ivec2(1, 0)), luma(left + ivec2(2, 0)), luma(left + ivec2(3, 0)));
        sum += y[row] * dot(x, four);
    }
    return sum;
}
"""


def enlarged(network: Network) -> str:
    """Return a function for what the network's output is added to: luma as it is stored, at a pixel of the output."""
    same = _NEAREST if network.scale == 1 else _BICUBIC  # at the picture's own size, the weights are 0, 1, 0, 0
    code = {"none": "", "nearest": _NEAREST, "bicubic": same}[network.base]
    return code.replace("SCALE", str(network.scale))


def expanded(stored: str, value_range: Range) -> str:
    """Take luma as it is stored to full range.

    A player hands out luma of more bits as if it were of 8: 16/255 is black and 235/255 is white at any depth.
    """
    return f"({stored} - {16 / 255!r}) * {255 / 219!r}" if value_range == "limited" else stored


def result(network: Network, value: str, value_range: Range) -> str:
    """Return luma as it is stored, of an output of the network."""
    if value_range == "limited":
        value = f"{value} * {219 / 255!r}"
    if network.base != "none":
        return f"enlarged(at) + {value}"
    return f"{value} + {16 / 255!r}" if value_range == "limited" else value
