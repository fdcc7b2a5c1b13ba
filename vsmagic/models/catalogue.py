"""The models that can be asked for by name: a list to read from top to bottom. Adding a model is one more entry.

Hashes and sizes are those of the authors' own files, each found the same in at least two public places or measured
on the file itself. A file whose hash is not known that well has none: it is pinned on its first download, and has to
be the same from then on. One that has no address either is not downloaded: get it from the authors' page and register
it with ``vsmagic models add``.

A halo is counted along the network's layers: the pixels that can matter, however little.
"""

from typing import Literal

import msgspec

from vsmagic.models.spec import Precision

Kind = Literal["upscale", "interpolate"]


class File(msgspec.Struct, frozen=True, kw_only=True):
    """The file that the authors publish."""

    name: str
    """What it is called, there and in the models folder; its suffix tells the format."""
    url: str | None = None
    """Where it is; None when it comes inside a larger archive only."""
    sha256: str | None = None
    """Its hash, lower-case hexadecimal; None: pinned on first download."""
    bytes: int | None = None
    """Its size; None where it is not known."""

    @property
    def by_hand(self) -> bool:
        """Whether nothing is known that would tell this file from another."""
        return self.url is None and self.sha256 is None


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One model: what it is for, what a filter must know, where it comes from, under which licence."""

    name: str
    """What a user types; lower case."""
    family: str
    kind: Kind = "upscale"
    scale: int = 1
    """Output size over input size, after all passes; 1 for models that add frames."""
    channels: Literal[1, 3] = 3
    """1: it sees luma alone; 3: it sees RGB."""
    range: tuple[float, float] = (0.0, 1.0)
    """Values its input and output stand for black and white with, full range."""
    multiple: int = 1
    """Width and height that it takes are multiples of this; filters pad and crop."""
    halo: int | None
    """Input pixels beyond its own place that an output pixel depends on; None: the whole frame."""
    precisions: tuple[Precision, ...] = ("f32", "bf16", "f16")
    """Precisions of arithmetic it tolerates, the preferred one first."""
    content: str = "any"
    """Pictures it is for: any, photo, anime."""
    licence: str
    """SPDX identifier."""
    commercial: bool | None = True
    """Whether the licence allows commercial use; None where it is not known."""
    page: str
    """Where its authors describe it."""
    description: str
    file: File | None = None
    """What is fetched; None for a model that comes with the package."""
    embedded: str | None = None
    """Name of its spec and network under ``models/embedded``, for a model that comes with the package."""
    passes: int = 1
    """How many times the network is applied, each pass to the result of the one before."""
    blend: str | None = None
    """Name of the model whose weights are mixed with this one's for ``NAME@STRENGTH``: this model's share is the
    strength, from 0 to 1."""

    @property
    def sha256(self) -> str:
        """The published hash of its file; empty where there is none or it is not known."""
        return self.file.sha256 or "" if self.file else ""


_REAL_ESRGAN = "https://github.com/xinntao/Real-ESRGAN"
_ANIMEJANAI = "https://github.com/the-database/mpv-AnimeJaNai"
_RIFE = "https://github.com/hzwer/Practical-RIFE"
_RIFE_FILES = "https://github.com/HolyWu/vs-rife/releases/download/model"
_ONNX = "BuildMpvUpscale2xAnimeJaNai/mpv-upscale-2x_animejanai/animejanai/onnx"
_V3 = f"{_ANIMEJANAI}/raw/70297aaba73b56d96c800c0c472ba54825cb3574/{_ONNX}"
_V3_1 = f"{_ANIMEJANAI}/raw/45c5b42058a2e7985279203482d0d7faa7068063/{_ONNX}"

ENTRIES: tuple[Entry, ...] = (
    Entry(
        name="magic-x2",
        family="magic",
        scale=2,
        channels=1,
        multiple=2,
        halo=16,
        precisions=("bf16", "f32", "f16"),
        licence="MIT",
        page="docs/training.md",
        description="Doubles luma; small and quick, trained on generated pictures; comes with vsmagic.",
        embedded="magic-x2",
    ),
    Entry(
        name="magic-x4",
        family="magic",
        scale=4,
        channels=1,
        multiple=2,
        halo=16,
        precisions=("bf16", "f32", "f16"),
        licence="MIT",
        page="docs/training.md",
        description="magic-x2, applied twice.",
        embedded="magic-x2",
        passes=2,
    ),
    Entry(
        name="magic-flow",
        family="magic",
        kind="interpolate",
        multiple=16,
        halo=None,
        precisions=("f32", "f16"),
        licence="MIT",
        page="docs/training.md",
        description="Frames in between; small and quick, trained on generated scenes; comes with vsmagic.",
        embedded="magic-flow",
    ),
    Entry(
        name="realesrgan-x4plus",
        family="Real-ESRGAN",
        scale=4,
        halo=350,
        content="photo",
        licence="BSD-3-Clause",
        page=_REAL_ESRGAN,
        description="The large one for photographs (RRDB, 23 blocks): restores and invents detail; slow.",
        file=File(
            name="RealESRGAN_x4plus.pth",
            url=f"{_REAL_ESRGAN}/releases/download/v0.1.0/RealESRGAN_x4plus.pth",
            sha256="4fa0d38905f75ac06eb49a7951b426670021be3018265fd191d2125df9d682f1",
            bytes=67_040_989,
        ),
    ),
    Entry(
        name="realesrgan-x2plus",
        family="Real-ESRGAN",
        scale=2,
        multiple=2,
        halo=700,
        content="photo",
        licence="BSD-3-Clause",
        page=_REAL_ESRGAN,
        description="The large one for photographs at twice the size (RRDB, 23 blocks at half size); slow.",
        file=File(
            name="RealESRGAN_x2plus.pth",
            url=f"{_REAL_ESRGAN}/releases/download/v0.2.1/RealESRGAN_x2plus.pth",
            sha256="49fafd45f8fd7aa8d31ab2a22d14d91b536c34494a5cfe31eb5d89c2fa266abb",
            bytes=67_061_725,
        ),
    ),
    Entry(
        name="realesrgan-x4plus-anime-6b",
        family="Real-ESRGAN",
        scale=4,
        halo=95,
        content="anime",
        licence="BSD-3-Clause",
        page=_REAL_ESRGAN,
        description="The large one for drawings (RRDB, 6 blocks).",
        file=File(
            name="RealESRGAN_x4plus_anime_6B.pth",
            url=f"{_REAL_ESRGAN}/releases/download/v0.2.2.4/RealESRGAN_x4plus_anime_6B.pth",
            sha256="f872d837d3c90ed2e05227bed711af5671a6fd1c9f7d7e91c911a61f155e99da",
            bytes=17_938_799,
        ),
    ),
    Entry(
        name="realesr-animevideov3",
        family="Real-ESRGAN",
        scale=4,
        halo=18,
        content="anime",
        licence="BSD-3-Clause",
        page=_REAL_ESRGAN,
        description="The small one for drawn video (SRVGG, 16 layers).",
        file=File(
            name="realesr-animevideov3.pth",
            url=f"{_REAL_ESRGAN}/releases/download/v0.2.5.0/realesr-animevideov3.pth",
            sha256="b8a8376811077954d82ca3fcf476f1ac3da3e8a68a4f4d71363008000a18b75d",
            bytes=2_504_012,
        ),
    ),
    Entry(
        name="realesr-general-x4v3",
        family="Real-ESRGAN",
        scale=4,
        halo=34,
        licence="BSD-3-Clause",
        page=_REAL_ESRGAN,
        description="The small one for all scenes (SRVGG, 32 layers), removes noise; @0 to @1 sets how strongly.",
        file=File(
            name="realesr-general-x4v3.pth",
            url=f"{_REAL_ESRGAN}/releases/download/v0.2.5.0/realesr-general-x4v3.pth",
            sha256="8dc7edb9ac80ccdc30c3a5dca6616509367f05fbc184ad95b731f05bece96292",
            bytes=4_885_111,
        ),
        blend="realesr-general-wdn-x4v3",
    ),
    Entry(
        name="realesr-general-wdn-x4v3",
        family="Real-ESRGAN",
        scale=4,
        halo=34,
        licence="BSD-3-Clause",
        page=_REAL_ESRGAN,
        description="Partner of realesr-general-x4v3 that keeps noise: what that model is at denoise strength 0.",
        file=File(
            name="realesr-general-wdn-x4v3.pth",
            url=f"{_REAL_ESRGAN}/releases/download/v0.2.5.0/realesr-general-wdn-x4v3.pth",
            sha256="1641f8c4464b9f097c9fdda5589273713f67cf59f3d909e0bd688f0cee269dca",
            bytes=4_885_111,
        ),
    ),
    Entry(
        name="animejanai-v3-compact",
        family="AnimeJaNai",
        scale=2,
        halo=18,
        content="anime",
        licence="CC-BY-NC-SA-4.0",
        commercial=False,
        page=_ANIMEJANAI,
        description="1080p anime to 4K: sharpens what a bad upscale to 1080p blurred (SRVGG, 16 layers).",
        file=File(
            name="2x_AnimeJaNai_HD_V3_Compact-fp32.onnx",
            url=f"{_V3}/2x_AnimeJaNai_HD_V3_Compact-fp32.onnx",
            sha256="053178394c0962bab3c2a6d3262d6d96a1a944eee2fcad31cad7ec22034a8898",
            bytes=2_410_129,
        ),
    ),
    Entry(
        name="animejanai-v3-ultracompact",
        family="AnimeJaNai",
        scale=2,
        halo=10,
        content="anime",
        licence="CC-BY-NC-SA-4.0",
        commercial=False,
        page=_ANIMEJANAI,
        description="animejanai-v3-compact with half the layers: twice as fast.",
        file=File(
            name="2x_AnimeJaNai_HD_V3_UltraCompact-fp32.onnx",
            url=f"{_V3}/2x_AnimeJaNai_HD_V3_UltraCompact-fp32.onnx",
            sha256="1d270c7f7d9a09bb3af59cca4f79e1554c429c804255dccef0963d263f843c22",
            bytes=1_223_259,
        ),
    ),
    Entry(
        name="animejanai-v3-superultracompact",
        family="AnimeJaNai",
        scale=2,
        halo=10,
        content="anime",
        licence="CC-BY-NC-SA-4.0",
        commercial=False,
        page=_ANIMEJANAI,
        description="The smallest of animejanai-v3 (24 channels, 8 layers).",
        file=File(
            name="2x_AnimeJaNai_HD_V3_SuperUltraCompact-fp32.onnx",
            url=f"{_V3}/2x_AnimeJaNai_HD_V3_SuperUltraCompact-fp32.onnx",
            sha256="f6bbfbed502b8d300ee9d678d2c277d4b56235c36d053c3a1a41be060c54c0e6",
            bytes=184_990,
        ),
    ),
    Entry(
        name="animejanai-v3-sharp1-ultracompact",
        family="AnimeJaNai",
        scale=2,
        halo=10,
        content="anime",
        licence="CC-BY-NC-SA-4.0",
        commercial=False,
        page=_ANIMEJANAI,
        description="animejanai-v3-ultracompact, trained to sharpen more.",
        file=File(
            name="2x_AnimeJaNai_HD_V3Sharp1_UltraCompact-fp32.onnx",
            url=f"{_V3}/2x_AnimeJaNai_HD_V3Sharp1_UltraCompact-fp32.onnx",
            sha256="a01e4f262f68708639dfd7fabdb971c2d467d616a3cb9293692fc9610b4e0ab4",
            bytes=1_223_259,
        ),
    ),
    Entry(
        name="animejanai-sd-v1beta34-compact",
        family="AnimeJaNai",
        scale=2,
        halo=18,
        content="anime",
        licence="CC-BY-NC-SA-4.0",
        commercial=False,
        page=_ANIMEJANAI,
        description="Anime of DVD size: removes compression and edge artefacts (SRVGG, 16 layers).",
        file=File(
            name="2x_AnimeJaNai_SD_V1beta34_Compact-fp32.onnx",
            url=f"{_V3}/2x_AnimeJaNai_SD_V1beta34_Compact-fp32.onnx",
            sha256="d361a6eff99b9dbfe138670514bd84191f8e0b288085ab397d3ed8d3e03e52dc",
            bytes=2_410_129,
        ),
    ),
    Entry(
        name="animejanai-v3.1-performance",
        family="AnimeJaNai",
        scale=2,
        multiple=2,
        halo=34,
        precisions=("f16", "f32"),
        content="anime",
        licence="CC-BY-NC-SA-4.0",
        commercial=False,
        page=_ANIMEJANAI,
        description="The newest for anime (SPAN at half size, 5 blocks of 48 channels), in half precision.",
        file=File(
            name="2x_AnimeJaNai_HD_V3.1_Performance_SPANF3_b5f48_unshuffle_fp16.onnx",
            url=f"{_V3_1}/2x_AnimeJaNai_HD_V3.1_Performance_SPANF3_b5f48_unshuffle_fp16.onnx",
            sha256="7b804d87320f37b7269d6e27796046fbd975e95e2aa1f65d5557f52a36282716",
            bytes=740_318,
        ),
    ),
    Entry(
        name="animejanai-v2-compact",
        family="AnimeJaNai",
        scale=2,
        halo=18,
        content="anime",
        licence="CC-BY-NC-SA-4.0",
        commercial=False,
        page=f"{_ANIMEJANAI}/releases/tag/2.0.0",
        description="The generation before V3 (SRVGG, 16 layers).",
        file=File(name="2x_AnimeJaNai_V2_Compact_36k.pth"),
    ),
    Entry(
        name="animejanai-v2-ultracompact",
        family="AnimeJaNai",
        scale=2,
        halo=10,
        content="anime",
        licence="CC-BY-NC-SA-4.0",
        commercial=False,
        page=f"{_ANIMEJANAI}/releases/tag/2.0.0",
        description="The generation before V3 (SRVGG, 8 layers).",
        file=File(name="2x_AnimeJaNai_V2_UltraCompact_30k.pth"),
    ),
    Entry(
        name="animejanai-v2-superultracompact",
        family="AnimeJaNai",
        scale=2,
        halo=10,
        content="anime",
        licence="CC-BY-NC-SA-4.0",
        commercial=False,
        page=f"{_ANIMEJANAI}/releases/tag/2.0.0",
        description="The generation before V3 (SRVGG, 24 channels, 8 layers).",
        file=File(name="2x_AnimeJaNai_V2_SuperUltraCompact_100k.pth"),
    ),
    Entry(
        name="rife-4.6",
        family="RIFE",
        kind="interpolate",
        multiple=32,
        halo=None,
        precisions=("f32", "f16"),
        licence="MIT",
        page=_RIFE,
        description="Frames in between: the quick and robust one.",
        file=File(
            name="flownet_v4.6.pkl",
            url=f"{_RIFE_FILES}/flownet_v4.6.pkl",
            sha256="008646e761f0e67cb77f0c6c44cfe3c3e5a05d9d9465311b9681ca650ce030db",
            bytes=21_273_159,
        ),
    ),
    Entry(
        name="rife-4.15-lite",
        family="RIFE",
        kind="interpolate",
        multiple=32,
        halo=None,
        precisions=("f32", "f16"),
        licence="MIT",
        page=_RIFE,
        description="Frames in between: half the size of rife-4.6, with features of both frames.",
        file=File(
            name="flownet_v4.15.lite.pkl",
            url=f"{_RIFE_FILES}/flownet_v4.15.lite.pkl",
        ),
    ),
    Entry(
        name="rife-4.25",
        family="RIFE",
        kind="interpolate",
        multiple=64,
        halo=None,
        precisions=("f32", "f16"),
        licence="MIT",
        page=_RIFE,
        description="Frames in between: its authors' choice for most scenes.",
        file=File(
            name="flownet_v4.25.pkl",
            url=f"{_RIFE_FILES}/flownet_v4.25.pkl",
            sha256="6615790efd627772917205db291f51cd392528a157ecbb2ecaeec3bff8eb6de2",
            bytes=24_636_301,
        ),
    ),
    Entry(
        name="rife-4.25-lite",
        family="RIFE",
        kind="interpolate",
        multiple=128,
        halo=None,
        precisions=("f32", "f16"),
        licence="MIT",
        page=_RIFE,
        description="Frames in between: rife-4.25 with coarser blocks, quicker.",
        file=File(
            name="flownet_v4.25.lite.pkl",
            url=f"{_RIFE_FILES}/flownet_v4.25.lite.pkl",
            sha256="81cdba223fe72a120130cc8552e5d2ecac824259d406f0c15323b3decf96b8b1",
        ),
    ),
    Entry(
        name="rife-4.25-heavy",
        family="RIFE",
        kind="interpolate",
        multiple=64,
        halo=None,
        precisions=("f32", "f16"),
        licence="MIT",
        page=_RIFE,
        description="Frames in between: rife-4.25 with twice the channels; slow.",
        file=File(
            name="flownet_v4.25.heavy.pkl",
            url=f"{_RIFE_FILES}/flownet_v4.25.heavy.pkl",
        ),
    ),
    Entry(
        name="rife-4.26",
        family="RIFE",
        kind="interpolate",
        multiple=64,
        halo=None,
        precisions=("f32", "f16"),
        licence="MIT",
        page=_RIFE,
        description="Frames in between: the newest.",
        file=File(
            name="flownet_v4.26.pkl",
            url=f"{_RIFE_FILES}/flownet_v4.26.pkl",
            sha256="45c7f74156704769dc9f85cfcaf8552e1e926f9399dcfa3a553dee88fac6f53f",
            bytes=24_636_301,
        ),
    ),
    Entry(
        name="rife-4.26-heavy",
        family="RIFE",
        kind="interpolate",
        multiple=64,
        halo=None,
        precisions=("f32", "f16"),
        licence="MIT",
        page=_RIFE,
        description="Frames in between: rife-4.26 with four times the features of each frame; slower.",
        file=File(
            name="flownet_v4.26.heavy.pkl",
            url=f"{_RIFE_FILES}/flownet_v4.26.heavy.pkl",
            sha256="4cc518e172156ad6207b9c7a43364f518832d83a4325d484240493a9e2980537",
        ),
    ),
)


def find(name: str) -> Entry | None:
    """Return the entry of that name, or of the file of that name without its suffix; case does not matter."""
    wanted = name.casefold()
    for entry in ENTRIES:
        stem = entry.file.name.rpartition(".")[0] if entry.file else entry.name
        if wanted in (entry.name, stem.casefold()):
            return entry
    return None


def search(words: tuple[str, ...], entries: tuple[Entry, ...]) -> list[Entry]:
    """Return the entries in whose name, family, kind, content, licence, description or scale every word occurs."""
    return [entry for entry in entries if all(word.casefold() in _text(entry) for word in words)]


def _text(entry: Entry) -> str:
    facts = (entry.name, entry.family, entry.kind, entry.content, entry.licence, entry.description, f"x{entry.scale}")
    return " ".join(facts).casefold()
