"""The models that can be asked for by name: a list to read from top to bottom. Adding a model is one more entry.

Hashes and sizes are those of the authors' own files, each found the same in at least two public places or measured
on the file itself. A file whose hash is not known that well has none: it is pinned on its first download, and has to
be the same from then on. One that has no address either is not downloaded: get it from the authors' page and register
it with ``vsmagic models add``.

A halo is counted along the network's layers: the pixels that can matter, however little.
"""

from functools import partial

from vsmagic.models.entry import Entry, File, Tier
from vsmagic.models.spec import Purpose

_REAL_ESRGAN = "https://github.com/xinntao/Real-ESRGAN"
_ANIMEJANAI = "https://github.com/the-database/mpv-AnimeJaNai"
_RIFE = "https://github.com/hzwer/Practical-RIFE"
_RIFE_FILES = "https://github.com/HolyWu/vs-rife/releases/download/model"
_ONNX = "BuildMpvUpscale2xAnimeJaNai/mpv-upscale-2x_animejanai/animejanai/onnx"
_V3 = f"{_ANIMEJANAI}/raw/70297aaba73b56d96c800c0c472ba54825cb3574/{_ONNX}"
_V3_1 = f"{_ANIMEJANAI}/raw/45c5b42058a2e7985279203482d0d7faa7068063/{_ONNX}"

# What all entries of a family have in common, unless they say otherwise.
_own = partial(Entry, family="magic", licence="MIT", page="docs/training.md")
_real_esrgan = partial(Entry, family="Real-ESRGAN", licence="BSD-3-Clause", page=_REAL_ESRGAN)
_animejanai = partial(
    Entry, family="AnimeJaNai", scale=2, content="anime", licence="CC-BY-NC-SA-4.0", commercial=False, page=_ANIMEJANAI
)
_rife = partial(
    Entry, family="RIFE", kind="interpolate", halo=None, precisions=("f32", "f16"), licence="MIT", page=_RIFE
)


def _magic(
    name: str,
    *,
    scale: int,
    description: str,
    content: str = "any",
    purpose: Purpose = "clean",
    tier: Tier = "balanced",
) -> Entry:
    """A network of luma under ``models/embedded``, called ``magic[-restore]-xSCALE[-fast|-best]``.

    The facts are those of the name; all others stand in the spec beside the network.
    """
    return _own(
        name=name,
        scale=scale,
        channels=1,
        content=content,
        purpose=purpose,
        tier=tier,
        description=description,
        embedded=name,
    )


def _file(folder: str, name: str, *, sha256: str | None = None, bytes: int | None = None) -> File:  # noqa: A002
    return File(name=name, url=f"{folder}/{name}", sha256=sha256, bytes=bytes)


ENTRIES: tuple[Entry, ...] = (
    _magic(
        "magic-x2",
        scale=2,
        description="Doubles luma; small and quick, trained on generated pictures; comes with vsmagic.",
    ),
    _magic(
        "magic-x2-fast",
        scale=2,
        tier="fast",
        description="Doubles luma in a third of magic-x2's work, for watching on slow machines; comes with vsmagic.",
    ),
    _magic(
        "magic-x2-best",
        scale=2,
        tier="best",
        description="Doubles luma in three times magic-x2's work, for files; comes with vsmagic.",
    ),
    _magic(
        "magic-x4",
        scale=4,
        description="Enlarges luma four times; small and quick, trained on generated pictures; comes with vsmagic.",
    ),
    _magic(
        "magic-x4-fast",
        scale=4,
        tier="fast",
        description="Enlarges luma four times in a third of magic-x4's work; comes with vsmagic.",
    ),
    _magic(
        "magic-restore-x1",
        scale=1,
        purpose="restore",
        description="Takes compression and noise out of luma and keeps the size; comes with vsmagic.",
    ),
    _magic(
        "magic-restore-x1-fast",
        scale=1,
        purpose="restore",
        tier="fast",
        description="magic-restore-x1 in a third of its work; comes with vsmagic.",
    ),
    _magic(
        "magic-restore-x2",
        scale=2,
        purpose="restore",
        description="Doubles luma and takes compression and noise out of it; comes with vsmagic.",
    ),
    _magic(
        "magic-restore-x2-fast",
        scale=2,
        purpose="restore",
        tier="fast",
        description="magic-restore-x2 in a third of its work, for watching on slow machines; comes with vsmagic.",
    ),
    _magic(
        "magic-restore-x2-best",
        scale=2,
        purpose="restore",
        tier="best",
        description="magic-restore-x2 in three times its work, for files; comes with vsmagic.",
    ),
    _own(
        name="magic-flow",
        kind="interpolate",
        multiple=32,
        precisions=("f32", "f16"),
        description="Frames in between; small and quick, trained on generated scenes; comes with vsmagic.",
        embedded="magic-flow",
    ),
    _real_esrgan(
        name="realesrgan-x4plus",
        scale=4,
        halo=350,
        content="photo",
        description="The large one for photographs (RRDB, 23 blocks): restores and invents detail; slow.",
        file=_file(
            f"{_REAL_ESRGAN}/releases/download/v0.1.0",
            "RealESRGAN_x4plus.pth",
            sha256="4fa0d38905f75ac06eb49a7951b426670021be3018265fd191d2125df9d682f1",
            bytes=67_040_989,
        ),
    ),
    _real_esrgan(
        name="realesrgan-x2plus",
        scale=2,
        multiple=2,
        halo=700,
        content="photo",
        description="The large one for photographs at twice the size (RRDB, 23 blocks at half size); slow.",
        file=_file(
            f"{_REAL_ESRGAN}/releases/download/v0.2.1",
            "RealESRGAN_x2plus.pth",
            sha256="49fafd45f8fd7aa8d31ab2a22d14d91b536c34494a5cfe31eb5d89c2fa266abb",
            bytes=67_061_725,
        ),
    ),
    _real_esrgan(
        name="realesrgan-x4plus-anime-6b",
        scale=4,
        halo=95,
        content="anime",
        description="The large one for drawings (RRDB, 6 blocks).",
        file=_file(
            f"{_REAL_ESRGAN}/releases/download/v0.2.2.4",
            "RealESRGAN_x4plus_anime_6B.pth",
            sha256="f872d837d3c90ed2e05227bed711af5671a6fd1c9f7d7e91c911a61f155e99da",
            bytes=17_938_799,
        ),
    ),
    _real_esrgan(
        name="realesr-animevideov3",
        scale=4,
        halo=18,
        content="anime",
        description="The small one for drawn video (SRVGG, 16 layers).",
        file=_file(
            f"{_REAL_ESRGAN}/releases/download/v0.2.5.0",
            "realesr-animevideov3.pth",
            sha256="b8a8376811077954d82ca3fcf476f1ac3da3e8a68a4f4d71363008000a18b75d",
            bytes=2_504_012,
        ),
    ),
    _real_esrgan(
        name="realesr-general-x4v3",
        scale=4,
        halo=34,
        description="The small one for all scenes (SRVGG, 32 layers), removes noise; @0 to @1 sets how strongly.",
        file=_file(
            f"{_REAL_ESRGAN}/releases/download/v0.2.5.0",
            "realesr-general-x4v3.pth",
            sha256="8dc7edb9ac80ccdc30c3a5dca6616509367f05fbc184ad95b731f05bece96292",
            bytes=4_885_111,
        ),
        blend="realesr-general-wdn-x4v3",
    ),
    _real_esrgan(
        name="realesr-general-wdn-x4v3",
        scale=4,
        halo=34,
        description="Partner of realesr-general-x4v3 that keeps noise: what that model is at denoise strength 0.",
        file=_file(
            f"{_REAL_ESRGAN}/releases/download/v0.2.5.0",
            "realesr-general-wdn-x4v3.pth",
            sha256="1641f8c4464b9f097c9fdda5589273713f67cf59f3d909e0bd688f0cee269dca",
            bytes=4_885_111,
        ),
    ),
    _animejanai(
        name="animejanai-v3-compact",
        halo=18,
        description="1080p anime to 4K: sharpens what a bad upscale to 1080p blurred (SRVGG, 16 layers).",
        file=_file(
            _V3,
            "2x_AnimeJaNai_HD_V3_Compact-fp32.onnx",
            sha256="053178394c0962bab3c2a6d3262d6d96a1a944eee2fcad31cad7ec22034a8898",
            bytes=2_410_129,
        ),
    ),
    _animejanai(
        name="animejanai-v3-ultracompact",
        halo=10,
        description="animejanai-v3-compact with half the layers: twice as fast.",
        file=_file(
            _V3,
            "2x_AnimeJaNai_HD_V3_UltraCompact-fp32.onnx",
            sha256="1d270c7f7d9a09bb3af59cca4f79e1554c429c804255dccef0963d263f843c22",
            bytes=1_223_259,
        ),
    ),
    _animejanai(
        name="animejanai-v3-superultracompact",
        halo=10,
        description="The smallest of animejanai-v3 (24 channels, 8 layers).",
        file=_file(
            _V3,
            "2x_AnimeJaNai_HD_V3_SuperUltraCompact-fp32.onnx",
            sha256="f6bbfbed502b8d300ee9d678d2c277d4b56235c36d053c3a1a41be060c54c0e6",
            bytes=184_990,
        ),
    ),
    _animejanai(
        name="animejanai-v3-sharp1-ultracompact",
        halo=10,
        description="animejanai-v3-ultracompact, trained to sharpen more.",
        file=_file(
            _V3,
            "2x_AnimeJaNai_HD_V3Sharp1_UltraCompact-fp32.onnx",
            sha256="a01e4f262f68708639dfd7fabdb971c2d467d616a3cb9293692fc9610b4e0ab4",
            bytes=1_223_259,
        ),
    ),
    _animejanai(
        name="animejanai-sd-v1beta34-compact",
        halo=18,
        description="Anime of DVD size: removes compression and edge artefacts (SRVGG, 16 layers).",
        file=_file(
            _V3,
            "2x_AnimeJaNai_SD_V1beta34_Compact-fp32.onnx",
            sha256="d361a6eff99b9dbfe138670514bd84191f8e0b288085ab397d3ed8d3e03e52dc",
            bytes=2_410_129,
        ),
    ),
    _animejanai(
        name="animejanai-v3.1-performance",
        multiple=2,
        halo=34,
        precisions=("f16", "f32"),
        description="The newest for anime (SPAN at half size, 5 blocks of 48 channels), in half precision.",
        file=_file(
            _V3_1,
            "2x_AnimeJaNai_HD_V3.1_Performance_SPANF3_b5f48_unshuffle_fp16.onnx",
            sha256="7b804d87320f37b7269d6e27796046fbd975e95e2aa1f65d5557f52a36282716",
            bytes=740_318,
        ),
    ),
    _animejanai(
        name="animejanai-v2-compact",
        halo=18,
        page=f"{_ANIMEJANAI}/releases/tag/2.0.0",
        description="The generation before V3 (SRVGG, 16 layers).",
        file=File(name="2x_AnimeJaNai_V2_Compact_36k.pth"),
    ),
    _animejanai(
        name="animejanai-v2-ultracompact",
        halo=10,
        page=f"{_ANIMEJANAI}/releases/tag/2.0.0",
        description="The generation before V3 (SRVGG, 8 layers).",
        file=File(name="2x_AnimeJaNai_V2_UltraCompact_30k.pth"),
    ),
    _animejanai(
        name="animejanai-v2-superultracompact",
        halo=10,
        page=f"{_ANIMEJANAI}/releases/tag/2.0.0",
        description="The generation before V3 (SRVGG, 24 channels, 8 layers).",
        file=File(name="2x_AnimeJaNai_V2_SuperUltraCompact_100k.pth"),
    ),
    _rife(
        name="rife-4.6",
        multiple=32,
        description="Frames in between: the quick and robust one.",
        file=_file(
            _RIFE_FILES,
            "flownet_v4.6.pkl",
            sha256="008646e761f0e67cb77f0c6c44cfe3c3e5a05d9d9465311b9681ca650ce030db",
            bytes=21_273_159,
        ),
    ),
    _rife(
        name="rife-4.15-lite",
        multiple=32,
        description="Frames in between: half the size of rife-4.6, with features of both frames.",
        file=_file(
            _RIFE_FILES,
            "flownet_v4.15.lite.pkl",
        ),
    ),
    _rife(
        name="rife-4.25",
        multiple=64,
        description="Frames in between: its authors' choice for most scenes.",
        file=_file(
            _RIFE_FILES,
            "flownet_v4.25.pkl",
            sha256="6615790efd627772917205db291f51cd392528a157ecbb2ecaeec3bff8eb6de2",
            bytes=24_636_301,
        ),
    ),
    _rife(
        name="rife-4.25-lite",
        multiple=128,
        description="Frames in between: rife-4.25 with coarser blocks, quicker.",
        file=_file(
            _RIFE_FILES,
            "flownet_v4.25.lite.pkl",
            sha256="81cdba223fe72a120130cc8552e5d2ecac824259d406f0c15323b3decf96b8b1",
        ),
    ),
    _rife(
        name="rife-4.25-heavy",
        multiple=64,
        description="Frames in between: rife-4.25 with twice the channels; slow.",
        file=_file(
            _RIFE_FILES,
            "flownet_v4.25.heavy.pkl",
        ),
    ),
    _rife(
        name="rife-4.26",
        multiple=64,
        description="Frames in between: the newest.",
        file=_file(
            _RIFE_FILES,
            "flownet_v4.26.pkl",
            sha256="45c7f74156704769dc9f85cfcaf8552e1e926f9399dcfa3a553dee88fac6f53f",
            bytes=24_636_301,
        ),
    ),
    _rife(
        name="rife-4.26-heavy",
        multiple=64,
        description="Frames in between: rife-4.26 with four times the features of each frame; slower.",
        file=_file(
            _RIFE_FILES,
            "flownet_v4.26.heavy.pkl",
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
