"""ncnn: any GPU with a Vulkan driver."""

import ctypes
import functools
import os
import struct
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from vsmagic.backends.base import Plugin, Request
from vsmagic.backends.operators import because
from vsmagic.models.spec import INT8

# vulkan_core.h
_INSTANCE_CREATE_INFO = 1
_CPU_DEVICE = 4
_PROPERTIES_BYTES = 2048  # VkPhysicalDeviceProperties takes 824

# What Linux calls the devices that a hardware driver of Vulkan opens: DRM, NVIDIA's own, Windows' GPU under WSL,
# and Arm's Mali.
_NODES = {Path("/dev/dri"): ("renderD",), Path("/dev"): (*(f"nvidia{n}" for n in range(10)), "dxg", "mali")}


class _Device(msgspec.Struct, frozen=True, kw_only=True):
    """What Vulkan tells of a device."""

    type: int
    """VkPhysicalDeviceType."""
    name: str
    driver: int
    """Version of its driver, in the maker's own numbering."""


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
    devices = _devices()
    if devices is None:
        return "no Vulkan loader was found (libvulkan.so.1); on Debian or Ubuntu: apt install libvulkan1"
    if devices:
        return None
    return "Vulkan finds no device; install your GPU's driver (on Debian or Ubuntu: apt install mesa-vulkan-drivers)"


def software() -> bool:
    """Whether Vulkan can show nothing but software renderers, which run on the processor.

    The plugin would tell too, and print its devices to stderr on the way. Where Linux has no GPU nothing is asked:
    that takes 20 to 50 ms of every start of a script.
    """
    if sys.platform == "linux" and not any(_has(folder, starts) for folder, starts in _NODES.items()):
        return True
    devices = _devices()
    return devices is not None and {device.type for device in devices} == {_CPU_DEVICE}


def _has(folder: Path, starts: tuple[str, ...]) -> bool:
    try:
        with os.scandir(folder) as entries:
            return any(entry.name.startswith(starts) for entry in entries)
    except OSError:  # there is no such folder
        return False


def device_name(number: int) -> str:
    """Return the name and the driver of a device, for what is kept of it."""
    devices = _devices() or ()
    return f"{devices[number].name}, driver {devices[number].driver:#x}" if number < len(devices) else "unknown"


@functools.cache
def _devices() -> tuple[_Device, ...] | None:
    """Return every device that Vulkan shows; None where there is no Vulkan loader."""
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
    handles = (ctypes.c_void_p * count.value)()
    vulkan.vkEnumeratePhysicalDevices(instance, ctypes.byref(count), handles)
    devices = tuple(_device(vulkan, handle) for handle in handles[: count.value])
    vulkan.vkDestroyInstance(instance, None)
    return devices


def _device(vulkan: ctypes.CDLL, handle: int | None) -> _Device:
    properties = ctypes.create_string_buffer(_PROPERTIES_BYTES)
    vulkan.vkGetPhysicalDeviceProperties(ctypes.c_void_p(handle), properties)
    # apiVersion, driverVersion, vendorID, deviceID, deviceType: 32 bits each; then deviceName, 256 characters.
    _, driver, _, _, kind = struct.unpack_from("=5I", properties)
    return _Device(type=kind, name=properties.raw[20:276].split(b"\0")[0].decode(errors="replace"), driver=driver)


NCNN = Plugin(
    name="ncnn",
    namespace="ncnn",
    package="'vsmagic[vulkan]'",
    computes=lambda: ("f16", "f32"),
    arguments=_arguments,
    trouble=_trouble,
    excludes=because("its plugin aborts the process", "Cast", "GridSample", "Mod", "Shape", "Slice") | INT8,
)
