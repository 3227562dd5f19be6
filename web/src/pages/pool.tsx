// SPDX-License-Identifier: LGPL-2.1-or-later
/* One GPU pool. */
import { deedsOfPool } from '../deeds/pool';
import { afterUseText } from '../dialogs/pool';
import { useResource } from '../live';
import { useMay } from '../session';
import type { WholePool } from '../types';
import { plural, shortModel, unitOf } from '../words';
import { ServerLink, VmLink } from '../ui/links';
import { ObjectPage } from '../ui/object';
import { ObjectEvents } from '../ui/objectevents';
import { Facts, Section } from '../ui/page';
import { Counts, PoolGpus, PoolVms } from '../ui/poolparts';
import { Table } from '../ui/table';

function Summary({ pool }: { pool: WholePool }) {
    const mayAdminister = useMay('administrator');
    return (
        <>
            <Section title="Summary"><Counts pool={pool} /></Section>
            <Section title="GPUs"><PoolGpus pool={pool} mayAdminister={mayAdminister} /></Section>
            <Section title="Assigned VMs"><PoolVms pool={pool} mayAdminister={mayAdminister} /></Section>
        </>
    );
}

/* A VM gets all its GPUs from one server: which have so many at all, and which have them free. */
function Placement({ pool }: { pool: WholePool }) {
    const fits = (of: 'total' | 'free', count: number) => pool.nodes.filter((node) => node[of] >= count).length;
    return (
        <>
            <Section title="What each server gives">
                <Table label={`Servers of ${pool.name}`} rows={pool.nodes} keyOf={(node) => node.node} empty="The pool has no GPU yet." columns={[
                    { title: 'Server', isHead: true, sort: (node) => node.node, cell: (node) => <ServerLink name={node.node} /> },
                    { title: 'In all', sort: (node) => node.total, cell: (node) => node.total },
                    { title: 'Assigned', sort: (node) => node.used, cell: (node) => node.used },
                    { title: 'Available', sort: (node) => node.free, cell: (node) => node.free },
                    { title: 'Server down', sort: (node) => node.away, cell: (node) => node.away },
                    { title: 'Quarantined or missing', sort: (node) => node.quarantined, cell: (node) => node.quarantined },
                ]} />
            </Section>
            <Section title="Where its virtual machines fit">
                <p class="quiet">All GPUs of a virtual machine come from one server.</p>
                <Table label={`Where virtual machines of ${pool.name} fit`} rows={pool.vms} keyOf={(each) => each.vm} pageSize={20}
                    empty="No VM is assigned to it." columns={[
                        { title: 'Virtual machine', isHead: true, sort: (each) => each.vm, cell: (each) => <VmLink name={each.vm} /> },
                        { title: 'Needs', sort: (each) => each.count, cell: (each) => plural(each.count, unitOf(pool.type)) },
                        { title: 'Servers that have so many', sort: (each) => fits('total', each.count), cell: (each) => fits('total', each.count) },
                        { title: 'Servers with so many available', sort: (each) => fits('free', each.count), cell: (each) => fits('free', each.count) },
                    ]} />
            </Section>
        </>
    );
}

function Settings({ pool }: { pool: WholePool }) {
    return (
        <Section title="Settings">
            <Facts facts={[
                ['Type', pool.type === 'GpuPartition' ? 'GPU partitions (GpuPartition)' : 'Whole GPUs (PciExpress)'],
                ['Model', shortModel(pool.model) || '–'],
                ['Mixed models', pool.mixed ? 'Yes' : 'No'],
                ['When its VM is gone', `${afterUseText(pool)}${pool.erase ? ` (${pool.erase})` : ''}`],
                ['ROM of its GPUs', pool.rom_hidden ? 'Hidden from guests' : 'Shown to guests'],
            ]} />
        </Section>
    );
}

export function PoolPage({ name }: { name: string }) {
    const shown = useResource<WholePool>(`/v1/pools/${encodeURIComponent(name)}`);
    const mayAdminister = useMay('administrator');
    return (
        <ObjectPage kind="GPU pool" name={name} list={{ path: '/pools', title: 'All GPU pools' }} shown={shown}
            head={(pool) => `${plural(pool.total, unitOf(pool.type))}, ${pool.free} available`}
            deeds={(pool) => (mayAdminister ? deedsOfPool(pool) : [])}
            tabs={(pool) => [
                { name: 'summary', title: 'Summary', show: () => <Summary pool={pool} /> },
                { name: 'placement', title: 'Placement', show: () => <Placement pool={pool} /> },
                { name: 'events', title: 'Events', show: () => <ObjectEvents subject={name} isWanted={(event) => event.code.startsWith('pool-')} /> },
                { name: 'settings', title: 'Settings', show: () => <Settings pool={pool} /> },
            ]} />
    );
}
