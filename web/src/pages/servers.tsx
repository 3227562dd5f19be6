// SPDX-License-Identifier: LGPL-2.1-or-later
import { deedsOfServer } from '../deeds/server';
import { arm, disarm } from '../dialogs/cluster';
import { useResource } from '../live';
import { Link, useQuery } from '../router';
import { useMay } from '../session';
import type { List, Node, Status } from '../types';
import { lookOf, memoryText, nodeLooks, plural } from '../words';
import { Button } from '../ui/button';
import { ServerLink } from '../ui/links';
import { Menu } from '../ui/menu';
import { Filter, Loaded, matches, Search, Section, Toolbar } from '../ui/page';
import { State } from '../ui/state';
import { Table, type Column } from '../ui/table';

function FencingCell({ node }: { node: Node }) {
    const armed = node.watchdog_armed ? 'armed' : 'not armed';
    const text = node.fencing === 'watchdog' ? `watchdog, ${armed}` : node.fencing === 'power' ? `power, ${node.fence_agent}` : node.fencing;
    return <>{text}</>;
}

function columns(mayOperate: boolean, mayAdminister: boolean): Column<Node>[] {
    const all: Column<Node>[] = [
        {
            title: 'Server',
            isHead: true,
            sort: (node) => node.name,
            cell: (node) => (
                <>
                    <ServerLink name={node.name} />
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
        { title: 'GPUs', sort: (node) => node.gpu_count, cell: (node) => (node.gpu_count > 0 ? <Link to={`/gpus?server=${encodeURIComponent(node.name)}`} aria-label={`${plural(node.gpu_count, 'GPU')} of ${node.name}`}>{node.gpu_count}</Link> : 0) },
        { title: 'VMs', sort: (node) => node.vm_count, cell: (node) => (node.vm_count > 0 ? <Link to={`/vms?server=${encodeURIComponent(node.name)}`} aria-label={`${plural(node.vm_count, 'VM')} of ${node.name}`}>{node.vm_count}</Link> : 0) },
        { title: 'CPUs', sort: (node) => node.cpus, cell: (node) => node.cpus || '–' },
        { title: 'Memory', sort: (node) => node.memory_mib, cell: (node) => (node.memory_mib ? memoryText(node.memory_mib) : '–') },
        { title: 'Fencing', sort: (node) => node.fencing, cell: (node) => <FencingCell node={node} /> },
    ];
    if (mayOperate) {
        all.push({
            title: 'Actions',
            isActions: true,
            cell: (node) => <Menu label={`Actions for ${node.name}`} deeds={deedsOfServer(node, mayOperate, mayAdminister)} />,
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
