// SPDX-License-Identifier: LGPL-2.1-or-later
/* What can be done with a VM, by whom and when. */
import { assignThis, unassignThis } from '../dialogs/pool';
import { adoptVm, cancelMove, confirmGone, moveVm, removeVm, restartVm, startVm, stopVm } from '../dialogs/vm';
import { editVm } from '../dialogs/vmedit';
import { vmSettings } from '../dialogs/vmsettings';
import type { Vm } from '../types';
import type { Deed } from '../ui/menu';

export const canStart = (vm: Vm) => vm.desired === 'stopped' || vm.state === 'failed';
export const canStop = (vm: Vm) => vm.desired === 'started' || vm.state === 'stopping';
export const canMove = (vm: Vm) => vm.state === 'running';
export const isMoving = (vm: Vm) => vm.detail_code === 'vm-moving';

export function deedsOfVm(vm: Vm, mayOperate: boolean, mayAdminister: boolean): Deed[] {
    const deeds: Deed[] = [];
    if (mayOperate) {
        if (canStart(vm)) {
            deeds.push({ text: 'Start', run: () => startVm(vm) });
        }
        if (canStop(vm)) {
            deeds.push({ text: 'Stop…', run: () => stopVm(vm) });
        }
        if (vm.state === 'running') {
            deeds.push({ text: 'Restart…', run: () => restartVm(vm) });
        }
        if (canMove(vm)) {
            deeds.push({ text: 'Move…', run: () => moveVm(vm) });
        }
        if (isMoving(vm)) {
            deeds.push({ text: 'Cancel move…', run: () => cancelMove(vm) });
        }
    }
    if (mayAdminister && vm.state === 'away') { // someone migrated or saved it past Berth
        deeds.push({ text: 'Adopt…', run: () => adoptVm(vm) });
        deeds.push({ text: 'Confirm that it is gone…', run: () => confirmGone(vm), isDanger: true });
    }
    if (mayAdminister) {
        deeds.push({ text: 'Assign to GPU pool…', run: () => assignThis(vm) });
        if (vm.needs.length > 0) {
            deeds.push({ text: 'Unassign…', run: () => unassignThis(vm) });
        }
        deeds.push({ text: 'Settings…', run: () => vmSettings(vm) });
        deeds.push({ text: 'Edit definition…', run: () => editVm(vm) });
        deeds.push({ text: 'Remove…', run: () => removeVm(vm), isDanger: true });
    }
    return deeds;
}
