// SPDX-License-Identifier: LGPL-2.1-or-later
/* What can be done with a GPU pool; only administrators may. */
import { addMembers, assignToPool, poolSettings, removePool } from '../dialogs/pool';
import type { Pool } from '../types';
import type { Deed } from '../ui/menu';

export function deedsOfPool(pool: Pool): Deed[] {
    return [
        { text: 'Add GPUs…', run: () => addMembers(pool) },
        { text: 'Assign VM…', run: () => assignToPool(pool) },
        { text: 'Settings…', run: () => poolSettings(pool) },
        { text: 'Remove pool…', run: () => removePool(pool), isDanger: true },
    ];
}
