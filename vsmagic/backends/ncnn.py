"""ncnn: any GPU with a Vulkan driver."""

import ctypes
import functools
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vsmagic.backends.base import Plugin, Request

# vulkan_core.h
_INSTANCE_CREATE_INFO = 1
_CPU_DEVICE = 4
_PROPERTIES_WORDS = 512  # VkPhysicalDeviceProperties takes 824 bytes
_TYPE_WORD = 4

# What Linux calls the devices that a hardware driver of Vulkan opens: DRM, NVIDIA's own, Windows' GPU under WSL,
# and Arm's Mali.
_NODES = ("dri/renderD*", "nvidia[0-9]*", "dxg", "mali*")


class _InstanceCreateInfo(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("next", ctypes.c_void_p),
        ("flags", ctypes.c_uint32),
        ("application", ctypes.c_void_p),
        ("layer_count", ctypes.c_uint32),
        ("layers", ctypes.c_void_p),
        ("extension_count", ctypes.c_uint32),
        ("extensions", ctypes.c_void_p),
    )


def _arguments(request: Request) -> Mapping[str, Any]:
    return {"device_id": request.device, "num_streams": request.streams, "fp16": request.precision == "f16"}


def _trouble() -> str | None:
    """Ask the Vulkan loader itself: the plugin crashes or prints where there is none."""
    types = _device_types()
    if types is None:
        return "no Vulkan loader was found (libvulkan.so.1); on Debian or Ubuntu: apt install libvulkan1"
    if types:
        return None
    return "Vulkan finds no device; install your GPU's driver (on Debian or Ubuntu: apt install mesa-vulkan-drivers)"


def software() -> bool:
    """Whether Vulkan can show nothing but software renderers, which run on the processor.

    The plugin would tell too, and print its devices to stderr on the way. Where Linux has no GPU nothing is asked:
    that takes 20 to 50 ms of every start of a script.
    """
    if sys.platform == "linux" and not any(True for name in _NODES for _ in Path("/dev").glob(name)):
        return True
    types = _device_types()
    return types is not None and set(types) == {_CPU_DEVICE}


@functools.cache
def _device_types() -> tuple[int, ...] | None:
    """Return the VkPhysicalDeviceType of every device that Vulkan shows; None where there is no Vulkan loader."""
    try:
        vulkan = ctypes.CDLL("libvulkan.so.1")
    except OSError:
        return None
    instance = ctypes.c_void_p()
    create = _InstanceCreateInfo(type=_INSTANCE_CREATE_INFO)
    if vulkan.vkCreateInstance(ctypes.byref(create), None, ctypes.byref(instance)):
        return ()
    count = ctypes.c_uint32()
    vulkan.vkEnumeratePhysicalDevices(instance, ctypes.byref(count), None)
    devices = (ctypes.c_void_p * count.value)()
    vulkan.vkEnumeratePhysicalDevices(instance, ctypes.byref(count), devices)
    types = tuple(_device_type(vulkan, device) for device in devices[: count.value])
    vulkan.vkDestroyInstance(instance, None)
    return types


def _device_type(vulkan: ctypes.CDLL, device: int | None) -> int:
    properties = (ctypes.c_uint32 * _PROPERTIES_WORDS)()
    vulkan.vkGetPhysicalDeviceProperties(ctypes.c_void_p(device), properties)
    return int(properties[_TYPE_WORD])


NCNN = Plugin(
    name="ncnn",
    namespace="ncnn",
    package="'vsmagic[vulkan]'",
    computes=lambda: ("f16", "f32"),
    arguments=_arguments,
    trouble=_trouble,
    # Each of these makes the plugin abort the process instead of raising.
    excludes=frozenset({"Cast", "GridSample", "Mod", "Shape", "Slice"}),
)
