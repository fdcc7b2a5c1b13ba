"""Whether there can be a GPU is seen without asking Vulkan, which takes longer than the rest of a start."""

import pytest

from vsmagic.backends import ncnn

GPU, RENDERER = 2, ncnn._CPU_DEVICE


def device(kind: int) -> ncnn._Device:
    return ncnn._Device(type=kind, name="device", driver=1)


@pytest.fixture
def linux(tmp_path, monkeypatch):
    """A /dev of our own."""
    (tmp_path / "dri").mkdir()
    places = [(tmp_path / folder.relative_to("/dev"), starts) for folder, starts in ncnn._NODES.items()]
    monkeypatch.setattr(ncnn, "_NODES", dict(places))
    monkeypatch.setattr(ncnn.sys, "platform", "linux")
    return tmp_path


@pytest.mark.parametrize("node", [None, "null", "nvidiactl", "nvidia-uvm", "dri/card0"])
def test_without_a_gpus_node_nothing_is_asked(linux, monkeypatch, node):
    def forbidden():
        raise AssertionError

    monkeypatch.setattr(ncnn, "_devices", forbidden)
    if node:
        (linux / node).touch()
    assert ncnn.software()


@pytest.mark.parametrize("node", ["dri/renderD128", "nvidia0", "dxg", "mali0"])
@pytest.mark.parametrize(
    ("devices", "software"),
    [((device(GPU),), False), ((device(RENDERER),), True), ((device(RENDERER), device(GPU)), False), (None, False)],
)
def test_with_one_vulkan_tells(linux, monkeypatch, node, devices, software):
    (linux / node).touch()
    monkeypatch.setattr(ncnn, "_devices", lambda: devices)
    assert ncnn.software() is software


def test_no_folder_of_drm_devices_is_no_gpu(linux):
    (linux / "dri").rmdir()
    assert ncnn.software()
