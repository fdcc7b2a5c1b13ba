import numpy as np
import pytest

from vsmagic.models import reach
from vsmagic.models.spec import ModelSpec


def spec(halo, *, scale=1, multiple=1, channels=1):
    return ModelSpec(
        name="deep", scale=scale, channels=channels, multiple=multiple, halo=halo, activations=1, sha256="00" * 32
    )


def box(radius, scale=1):
    """Return a network that averages over ``2 * radius + 1`` columns, black outside, and enlarges."""

    def run(picture):
        padded = np.pad(picture, ((0, 0), (0, 0), (0, 0), (radius, radius)))
        sums = np.lib.stride_tricks.sliding_window_view(padded, 2 * radius + 1, axis=3).mean(axis=4)
        return sums.repeat(scale, axis=2).repeat(scale, axis=3)

    return run


@pytest.mark.parametrize(("radius", "scale", "multiple"), [(3, 1, 1), (12, 2, 4), (20, 4, 8), (31, 1, 16)])
def test_the_halo_is_never_less_than_what_counts(radius, scale, multiple):
    found = reach.nearer(spec(350, scale=scale, multiple=multiple), box(radius, scale), "deep").halo
    assert radius <= found <= max(16, 1.5 * radius + 8)


@pytest.mark.parametrize("halo", [None, 0, 18, 64])
def test_near_halos_are_left_as_they_are_and_nothing_is_run(halo):
    def run(picture):
        raise AssertionError

    assert reach.nearer(spec(halo), run, "near").halo == halo


def test_a_network_that_really_looks_far_keeps_its_halo():
    assert reach.nearer(spec(350), box(80), "far").halo == 350


def test_the_halo_never_grows():
    assert reach.nearer(spec(65), box(44), "deep").halo == 65


def test_what_is_left_out_of_an_rrdb_is_less_than_the_last_bit():
    """Tiles of a network as Real-ESRGAN x4plus is made, with the measured halo, against the whole picture."""
    torch = pytest.importorskip("torch")
    from spandrel.architectures.ESRGAN.__arch.RRDB import RRDBNet

    torch.manual_seed(3)
    network = RRDBNet(in_nc=3, out_nc=3, num_filters=16, num_blocks=3, scale=4).eval()

    def run(picture):
        with torch.no_grad():
            return network(torch.from_numpy(np.ascontiguousarray(picture))).numpy()

    halo = reach.nearer(spec(350, scale=4, channels=3), run, "rrdb").halo
    assert halo < 64
    picture = np.random.default_rng(1).random((1, 3, 24, 32 + 4 * halo)).astype(np.float32)
    whole = run(picture)[..., 2 * halo * 4 : -2 * halo * 4]
    tile = run(picture[..., halo:-halo])[..., halo * 4 : -halo * 4]
    assert abs(whole - tile).max() < 2 * reach.TOLERANCE
