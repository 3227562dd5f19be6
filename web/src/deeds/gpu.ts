// SPDX-License-Identifier: LGPL-2.1-or-later
/* What can be done with a GPU, and when; only administrators may. */
import { unassignHolder } from '../dialogs/pool';
import { dismount, mount, partition, release } from '../dialogs/gpu';
import type { Gpu, WholeGpu } from '../types';
import type { Deed } from '../ui/menu';

/* A partition goes with its card. */
export const isCard = (gpu: Gpu) => gpu.partition_type === undefined;
/* Whether the host could be asked to let it go. */
export const canDismount = (gpu: Gpu) => isCard(gpu) && (gpu.state === 'host' || (gpu.state === 'not-assignable' && !gpu.pool));
export const canMount = (gpu: Gpu) => isCard(gpu) && !gpu.pool && !gpu.vm && (gpu.state === 'dismounted' || gpu.state === 'dismounting');

export function deedsOfGpu(gpu: Gpu & Partial<Pick<WholeGpu, 'mdev_types'>>): Deed[] {
    const deeds: Deed[] = [];
    if (canDismount(gpu)) {
        deeds.push({ text: 'Dismount…', run: () => dismount([gpu]) });
    }
    if (canMount(gpu)) {
        deeds.push({ text: 'Mount…', run: () => mount([gpu]) });
    }
    if (gpu.sriov_total || gpu.backend === 'mdev' || gpu.mdev_types?.length) {
        deeds.push({ text: 'Configure partition count…', run: () => partition(gpu) });
    }
    const { vm, pool } = gpu;
    if (vm && pool) {
        deeds.push({ text: 'Unassign VM…', run: () => unassignHolder({ vm, pool }) });
    }
    if (gpu.health === 'quarantined') {
        deeds.push({ text: 'Release from quarantine…', run: () => release(gpu) });
    }
    return deeds;
}
