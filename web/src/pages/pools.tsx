// SPDX-License-Identifier: LGPL-2.1-or-later
import type { ComponentChildren } from 'preact';
import { addMembers, assignVm, createPool, removeMember, removePool, unassignVm } from '../dialogs/pool';
import { useResource } from '../live';
import { Link, useQuery } from '../router';
import { useMay } from '../session';
import type { List, Member, Pool, WholePool } from '../types';
import { gpuLooks, gpuText, lookOf, plural, shortAddress, shortModel, unitOf } from '../words';
import { Button } from '../ui/button';
import { Loaded, matches, Search, Section, Toolbar } from '../ui/page';
import { State } from '../ui/state';
import { Table, type Column } from '../ui/table';

function memberColumns(pool: WholePool, mayAdminister: boolean): Column<Member>[] {
    const all: Column<Member>[] = [
        { title: 'Server', isHead: true, sort: (each) => `${each.node} ${each.address}`, cell: (each) => each.node },
        { title: 'GPU', sort: (each) => each.address, cell: (each) => shortAddress(each.address) },
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
            cell: (each) => (
                <Button kind="link" isSmall aria-label={`Remove ${each.node} ${each.address} from ${pool.name}`}
                    onClick={() => removeMember(pool, each)}>
                    Remove
                </Button>
            ),
        });
    }
    return all;
}

function userColumns(pool: WholePool, mayAdminister: boolean): Column<WholePool['vms'][number]>[] {
    const holds = (vm: string) => pool.members.filter((each) => each.vm === vm).map((each) => `${each.node} ${shortAddress(each.address)}`);
    const all: Column<WholePool['vms'][number]>[] = [
        { title: 'Virtual machine', isHead: true, sort: (each) => each.vm, cell: (each) => <Link to={`/vms?q=${encodeURIComponent(each.vm)}`}>{each.vm}</Link> },
        { title: 'Needs', sort: (each) => each.count, cell: (each) => plural(each.count, unitOf(pool.type)) },
        { title: 'Has now', cell: (each) => holds(each.vm).join(', ') || 'None: it does not run' },
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

function Counts({ pool }: { pool: Pool }) {
    const parts: [string, number, string][] = [
        ['assigned', pool.used, 'busy'], ['available', pool.free, 'good'], ['on a server that is away', pool.away, 'warn'],
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

function PoolCard({ pool }: { pool: Pool }) {
    const shown = useResource<WholePool>(`/v1/pools/${encodeURIComponent(pool.name)}`);
    const mayAdminister = useMay('administrator');
    const part = (title: string, children: ComponentChildren) => (
        <div class="part"><h3 class="pf-v6-c-title pf-m-md">{title}</h3>{children}</div>
    );
    const buttons = mayAdminister && (
        <>
            <Button isSmall aria-label={`Add GPUs to ${pool.name}`} onClick={() => addMembers(pool)}>Add GPUs</Button>
            <Button isSmall kind="link" aria-label={`Remove pool ${pool.name}`} onClick={() => removePool(pool)}>Remove pool</Button>
        </>
    );
    return (
        <Section title={pool.name} actions={buttons}>
            <Counts pool={pool} />
            <Loaded shown={shown}>
                {(all) => (
                    <>
                        {part('GPUs', <Table label={`GPUs of ${pool.name}`} rows={all.members} keyOf={(each) => `${each.node} ${each.address}`}
                            columns={memberColumns(all, mayAdminister)} pageSize={20} empty="The pool has no GPU yet." />)}
                        {part('Assigned VMs', <Table label={`VMs assigned to ${pool.name}`} rows={all.vms} keyOf={(each) => each.vm}
                            columns={userColumns(all, mayAdminister)} pageSize={20} empty="No VM is assigned to it." />)}
                    </>
                )}
            </Loaded>
        </Section>
    );
}

export function Pools() {
    const shown = useResource<List<Pool>>('/v1/pools');
    const [query] = useQuery('q');
    const mayAdminister = useMay('administrator');
    return (
        <>
            <Toolbar>
                <Search label="Search GPU pools" />
                {mayAdminister && <Button kind="primary" onClick={createPool}>Create GPU pool</Button>}
                {mayAdminister && <Button onClick={assignVm}>Assign VM to GPU pool</Button>}
            </Toolbar>
            <Loaded shown={shown}>
                {({ items }) => {
                    const found = items.filter((pool) => matches(query, pool.name, pool.model, pool.type));
                    return found.length > 0 ? <>{found.map((pool) => <PoolCard key={pool.name} pool={pool} />)}</> : (
                        <Section title="No GPU pool">
                            <p>
                                {items.length ? 'No GPU pool matches.'
                                    : 'A GPU pool holds GPUs of one model, of any number of servers. Dismount GPUs from their servers first, then create a pool of them.'}
                            </p>
                            {items.length === 0 && <p><Link to="/gpus">Go to the GPUs</Link></p>}
                        </Section>
                    );
                }}
            </Loaded>
        </>
    );
}
