// SPDX-License-Identifier: LGPL-2.1-or-later
/* Domain XML of what the form of a new VM asks: what libvirt needs, and no GPU, which Berth puts in at each start. */

export interface Guest {
    name: string;
    cpus: number;
    memoryMib: number;
    firmware: 'uefi' | 'bios';
    disks: string[]; // paths, the first is started from
    iso: string; // path of what it is installed from; '': none
    network: string; // libvirt's name of it; '': none
}

function escaped(text: string): string {
    const signs: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', "'": '&apos;', '"': '&quot;' };
    return text.replace(/[&<>'"]/g, (sign) => signs[sign] ?? sign);
}

const isBlockDevice = (path: string) => path.startsWith('/dev/');

/* vda to vdz: more than 26 disks a form does not ask for. */
function disk(path: string, index: number): string {
    const letter = String.fromCharCode('a'.charCodeAt(0) + index);
    const [type, source] = isBlockDevice(path) ? ['block', 'dev'] : ['file', 'file'];
    const format = /\.qcow2$/.test(path) ? 'qcow2' : 'raw';
    return `<disk type='${type}' device='disk'><driver name='qemu' type='${format}' cache='none' discard='unmap'/>`
        + `<source ${source}='${escaped(path)}'/><target dev='vd${letter}' bus='virtio'/><boot order='${index + 1}'/></disk>`;
}

export const disksMax = 24;

export function domainXml(guest: Guest): string {
    const cdrom = `<disk type='file' device='cdrom'><driver name='qemu' type='raw'/><source file='${escaped(guest.iso)}'/>`
        + `<target dev='sda' bus='sata'/><readonly/><boot order='${guest.disks.length + 1}'/></disk>`;
    return [
        `<domain type='kvm'><name>${escaped(guest.name)}</name>`,
        `<memory unit='MiB'>${guest.memoryMib}</memory><vcpu>${guest.cpus}</vcpu>`,
        `<os${guest.firmware === 'uefi' ? " firmware='efi'" : ''}><type arch='x86_64' machine='q35'>hvm</type></os>`,
        "<features><acpi/><apic/></features><cpu mode='host-passthrough'/><devices>",
        ...guest.disks.map(disk),
        ...(guest.iso ? [cdrom] : []),
        ...(guest.network ? [`<interface type='network'><source network='${escaped(guest.network)}'/><model type='virtio'/></interface>`] : []),
        "<console type='pty'/><graphics type='vnc'><listen type='none'/></graphics><video><model type='vga'/></video>",
        "<input type='tablet' bus='usb'/><rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>",
        '</devices></domain>',
    ].join('\n');
}
