"""The passes of a network: one compute pass a layer, each with a texture of its weights."""

from collections.abc import Iterator
from functools import partial

from vsmagic.shaders import picture
from vsmagic.shaders.grid import EACH, SIDE, Grid, grid, texture, weights_texture
from vsmagic.shaders.network import Layer, Network, Relu
from vsmagic.shaders.picture import Range
from vsmagic.shaders.product import Precision, arithmetic, hook
from vsmagic.shaders.weights import block, texels

_LARGER = 0.6


def passes(network: Network, *, precision: Precision, value_range: Range) -> Iterator[str]:
    """Yield textures and passes, in order."""
    for number, layer in enumerate(network.layers):
        own = grid(network, layer.channels)
        yield block(weights_texture(network, layer.name), texels(layer, own))
        yield (
            _head(network, number, layer)
            + arithmetic(precision)
            + "".join(_body(network, layer, precision, value_range))
        )


def larger(scale: int) -> float | None:
    """Return how many times as large a picture must be shown, on average over both sides, for a shader to run.

    1.2 times for one that doubles, 2.4 for one that enlarges four times: below that, more than 6 of 10 pixels that it
    makes would be lost when the player fits them into its window, and a shader of a smaller scale does as well. One
    that keeps the size always runs: None.
    """
    return None if scale == 1 else _LARGER * scale


def _head(network: Network, number: int, layer: Layer) -> str:
    """Everything that is told to the player."""
    shown = larger(network.scale)
    lines = [
        "HOOK LUMA",
        *(f"BIND {name}" for name in _bound(network, layer)),
        *_made(network, layer),
        # The mean of both sides holds for video that is shown turned by 90 degrees too.
        *([f"WHEN OUTPUT.w OUTPUT.h * LUMA.w LUMA.h * / {shown**2:g} >"] if shown else []),
        f"DESC vsmagic {network.name} ({number + 1} of {len(network.layers)})",
    ]
    return "".join(f"//!{line}\n" for line in lines)


def _bound(network: Network, layer: Layer) -> list[str]:
    """Return the names of the textures that a pass reads."""
    picture_too = not layer.given or layer is network.layers[-1]
    added = (one for one in layer.after if isinstance(one, str))
    layers = dict.fromkeys([*([layer.given] if layer.given else []), *added])
    return [
        *(["LUMA"] if picture_too else []),
        *(texture(network, name) for name in layers),
        weights_texture(network, layer.name),
    ]


def _made(network: Network, layer: Layer) -> list[str]:
    """Say what a pass makes, and how much of it a work group makes."""
    own, square = grid(network, layer.channels), EACH * SIDE
    threads = f"{SIDE} {SIDE * own.slices}"
    if layer is network.layers[-1]:
        side = network.shuffle * square
        return [
            f"WIDTH LUMA.w {network.scale} *",
            f"HEIGHT LUMA.h {network.scale} *",
            f"COMPUTE {side} {side} {threads}",
        ]
    return [
        f"SAVE {texture(network, layer.name)}",
        f"WIDTH {own.width}",
        f"HEIGHT {own.height}",
        "COMPONENTS 4",
        f"COMPUTE {own.columns * square} {own.rows * square} {threads}",
    ]


def _body(network: Network, layer: Layer, precision: Precision, value_range: Range) -> Iterator[str]:
    last = layer is network.layers[-1]
    if last or not layer.given:
        yield picture.LUMA
    if last:
        yield picture.enlarged(network)
    yield _given(network, layer) if layer.given else _seen(network, layer, value_range)
    yield _spread(network, layer, value_range) if last else _kept(network, layer)
    yield from hook(network, layer, precision, finish="spread" if last else "keep")


def _given(network: Network, layer: Layer) -> str:
    """A function for four planes of a cell of another layer; zero beyond the frame."""
    given = grid(network, network.layer(layer.given).channels)
    source = f"{texture(network, layer.given)}_raw"
    return f"""
vec4 given(ivec2 cell, int group) {{
    ivec2 cells = textureSize({source}, 0) / {given.pictures};
    if (any(lessThan(cell, ivec2(0))) || any(greaterThanEqual(cell, cells))) return vec4(0.0);
    return texelFetch({source}, cell + cells * {given.place}, 0);
}}
"""


def _seen(network: Network, layer: Layer, value_range: Range) -> str:
    """A function for four pixels of a cell of the picture; zero beyond the size that it is taken up to."""
    own, side = grid(network, layer.channels), network.cell
    return f"""
vec4 given(ivec2 cell, int group) {{
    ivec2 cells = {_cells(network, layer, own)};
    if (any(lessThan(cell, ivec2(0))) || any(greaterThanEqual(cell, cells))) return vec4(0.0);
    vec4 four = vec4(0.0);
    for (int n = 0; n < min(4, {side**2} - 4 * group); n++) {{
        int plane = 4 * group + n;
        float stored = luma(cell * {side} + ivec2(plane % {side}, plane / {side}));
        four[n] = {picture.expanded("stored", value_range)};
    }}
    return four;
}}
"""


def _kept(network: Network, layer: Layer) -> str:
    """A function that keeps four planes of a cell in the layer's texture."""
    own = grid(network, layer.channels)
    return f"""
void keep(ivec2 cell, int group, vec4 s) {{
    ivec2 cells = {_cells(network, layer, own)};
    if (any(greaterThanEqual(cell, cells)) || group >= {own.groups}) return;
    ivec2 at = cell + cells * {own.place};
{_after(network, layer)}    imageStore(out_image, at, s);
}}
"""


def _spread(network: Network, layer: Layer, value_range: Range) -> str:
    """A function that spreads four planes of a cell over pixels of the output."""
    side = network.shuffle
    return f"""
void spread(ivec2 cell, int group, vec4 s) {{
{_after(network, layer)}    for (int n = 0; n < min(4, {side**2} - 4 * group); n++) {{
        int plane = 4 * group + n;
        ivec2 at = cell * {side} + ivec2(plane % {side}, plane / {side});
        if (any(greaterThanEqual(at, imageSize(out_image)))) continue;
        imageStore(out_image, at, vec4({picture.result(network, "s[n]", value_range)}, 0.0, 0.0, 1.0));
    }}
}}
"""


def _cells(network: Network, layer: Layer, own: Grid) -> str:
    """The frame's cells, from the size of what the pass makes: a decoder's texture may be larger than the frame."""
    if layer is network.layers[-1]:
        return f"(imageSize(out_image) + {network.shuffle - 1}) / {network.shuffle}"
    return f"imageSize(out_image) / {own.pictures}"


def _after(network: Network, layer: Layer) -> str:
    return "".join(map(partial(_done, network), layer.after))


def _done(network: Network, what: Relu | str) -> str:
    match what:
        case Relu(leak=0.0):
            return "    s = max(s, vec4(0.0));\n"
        case Relu(leak=leak):
            return f"    s = max(s, {leak:.9g} * s);\n"
        case layer:
            return f"    s += texelFetch({texture(network, layer)}_raw, at, 0);\n"
