// SPDX-License-Identifier: LGPL-2.1-or-later
/* A GPU pool at one look: its counts, its GPUs, the VMs that are assigned to it. */
import { removeMember, unassignHolder, unassignVm } from '../dialogs/pool';
import type { Member, Pool, WholePool } from '../types';
import { gpuLooks, gpuText, lookOf, plural, shortAddress, shortModel, unitOf } from '../words';
import { Button } from './button';
import { GpuLink, Listed, ServerLink, VmLink } from './links';
import { State } from './state';
import { Table, type Column } from './table';

function memberColumns(pool: WholePool, mayAdminister: boolean): Column<Member>[] {
    const all: Column<Member>[] = [
        { title: 'Server', isHead: true, sort: (each) => `${each.node} ${each.address}`, cell: (each) => <ServerLink name={each.node} /> },
        { title: 'GPU', sort: (each) => each.address, cell: (each) => <GpuLink node={each.node} address={each.address} /> },
        {
            title: 'Assignment status',
            sort: (each) => each.state,
            cell: (each) => (
                <>
                    <State look={lookOf(gpuLooks, each.state)} text={gpuText(each)} />
                    {each.detail && <div class="quiet">{each.detail}</div>}
                </>
            ),
        },
        { title: 'Model', sort: (each) => each.name, cell: (each) => shortModel(each.name) || '–' },
    ];
    if (mayAdminister) {
        all.push({
            title: 'Actions',
            isActions: true,
            cell: (each) => (each.vm ? (
                <Button kind="link" isSmall aria-label={`Unassign VM ${each.vm} from ${each.node} ${each.address}`}
                    onClick={() => unassignHolder({ vm: each.vm ?? '', pool: pool.name })}>
                    Unassign VM
                </Button>
            ) : (
                <Button kind="link" isSmall aria-label={`Remove ${each.node} ${each.address} from ${pool.name}`}
                    onClick={() => removeMember(pool, each)}>
                    Remove
                </Button>
            )),
        });
    }
    return all;
}

function userColumns(pool: WholePool, mayAdminister: boolean): Column<WholePool['vms'][number]>[] {
    const holds = (vm: string) => pool.members.filter((each) => each.vm === vm);
    const all: Column<WholePool['vms'][number]>[] = [
        { title: 'Virtual machine', isHead: true, sort: (each) => each.vm, cell: (each) => <VmLink name={each.vm} /> },
        { title: 'Needs', sort: (each) => each.count, cell: (each) => plural(each.count, unitOf(pool.type)) },
        {
            title: 'Has now',
            cell: (each) => (
                <Listed items={holds(each.vm)} keyOf={(gpu) => `${gpu.node} ${gpu.address}`} none="None: it does not run"
                    show={(gpu) => <GpuLink node={gpu.node} address={gpu.address}>{gpu.node} {shortAddress(gpu.address)}</GpuLink>} />
            ),
        },
    ];
    if (mayAdminister) {
        all.push({
            title: 'Actions',
            isActions: true,
            cell: (each) => (
                <Button kind="link" isSmall aria-label={`Unassign VM ${each.vm} from ${pool.name}`} onClick={() => unassignVm(pool, each.vm, each.count)}>
                    Unassign VM
                </Button>
            ),
        });
    }
    return all;
}

export function Counts({ pool }: { pool: Pool }) {
    const parts: [string, number, string][] = [
        ['assigned', pool.used, 'busy'], ['available', pool.free, 'good'], ['on a server that is down', pool.away, 'warn'],
        ['quarantined or missing', pool.quarantined, 'bad'],
    ];
    const shown = parts.filter(([, count]) => count > 0);
    return (
        <div class="counts">
            <svg class="counts__bar" viewBox={`0 0 ${Math.max(pool.total, 1)} 1`} preserveAspectRatio="none" aria-hidden="true">
                {shown.map(([name, count, tone], i) => (
                    <rect key={name} class={`counts__part counts__part--${tone}`} y="0" height="1" width={count}
                        x={shown.slice(0, i).reduce((sum, [, each]) => sum + each, 0)} />
                ))}
            </svg>
            <p>
                {plural(pool.total, unitOf(pool.type))}{shown.length > 0 && ': '}{shown.map(([name, count]) => `${count} ${name}`).join(', ')}
                <span class="quiet"> · {pool.type}{pool.mixed && ', mixed models'}{pool.model && `, ${shortModel(pool.model)}`}</span>
            </p>
        </div>
    );
}

export function PoolGpus({ pool, mayAdminister }: { pool: WholePool; mayAdminister: boolean }) {
    return (
        <Table label={`GPUs of ${pool.name}`} rows={pool.members} keyOf={(each) => `${each.node} ${each.address}`}
            columns={memberColumns(pool, mayAdminister)} pageSize={20} empty="The pool has no GPU yet." />
    );
}

export function PoolVms({ pool, mayAdminister }: { pool: WholePool; mayAdminister: boolean }) {
    return (
        <Table label={`VMs assigned to ${pool.name}`} rows={pool.vms} keyOf={(each) => each.vm}
            columns={userColumns(pool, mayAdminister)} pageSize={20} empty="No VM is assigned to it." />
    );
}
