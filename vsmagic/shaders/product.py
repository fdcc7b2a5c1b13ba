"""The GLSL of a layer's sums.

A work group makes a square of cells. It takes what a group of four planes needs into shared memory, both weights and
cells with their neighbours, then every thread multiplies: each weight it reads serves four cells, each value all the
planes that it makes.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from vsmagic.shaders.grid import EACH, SIDE, Grid, grid, pair, weights_texture
from vsmagic.shaders.network import Layer, Network

Precision = Literal["half", "single"]

_CELLS = [(x * SIDE, y * SIDE) for y in range(EACH) for x in range(EACH)]
"""Where the cells of a thread lie from its first one."""

_ARITHMETIC: dict[Precision, str] = {
    "half": """\
#if defined(GL_EXT_shader_explicit_arithmetic_types_float16)
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : enable
#define V4 f16vec4
#define TO_V4 f16vec4
#else
#define V4 vec4
#define TO_V4 vec4
#endif
""",
    "single": """\
#define V4 vec4
#define TO_V4 vec4
""",
}


@dataclass(frozen=True, kw_only=True)
class _Sizes:
    """The numbers of one layer."""

    groups: int
    """Groups of four planes that are read."""
    width: int
    height: int
    """Cells that a convolution looks at."""
    across: int
    down: int
    """Cells that a work group reads."""
    weights: int
    """Texels of weights for one group of planes that are read."""
    threads: int


def arithmetic(precision: Precision) -> str:
    """Return the definition of the types that are multiplied."""
    return _ARITHMETIC[precision]


def hook(network: Network, layer: Layer, precision: Precision, *, finish: str) -> Iterator[str]:
    """Yield the pass's main function; it uses ``given(cell, group)`` and calls ``finish(cell, group, sums)``.

    In half precision, sums over four planes of all neighbours are made in 16 bits and added up in 32: for magic-x2,
    16 bits alone are off by up to 0.7/255 of white, this by up to 0.4/255.
    """
    own = grid(network, layer.channels)
    sizes = _sizes(layer, own)
    sums = "p" if precision == "half" else "s"
    yield _opening(sizes, own)
    yield from _biases(weights_texture(network, layer.name), sizes, own)
    yield _loading(weights_texture(network, layer.name), layer, sizes)
    if sums == "p":
        yield from (f"        V4 p{cell}_{group} = TO_V4(0.0);\n" for cell, group in _numbered(own))
    yield from _multiplying(sizes, own, sums)
    if sums == "p":
        yield from (f"        s{cell}_{group} += vec4(p{cell}_{group});\n" for cell, group in _numbered(own))
    yield "    }\n"
    for cell, group in _numbered(own):
        yield f"    {finish}(corner + place + {pair(*_CELLS[cell])}, first + {group}, s{cell}_{group});\n"
    yield "}\n"


def _sizes(layer: Layer, own: Grid) -> _Sizes:
    _, given, height, width = layer.weights.shape
    return _Sizes(
        groups=-(-given // 4),
        width=width,
        height=height,
        across=EACH * SIDE + width - 1,
        down=EACH * SIDE + height - 1,
        weights=height * width * own.made * 4,
        threads=SIDE * SIDE * own.slices,
    )


def _numbered(own: Grid) -> list[tuple[int, int]]:
    return [(cell, group) for group in range(own.each) for cell in range(len(_CELLS))]


def _opening(sizes: _Sizes, own: Grid) -> str:
    return f"""
#define ADD(s, v) s += a * v.x; s += b * v.y; s += c * v.z; s += d * v.w;
shared V4 weights[{sizes.weights}];
shared V4 tile[{sizes.across * sizes.down}];

void hook() {{
    int lane = int(gl_LocalInvocationIndex);
    int first = lane / {SIDE * SIDE} * {own.each};
    ivec2 place = ivec2(lane % {SIDE}, lane / {SIDE} % {SIDE});
    ivec2 corner = ivec2(gl_WorkGroupID.xy) * {EACH * SIDE};
"""


def _biases(source: str, sizes: _Sizes, own: Grid) -> Iterator[str]:
    for cell, group in _numbered(own):
        bias = f"texelFetch({source}, ivec2(first + {group}, {sizes.groups}), 0)"
        yield f"    vec4 s{cell}_{group} = {bias if cell == 0 else f's0_{group}'};\n"


def _loading(source: str, layer: Layer, sizes: _Sizes) -> str:
    return f"""\
    for (int g = 0; g < {sizes.groups}; g++) {{
        barrier();
        for (int n = lane; n < {sizes.weights}; n += {sizes.threads})
            weights[n] = TO_V4(texelFetch({source}, ivec2(n, g), 0));
        for (int n = lane; n < {sizes.across * sizes.down}; n += {sizes.threads})
            tile[n] = TO_V4(given(corner + ivec2(n % {sizes.across}, n / {sizes.across}) - {pair(*layer.before)}, g));
        memoryBarrierShared();
        barrier();
"""


def _multiplying(sizes: _Sizes, own: Grid, sums: str) -> Iterator[str]:
    yield f"""\
        for (int t = 0; t < {sizes.height * sizes.width}; t++) {{
            int n = (place.y + t / {sizes.width}) * {sizes.across} + place.x + t % {sizes.width};
            int k = (t * {own.made} + first) * 4;
            V4 a, b, c, d;
"""
    for number, (x, y) in enumerate(_CELLS):
        yield f"            V4 v{number} = tile[n + {y * sizes.across + x}];\n"
    for group in range(own.each):
        columns = "; ".join(f"{letter} = weights[k + {4 * group + n}]" for n, letter in enumerate("abcd"))
        adds = " ".join(f"ADD({sums}{cell}_{group}, v{cell})" for cell in range(len(_CELLS)))
        yield f"            {columns};\n            {adds}\n"
    yield "        }\n"
