"""ncnn: any GPU with a Vulkan driver."""

import ctypes
from collections.abc import Mapping
from typing import Any

from vsmagic.backends.base import Backend, Request

# vulkan_core.h
_INSTANCE_CREATE_INFO = 1
_CPU_DEVICE = 4
_PROPERTIES_WORDS = 512  # VkPhysicalDeviceProperties takes 824 bytes
_TYPE_WORD = 4


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
    try:
        vulkan = ctypes.CDLL("libvulkan.so.1")
    except OSError:
        return "no Vulkan loader was found (libvulkan.so.1); on Debian or Ubuntu: apt install libvulkan1"
    if _device_types(vulkan):
        return None
    return "Vulkan finds no device; install your GPU's driver (on Debian or Ubuntu: apt install mesa-vulkan-drivers)"


def software() -> bool:
    """Whether Vulkan shows nothing but software renderers, which run on the processor.

    The plugin would tell too, and print its devices to stderr on the way.
    """
    return set(_device_types(ctypes.CDLL("libvulkan.so.1"))) == {_CPU_DEVICE}


def _device_types(vulkan: ctypes.CDLL) -> list[int]:
    """Return the VkPhysicalDeviceType of every device that Vulkan shows."""
    instance = ctypes.c_void_p()
    create = _InstanceCreateInfo(type=_INSTANCE_CREATE_INFO)
    if vulkan.vkCreateInstance(ctypes.byref(create), None, ctypes.byref(instance)):
        return []
    count = ctypes.c_uint32()
    vulkan.vkEnumeratePhysicalDevices(instance, ctypes.byref(count), None)
    devices = (ctypes.c_void_p * count.value)()
    vulkan.vkEnumeratePhysicalDevices(instance, ctypes.byref(count), devices)
    types = [_device_type(vulkan, device) for device in devices[: count.value]]
    vulkan.vkDestroyInstance(instance, None)
    return types


def _device_type(vulkan: ctypes.CDLL, device: int | None) -> int:
    properties = (ctypes.c_uint32 * _PROPERTIES_WORDS)()
    vulkan.vkGetPhysicalDeviceProperties(ctypes.c_void_p(device), properties)
    return int(properties[_TYPE_WORD])


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
