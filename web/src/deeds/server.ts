// SPDX-License-Identifier: LGPL-2.1-or-later
/* What can be done with a server, by whom and when. */
import { confirmOff, drain, pause, reboot, removeServer, resume, shutDown } from '../dialogs/server';
import type { Node } from '../types';
import type { Deed } from '../ui/menu';
import { isAway, needsProof } from '../words';

export function deedsOfServer(node: Node, mayOperate: boolean, mayAdminister: boolean): Deed[] {
    const deeds: Deed[] = [];
    if (mayOperate) {
        if (node.mode === 'active') {
            deeds.push({ text: 'Pause…', run: () => pause(node) });
        }
        if (node.mode !== 'drain') {
            deeds.push({ text: 'Drain…', run: () => drain(node) });
        }
        if (node.mode !== 'active') {
            deeds.push({ text: 'Resume…', run: () => resume(node) });
        }
    }
    if (mayAdminister && !isAway(node) && node.state !== 'shut-down') {
        deeds.push({ text: 'Reboot…', run: () => reboot(node), isDanger: true });
        deeds.push({ text: 'Shut down…', run: () => shutDown(node), isDanger: true });
    }
    if (mayAdminister && needsProof(node)) {
        deeds.push({ text: 'Confirm that it is off…', run: () => confirmOff(node), isDanger: true });
    }
    if (mayAdminister && isAway(node)) {
        deeds.push({ text: 'Remove server…', run: () => removeServer(node), isDanger: true });
    }
    return deeds;
}
