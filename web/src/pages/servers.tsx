// SPDX-License-Identifier: LGPL-2.1-or-later
import { arm, disarm } from '../dialogs/cluster';
import { confirmOff, drain, pause, reboot, removeServer, resume, serverDetails, shutDown } from '../dialogs/server';
import { useResource } from '../live';
import { useQuery } from '../router';
import { useMay } from '../session';
import type { List, Node, Status } from '../types';
import { isAway, lookOf, memoryText, needsProof, nodeLooks, plural } from '../words';
import { Button } from '../ui/button';
import { Menu, type Deed } from '../ui/menu';
import { Filter, Loaded, matches, Search, Section, Toolbar } from '../ui/page';
import { State } from '../ui/state';
import { Table, type Column } from '../ui/table';

function FencingCell({ node }: { node: Node }) {
    const armed = node.watchdog_armed ? 'armed' : 'not armed';
    const text = node.fencing === 'watchdog' ? `watchdog, ${armed}` : node.fencing === 'power' ? `power, ${node.fence_agent}` : node.fencing;
    return <>{text}</>;
}

function deedsOf(node: Node, mayOperate: boolean, mayAdminister: boolean): Deed[] {
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

function columns(mayOperate: boolean, mayAdminister: boolean): Column<Node>[] {
    const all: Column<Node>[] = [
        {
            title: 'Server',
            isHead: true,
            sort: (node) => node.name,
            cell: (node) => (
                <>
                    <Button kind="link" isSmall aria-label={`Details of ${node.name}`} onClick={() => serverDetails(node)}>{node.name}</Button>
                    {node.coordinator && <span class="quiet"> coordinator</span>}
                </>
            ),
        },
        {
            title: 'State',
            sort: (node) => node.state,
            cell: (node) => (
                <>
                    <State look={lookOf(nodeLooks, node.state)} />
                    {node.detail && <div class="quiet">{node.detail}</div>}
                </>
            ),
        },
        { title: 'GPUs', sort: (node) => node.gpu_count, cell: (node) => node.gpu_count },
        { title: 'VMs', sort: (node) => node.vm_count, cell: (node) => node.vm_count },
        { title: 'CPUs', sort: (node) => node.cpus, cell: (node) => node.cpus || '–' },
        { title: 'Memory', sort: (node) => node.memory_mib, cell: (node) => (node.memory_mib ? memoryText(node.memory_mib) : '–') },
        { title: 'Fencing', sort: (node) => node.fencing, cell: (node) => <FencingCell node={node} /> },
    ];
    if (mayOperate) {
        all.push({
            title: 'Actions',
            isActions: true,
            cell: (node) => <Menu label={`Actions for ${node.name}`} deeds={deedsOf(node, mayOperate, mayAdminister)} />,
        });
    }
    return all;
}

/* The cluster's alarm: on, or let go for a while. */
function Arming() {
    const settings = useResource<Pick<Status, 'disarmed'>>('/v1/status').data;
    return settings === undefined ? null : settings.disarmed
        ? <Button kind="primary" onClick={arm}>Arm cluster</Button>
        : <Button onClick={disarm}>Disarm cluster</Button>;
}

export function Servers() {
    const shown = useResource<List<Node>>('/v1/nodes');
    const [query] = useQuery('q');
    const [state] = useQuery('state');
    const mayOperate = useMay('operator');
    const mayAdminister = useMay('administrator');
    const isWanted = (node: Node) => (!state || node.state === state)
        && matches(query, node.name, lookOf(nodeLooks, node.state).text, node.detail);
    return (
        <Loaded shown={shown}>
            {({ items }) => (
                <Section title={plural(items.length, 'server')} actions={mayAdminister && <Arming />}>
                    <Toolbar>
                        <Search label="Search servers" />
                        <Filter label="State" parameter="state" choices={Object.entries(nodeLooks).map(([key, look]) => [key, look.text])} />
                    </Toolbar>
                    <Table label="Servers" rows={items.filter(isWanted)} keyOf={(node) => node.name} columns={columns(mayOperate, mayAdminister)}
                        empty={items.length ? 'No server matches.' : 'No server has joined yet. A host becomes one when berthd runs on it.'} />
                </Section>
            )}
        </Loaded>
    );
}
