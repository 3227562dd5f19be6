# SPDX-License-Identifier: LGPL-2.1-or-later
"""The hardware of a lab host as arguments for QEMU.

A host is a PCIe machine with an emulated IOMMU, a watchdog and a plain display on the board. Its
card slots 1 to 8 are root ports at 00:02.0 to 00:09.0, so that the card in slot N is 0000:0N:00.0
inside (bus numbers shift after a "shared" one, which has a bus more), and its QEMU device is named
gpuN.
"""

# What a slot may hold: QEMU devices, in this order.
CARDS = {
    # A display card, class 0380, 16 MiB of memory in BAR 0; the host's driver is "bochs".
    "bochs": ["bochs-display,id=gpu{slot},bus=slot{slot},addr=0.0"],
    # Another make, class 0300, with its audio function: one IOMMU group of two. No driver of the
    # host takes it.
    "ati-audio": [
        "ati-vga,id=gpu{slot},bus=slot{slot},addr=0.0,multifunction=on",
        "intel-hda,id=gpu{slot}-audio,bus=slot{slot},addr=0.1",
    ],
    # Two display cards behind one PCIe-to-PCI bridge: they share a group and cannot be told apart
    # by the IOMMU.
    "shared": [
        "pcie-pci-bridge,id=bridge{slot},bus=slot{slot}",
        "bochs-display,id=gpu{slot},bus=bridge{slot},addr=1.0",
        "bochs-display,id=gpu{slot}-second,bus=bridge{slot},addr=2.0",
    ],
    # A device that can be told to reach for any address: shows that the IOMMU stops it.
    "edu": ["edu,id=edu{slot},bus=slot{slot}"],
    # An SR-IOV parent with up to four virtual functions.
    "nvme-sriov": [
        "nvme-subsys,id=subsystem{slot}",
        "nvme,id=nvme{slot},serial=nvme{slot},subsys=subsystem{slot},bus=slot{slot},"
        "max_ioqpairs=16,msix_qsize=16,sriov_max_vfs=4,sriov_vq_flexible=8,sriov_vi_flexible=4",
    ],
}

# The ordinary host: two GPUs of one model and an odd one.
STANDARD = ("bochs", "bochs", "ati-audio")

SLOTS_MAX = 8
MEMORY_MIB = 1024

KERNEL_ARGUMENTS = (
    "console=ttyS0 quiet panic=-1 net.ifnames=0 intel_iommu=on iommu=nopt nokaslr mitigations=off "
    "no_timer_check tsc=reliable nowatchdog drm_kms_helper.fbdev_emulation=0"
)


def machine(accelerator):
    """The bare machine. 'accelerator' is kvm or tcg."""
    accel = {"kvm": "kvm,kernel-irqchip=split", "tcg": "tcg,thread=multi,tb-size=256"}[accelerator]
    return [
        "qemu-system-x86_64", "-accel", accel, "-machine", "q35", "-cpu", "max,la57=off",
        "-smp", "1", "-m", str(MEMORY_MIB), "-nodefaults", "-no-user-config", "-display", "none",
        "-device", "intel-iommu,intremap=on,caching-mode=on,aw-bits=48",
        # The display of the board's management controller. Without it the kernel would take one of
        # the cards for the boot display, and a GPU that shows the console is not to be given away.
        "-device", "cirrus-vga,id=board,addr=1.0",
        # Two stages; at the second it resets the machine, as the real one does.
        "-device", "i6300esb,addr=16.0", "-action", "watchdog=reset",
    ]


def cards(names):
    """Slot 1 holds names[0] and so on; None leaves a slot empty, with room in the address space for
    a card to come."""
    assert len(names) <= SLOTS_MAX
    arguments = []
    for slot, name in enumerate(names, 1):
        room = "" if name else ",pref32-reserve=32M"
        arguments += ["-device", f"pcie-root-port,id=slot{slot},bus=pcie.0,addr={slot + 1:x}.0,"
                                 f"chassis={slot},slot={slot}{room}"]
        for device in CARDS[name] if name else ():
            arguments += ["-device", device.format(slot=slot)]
    return arguments


def network(mac, hub_socket):
    """eth0 on the hub; eth1 for connections from the harness in: restrict lets nothing out."""
    return [
        "-netdev", f"stream,id=cluster,server=off,addr.type=unix,addr.path={hub_socket}",
        "-device", f"virtio-net-pci,netdev=cluster,mac={mac},addr=10.0,romfile=",
        "-netdev", "user,id=harness,restrict=on",
        "-device", "virtio-net-pci,netdev=harness,addr=11.0,romfile=",
    ]


def disk(name, path, address, read_only):
    """cache=unsafe is honest here: losing power is the end of QEMU, and what the host flushed or
    wrote out is by then in this machine's memory. What the host still had in its own memory is
    lost, as it should be."""
    return [
        "-drive", f"if=none,id={name},format=raw,file={path},cache=unsafe,"
                  f"read-only={'on' if read_only else 'off'}",
        "-device", f"virtio-blk-pci,drive={name},addr={address}.0",
    ]


def ports(shell_socket, logs):
    """Serial ports without a wire's slowness: the harness's shell, and one stream for each log:
    name -> file."""
    arguments = [
        "-device", "virtio-serial-pci,id=ports,addr=15.0,max_ports=16",
        "-chardev", f"socket,id=shell,path={shell_socket},server=on,wait=off",
        "-device", "virtserialport,bus=ports.0,chardev=shell,name=lab.shell",
    ]
    for name, path in logs.items():
        arguments += ["-chardev", f"file,id=log.{name},path={path},append=on",
                      "-device", f"virtserialport,bus=ports.0,chardev=log.{name},name=log.{name}"]
    return arguments


def vram_bar(regions):
    """The BAR with the video memory: the first memory of at least 64 KiB, as the guest chooses
    it."""
    for region in sorted(regions, key=lambda r: r["bar"]):
        if region["type"] == "memory" and region["size"] >= 0x10000:
            return region
    return None
