// SPDX-License-Identifier: LGPL-2.1-or-later
/* How things are called on the screen, and how they look: the words of Windows' tools where they have them. */
import type { Sign } from './ui/icon';
import type { Gpu, GpuState, Need, Node, NodeState, OfflineAction, Vm, VmState } from './types';

/* Colour and sign say the same, so that neither is needed alone. */
export type Tone = 'good' | 'busy' | 'calm' | 'warn' | 'bad' | 'idle';

export interface Look {
    text: string;
    tone: Tone;
    sign: Sign;
}

export const nodeLooks: Record<NodeState, Look> = {
    up: { text: 'Up', tone: 'good', sign: 'check' },
    paused: { text: 'Paused', tone: 'calm', sign: 'pause' },
    quarantined: { text: 'Quarantined', tone: 'bad', sign: 'alert' },
    draining: { text: 'In maintenance, Draining', tone: 'busy', sign: 'arrow' },
    drained: { text: 'In maintenance, Drain completed', tone: 'calm', sign: 'pause' },
    'going-down': { text: 'Being shut down', tone: 'busy', sign: 'arrow' },
    'shut-down': { text: 'Shut down', tone: 'idle', sign: 'dash' },
    silent: { text: 'Silent', tone: 'bad', sign: 'alert' },
    fencing: { text: 'Silent, being fenced', tone: 'bad', sign: 'alert' },
    fenced: { text: 'Down, proven off', tone: 'bad', sign: 'cross' },
    unknown: { text: 'Listening', tone: 'idle', sign: 'dots' },
    'never-seen': { text: 'Never joined', tone: 'idle', sign: 'dash' },
};

export const gpuLooks: Record<GpuState, Look> = {
    assigned: { text: 'Assigned', tone: 'busy', sign: 'square' },
    failed: { text: 'Assigned, failed', tone: 'bad', sign: 'cross' },
    available: { text: 'Available (Not assigned)', tone: 'good', sign: 'check' },
    away: { text: 'Server down', tone: 'bad', sign: 'cross' },
    dismounted: { text: 'Ready for DDA assignment', tone: 'calm', sign: 'circle' },
    dismounting: { text: 'Being dismounted', tone: 'warn', sign: 'down' },
    mounting: { text: 'Being mounted', tone: 'warn', sign: 'up' },
    host: { text: 'Used by the host', tone: 'idle', sign: 'home' },
    partitioned: { text: 'Partitioned', tone: 'calm', sign: 'grid' },
    partitioning: { text: 'Being divided', tone: 'warn', sign: 'grid' },
    cleaning: { text: 'Being erased', tone: 'warn', sign: 'dots' },
    quarantined: { text: 'Quarantined', tone: 'bad', sign: 'cross' },
    missing: { text: 'Missing', tone: 'bad', sign: 'question' },
    'not-assignable': { text: 'Not assignable', tone: 'idle', sign: 'dash' },
};

export const vmLooks: Record<VmState, Look> = {
    running: { text: 'Running', tone: 'good', sign: 'check' },
    starting: { text: 'Starting', tone: 'busy', sign: 'arrow' },
    stopping: { text: 'Stopping', tone: 'busy', sign: 'arrow' },
    stopped: { text: 'Stopped', tone: 'idle', sign: 'dash' },
    waiting: { text: 'Waiting', tone: 'warn', sign: 'dots' },
    failed: { text: 'Failed', tone: 'bad', sign: 'cross' },
    away: { text: 'Away, moved or saved by hand', tone: 'bad', sign: 'question' },
    unknown: { text: 'Unknown, server is silent', tone: 'bad', sign: 'question' },
};

/* A VM as it is: one that runs without a GPU of its own is not well. */
export function vmLook(vm: Pick<Vm, 'state' | 'degraded'>): Look {
    return vm.degraded ? { text: 'Running, GPU failed', tone: 'warn', sign: 'alert' } : lookOf(vmLooks, vm.state);
}

/* "Assigned to train1, failed": whose it is, or its state. */
export function gpuText(gpu: { state: GpuState; vm?: string }): string {
    if (!gpu.vm) {
        return lookOf(gpuLooks, gpu.state).text;
    }
    return `Assigned to ${gpu.vm}${gpu.state === 'failed' || gpu.state === 'missing' ? `, ${gpu.state}` : ''}`;
}

export const severityLooks: Record<string, Look> = {
    info: { text: 'Info', tone: 'idle', sign: 'info' },
    warning: { text: 'Warning', tone: 'warn', sign: 'alert' },
    error: { text: 'Error', tone: 'bad', sign: 'cross' },
};

/* A later API may know states that this console does not. */
export function lookOf(looks: Record<string, Look>, state: string): Look {
    return looks[state] ?? { text: state, tone: 'idle', sign: 'question' };
}

export const verdicts: Record<string, string> = {
    assignable: 'Assignable',
    stuck: 'Hangs in the kernel',
    'off-bus': 'Fell off the bus',
    'no-iommu': 'The host has no IOMMU',
    'firmware-reserved': 'Memory reserved by firmware',
    'shared-group': 'Shares its IOMMU group',
    'wrong-kind': 'No function that a VM can hold',
    'no-reset': 'Cannot be reset',
    'no-memory': 'Memory not placed by firmware',
    partitioned: 'Partitioned',
    'in-use': 'In use by the host',
    'host-driver': 'Driven by the host: dismount it first',
};

export const offlineActions: Record<OfflineAction, string> = {
    'turn-off': 'Turn off',
    save: 'Save (not with GPUs)',
    shutdown: 'Shut down',
    'force-shutdown': 'Force shut down',
};

/* How running VMs move. */
export const ways: [string, string][] = [
    ['default', 'As the VM is set'], ['live-or-restart', 'Live where possible, else by a restart'], ['live', 'Only live'], ['restart', 'By a restart'],
];

export const priorities: [number, string][] = [[3000, 'High'], [2000, 'Medium'], [1000, 'Low'], [0, 'No auto start']];

export function priorityText(priority: number): string {
    const known = priorities.find(([value]) => value === priority);
    return known ? known[1] : String(priority);
}

export function needsText(needs: Need[]): string {
    return needs.map((need) => (need.count === 1 ? need.pool : `${need.count} × ${need.pool}`)).join(', ');
}

const collator = new Intl.Collator(undefined, { numeric: true, sensitivity: 'base' });

/* node2 comes before node10. */
export const compareNames = (a: string, b: string): number => collator.compare(a, b);

/* For sort(): in that order by the name of each. */
export function natural<T>(nameOf: (thing: T) => string): (a: T, b: T) => number {
    return (a, b) => compareNames(nameOf(a), nameOf(b));
}

export function plural(count: number, one: string, many = `${one}s`): string {
    return `${count} ${count === 1 ? one : many}`;
}

/* "2 GPUs"; where some are none, they are devices. */
export const gpusText = (count: number, gpus: { no_gpu?: boolean }[]): string => plural(count, gpus.some((each) => each.no_gpu) ? 'device' : 'GPU');

/* What a pool of that type is counted in. */
export const unitOf = (type: string): string => (type === 'GpuPartition' ? 'partition' : 'GPU');

export function sizeText(bytes: number): string {
    const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
    let unit = 0;
    while (bytes >= 1024 && unit < units.length - 1) {
        bytes /= 1024;
        unit++;
    }
    return `${Number.isInteger(bytes) ? bytes : bytes.toFixed(1)}\u00a0${units[unit]}`;
}

export const memoryText = (mib: number): string => sizeText(mib * 1024 * 1024);

const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit', hour12: false });
const day = new Intl.DateTimeFormat(undefined, { month: 'short', day: 'numeric' });

export const timeText = (ms: number): string => clock.format(ms);

export function dateText(ms: number): string {
    return new Date(ms).toDateString() === new Date().toDateString() ? timeText(ms) : `${day.format(ms)}, ${timeText(ms)}`;
}

/* "31 minutes" */
export const pauseText = (ms: number): string => (ms < 1000 ? `${ms} ms` : `${(ms / 1000).toFixed(1)} s`);

export function durationText(ms: number): string {
    const seconds = Math.max(0, Math.round(ms / 1000));
    const minutes = Math.floor(seconds / 60);
    const hours = Math.floor(minutes / 60);
    return seconds < 120 ? plural(seconds, 'second')
        : minutes < 120 ? plural(minutes, 'minute')
            : hours < 48 ? plural(hours, 'hour') : plural(Math.floor(hours / 24), 'day');
}

export const isAway = (node: Node): boolean => ['silent', 'fencing', 'fenced', 'unknown', 'never-seen'].includes(node.state);

/* Silent, and nothing has proven that it is off: its VMs wait for a person's word. */
export const needsProof = (node: Node): boolean => node.state === 'silent' || node.state === 'fencing';

export const slotText = (gpu: Pick<Gpu, 'node' | 'address'>): string => `${gpu.node} ${gpu.address}`;

/* "0000:65:00.0" is "65:00.0" where the domain is the usual one. */
export const shortAddress = (address: string): string => address.replaceAll(/(^|\+)0000:/g, '$1');

/* "NVIDIA Corporation GA102GL [A40] [10de:2235]" is "NVIDIA GA102GL [A40]" where room is scarce. */
export function shortModel(name: string): string {
    return name.replace(/ \[[0-9a-f]{4}:[0-9a-f]{4}\]$/, '').replace(/^Advanced Micro Devices, Inc\. \[AMD\/ATI\]/, 'AMD')
        .replace(/^(NVIDIA|Intel) Corporation/, '$1').replace(/^ASPEED Technology, Inc\. /, '');
}

/* How many GPUs a VM may have; the API says the same. */
export const gpusPerVmMax = 16;

export function countFault(count: string): string {
    return /^\d+$/.test(count) && Number(count) >= 1 && Number(count) <= gpusPerVmMax ? '' : `Give a number from 1 to ${gpusPerVmMax}.`;
}

/* What a name of a pool or VM may be; the API says the same. */
export function nameFault(what: string, name: string): string {
    if (name === '') {
        return `Give the ${what} a name.`;
    }
    if (!/^[A-Za-z0-9]/.test(name)) {
        return 'A name begins with a letter or a digit.';
    }
    return /^[A-Za-z0-9._-]{1,63}$/.test(name) ? '' : 'A name has up to 63 letters, digits, dots, hyphens and underscores, and no blanks.';
}
