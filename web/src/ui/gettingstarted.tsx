// SPDX-License-Identifier: LGPL-2.1-or-later
/* An empty cluster: the way from GPUs to a VM that has some, step by step, until the first VM is there. */
import type { ComponentChildren } from 'preact';
import { createPool, assignVm } from '../dialogs/pool';
import { addVm } from '../dialogs/vmadd';
import { Link } from '../router';
import type { Gpu, Status } from '../types';
import { plural } from '../words';
import { Button } from './button';
import { Section } from './page';
import { State } from './state';

function Step({ title, isDone, children }: { title: string; isDone: boolean; children: ComponentChildren }) {
    return (
        <li>
            <State look={isDone ? { text: 'Done', tone: 'good', sign: 'check' } : { text: 'To do', tone: 'calm', sign: 'circle' }} />{' '}
            <strong>{title}</strong>
            <div class="step__deeds">{children}</div>
        </li>
    );
}

export function GettingStarted({ status, gpus }: { status: Status; gpus: Gpu[] }) {
    const hasPool = status.pools.length > 0;
    const vms = Object.values(status.vms).reduce((a, b) => a + b, 0);
    const taken = gpus.filter((gpu) => !['host', 'not-assignable'].includes(gpu.state)).length;
    const free = gpus.filter((gpu) => gpu.state === 'host').length;
    return (
        <Section title="Get started">
            <ol class="steps">
                <Step title="Take GPUs from their servers" isDone={taken > 0}>
                    <p>{plural(gpus.length, 'GPU')} found, {taken} taken, {free} still of their servers. <Link to="/gpus">Look at them</Link>, or let the next step take them.</p>
                </Step>
                <Step title="Create a GPU pool of them" isDone={hasPool}>
                    <p>A pool holds GPUs of one model, of any number of servers.</p>
                    <Button kind={hasPool ? 'secondary' : 'primary'} isSmall onClick={createPool}>Create GPU pool</Button>
                </Step>
                <Step title="Add a virtual machine and assign it to the pool" isDone={vms > 0}>
                    <p>It gets its GPUs at each start, on a server that has enough of them free.</p>
                    <span class="buttons">
                        <Button kind={hasPool ? 'primary' : 'secondary'} isSmall onClick={addVm}>Add virtual machine</Button>
                        {vms > 0 && hasPool && <Button isSmall onClick={assignVm}>Assign VM to GPU pool</Button>}
                    </span>
                </Step>
            </ol>
        </Section>
    );
}
