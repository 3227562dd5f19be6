// SPDX-License-Identifier: LGPL-2.1-or-later
/* What to do about a problem, as a button: opens the dialog that does it, where the problem is shown, or the page that explains it. */
import { get, messageOf } from './api';
import { arm } from './dialogs/cluster';
import { release } from './dialogs/gpu';
import { removeMember } from './dialogs/pool';
import { confirmOff, resume } from './dialogs/server';
import { adoptVm, confirmGone, moveVm, startVm, stopVm } from './dialogs/vm';
import { navigate } from './router';
import type { Gpu, Hint, Node, Role, Vm, WholePool } from './types';
import { pageOf } from './ui/links';
import { say } from './ui/toast';

export interface Remedy {
    text: string;
    role: Role; // who may do it
    run: () => void;
}

/* Of things only the name is known here: they are read as they are now. */
function on<T>(path: (string | undefined)[], deed: (thing: T) => void): () => void {
    const address = `/v1/${path.map((part) => encodeURIComponent(part ?? '')).join('/')}`;
    return () => void get<T>(address).then(deed, (error: unknown) => say(messageOf(error), 'danger'));
}

const onVm = (deed: (vm: Vm) => void) => (vm?: string) => on<Vm>(['vms', vm], deed);
const onServer = (deed: (node: Node) => void) => (node?: string) => on<Node>(['nodes', node], deed);

function removeFrom(pool?: string, node?: string, address?: string): () => void {
    return on<WholePool>(['pools', pool], (all) => {
        const member = all.members.find((each) => each.node === node && each.address === address);
        if (member) {
            removeMember(all, member);
        } else {
            say(`${node} ${address} has left ${pool} already`, 'info');
        }
    });
}

const remedies: Record<string, [string, Role, (...subject: string[]) => () => void]> = {
    'cluster-arm': ['Arm the cluster', 'administrator', () => arm],
    'gpu-release': ['Release GPU', 'administrator', (node, gpu) => on<Gpu>(['nodes', node, 'gpus', gpu], release)],
    'node-confirm-off': ['Confirm that it is off', 'administrator', onServer(confirmOff)],
    'node-resume': ['Resume', 'operator', onServer(resume)],
    'pool-remove': ['Remove from pool', 'administrator', removeFrom],
    'vm-adopt': ['Adopt', 'administrator', onVm(adoptVm)],
    'vm-confirm-gone': ['Confirm that it is gone', 'administrator', onVm(confirmGone)],
    'vm-explain': ['Why not?', 'viewer', (vm) => () => navigate(pageOf.vm(vm ?? '', 'placement'))],
    'vm-move': ['Move', 'operator', onVm(moveVm)],
    'vm-start': ['Start', 'operator', onVm(startVm)],
    'vm-stop': ['Stop', 'operator', onVm(stopVm)],
};

/* null: the console has no such action. */
export function remedyOf(hint: Hint | undefined): Remedy | null {
    const found = hint && remedies[hint.action];
    return found ? { text: found[0], role: found[1], run: found[2](...hint.subject) } : null;
}
