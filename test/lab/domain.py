#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The ordinary virtual machine of the lab: libvirt domain XML without any GPU in it, which is what
Berth is given.

As a program: domain.py NAME [--tag HEX] [--memory MIB] [--vcpus N] [--no-shutdown] prints it."""

import argparse
import hashlib


def tag_of(name):
    """A tag for the virtual machine 'name', the same everywhere: what its GPU's memory shows
    (Host.gpu_tag). The last four bits are 0: display N of the machine has tag XOR N."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big") & 0xFFFFFFF0


def domain_xml(name, tag=None, memory_mib=16, vcpus=1, no_shutdown=False, firmware="qboot",
               hostdevs="", uuid=None, words="", serial=None):
    """XML of a domain that runs the guest program.

    firmware  qboot (a second faster) or seabios (the default of the machine "pc")
    words     more of the guest's command line ("count", "busy")
    serial    file of its serial line, on the host that runs it; one of its own unless told
    hostdevs  XML put among the devices, for tests that hand over cards without Berth (hostdev_xml)
    """
    loader = "<loader type='rom'>/usr/share/qemu/qboot.rom</loader>" if firmware == "qboot" else ""
    identity = f"<uuid>{uuid}</uuid>" if uuid else ""
    tag = tag_of(name) if tag is None else tag
    options = f"tag={tag:08x}" + (" noshutdown" if no_shutdown else "") + (f" {words}" if words else "")
    return f"""<domain type='qemu'>
  <name>{name}</name>{identity}
  <memory unit='MiB'>{memory_mib}</memory>
  <vcpu>{vcpus}</vcpu>
  <os>
    <type arch='x86_64' machine='pc'>hvm</type>{loader}
    <kernel>/lab/guest.elf</kernel>
    <cmdline>{options}</cmdline>
  </os>
  <!-- without ACPI there is no power button -->
  <features><acpi/></features>
  <on_poweroff>destroy</on_poweroff>
  <on_reboot>restart</on_reboot>
  <on_crash>destroy</on_crash>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
    <controller type='usb' model='none'/>
    <memballoon model='none'/>
    <serial type='file'><source path='{serial or f'/run/lab/guest/{name}.log'}' append='on'/></serial>
    {hostdevs}
  </devices>
</domain>
"""


def hostdev_xml(address, rom_bar=True):
    """A PCI function of the host by address ("0000:01:00.0"), taken from its driver and given back
    by libvirt."""
    segment, bus, rest = address.split(":")
    slot, function = rest.split(".")
    rom = "" if rom_bar else "<rom bar='off'/>"
    return (f"<hostdev mode='subsystem' type='pci' managed='yes'><source>"
            f"<address domain='0x{segment}' bus='0x{bus}' slot='0x{slot}' function='0x{function}'/>"
            f"</source>{rom}</hostdev>")


def main():
    parser = argparse.ArgumentParser(description="Prints the XML of a virtual machine of the lab.")
    parser.add_argument("name")
    parser.add_argument("--tag", type=lambda text: int(text, 16),
                        help="hexadecimal; by default made from the name")
    parser.add_argument("--memory", type=int, default=16, help="MiB")
    parser.add_argument("--vcpus", type=int, default=1)
    parser.add_argument("--no-shutdown", action="store_true",
                        help="the guest ignores the power button")
    given = parser.parse_args()
    print(domain_xml(given.name, given.tag, given.memory, given.vcpus, given.no_shutdown), end="")


if __name__ == "__main__":
    main()
