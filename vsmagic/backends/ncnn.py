"""ncnn: any GPU with a Vulkan driver."""

import ctypes
from collections.abc import Mapping
from typing import Any

from vsmagic.backends.base import Backend, Request


def _arguments(request: Request) -> Mapping[str, Any]:
    return {"device_id": request.device, "num_streams": request.streams, "fp16": request.precision == "f16"}


def _trouble() -> str | None:
    """Ask the Vulkan loader itself: the plugin crashes or prints where there is none."""
    try:
        vulkan = ctypes.CDLL("libvulkan.so.1")
    except OSError:
        return "no Vulkan loader was found (libvulkan.so.1); on Debian or Ubuntu: apt install libvulkan1"
    count = _devices(vulkan)
    if count:
        return None
    return "Vulkan finds no device; install your GPU's driver (on Debian or Ubuntu: apt install mesa-vulkan-drivers)"


def _devices(vulkan: ctypes.CDLL) -> int:
    """Count the physical devices that Vulkan shows."""

    class InstanceCreateInfo(ctypes.Structure):
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

    instance = ctypes.c_void_p()
    create = InstanceCreateInfo(type=1)  # VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO
    if vulkan.vkCreateInstance(ctypes.byref(create), None, ctypes.byref(instance)):
        return 0
    count = ctypes.c_uint32()
    vulkan.vkEnumeratePhysicalDevices(instance, ctypes.byref(count), None)
    vulkan.vkDestroyInstance(instance, None)
    return count.value


NCNN = Backend(
    name="ncnn",
    namespace="ncnn",
    package="'vsmagic[vulkan]'",
    precisions=("f16", "f32"),
    arguments=_arguments,
    trouble=_trouble,
    # Each of these makes the plugin abort the process instead of raising.
    excludes=frozenset({"Cast", "GridSample", "Mod", "Shape", "Slice"}),
)
