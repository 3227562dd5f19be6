// SPDX-License-Identifier: LGPL-2.1-or-later
/* What to do about a refusal: where in the console the action is that the API advises. Not every one is here. */
import type { Hint } from './types';
import { pageOf } from './ui/links';

export interface Way {
    text: string;
    to: string;
}

/* A word in capitals stands for what only a person can choose. */
const isToBeChosen = (name: string) => /^[A-Z]+$/.test(name);
const named = (kind: string, name: string) => (isToBeChosen(name) ? `a ${kind}` : name);
const at = (list: string, name: string, page: string) => (isToBeChosen(name) ? list : page);

const ofGpu = (deed: string) => (node: string, gpu: string): Way =>
    ({ text: `${deed} ${gpu} of ${node}`, to: isToBeChosen(node) ? '/gpus' : at(`/gpus?server=${encodeURIComponent(node)}`, gpu, pageOf.gpu(node, gpu)) });
const ofServer = (deed: string) => (node: string): Way => ({ text: `${deed} ${named('server', node)}`, to: at('/servers', node, pageOf.server(node)) });
const ofVm = (deed: string, tab = '') => (vm: string): Way =>
    ({ text: `${deed} ${named('virtual machine', vm)}`, to: at('/vms', vm, pageOf.vm(vm, tab)) });
const ofPool = (deed: string) => (pool: string): Way => ({ text: `${deed} ${named('GPU pool', pool)}`, to: at('/pools', pool, pageOf.pool(pool)) });

const ways: Record<string, (first: string, second: string) => Way> = {
    'gpu-dismount': ofGpu('Dismount'),
    'gpu-ls': () => ({ text: 'Show the GPUs', to: '/gpus' }),
    'gpu-partition': ofGpu('Divide'),
    'gpu-release': ofGpu('Release'),
    'node-confirm-off': ofServer('Confirm the power state of'),
    'node-drain': ofServer('Drain'),
    'node-resume': ofServer('Resume'),
    'pool-add': ofPool('Add GPUs to'),
    'pool-create': () => ({ text: 'Create a GPU pool', to: '/pools' }),
    'pool-remove': ofPool('Remove the GPU from'),
    'vm-explain': ofVm('Explain', 'placement'),
    'vm-move': ofVm('Move'),
    'vm-set': ofVm('Change the settings of'),
    'vm-stop': ofVm('Stop'),
    'vm-unassign': (_vm, pool) => ofPool('Unassign virtual machines of')(pool),
};

/* null: the console has no such action. */
export function wayOf(hint: Hint | undefined): Way | null {
    const [first = '', second = ''] = hint?.subject ?? [];
    return (hint && ways[hint.action]?.(first, second)) ?? null;
}
