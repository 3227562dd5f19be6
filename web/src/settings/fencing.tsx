// SPDX-License-Identifier: LGPL-2.1-or-later
/* How each server is proven to be off, and whether that works. */
import { useResource } from '../live';
import { useMay } from '../session';
import type { Finding, List, Node, Validation } from '../types';
import { ServerLink } from '../ui/links';
import { Menu } from '../ui/menu';
import { Loaded, Section } from '../ui/page';
import { State } from '../ui/state';
import { Table, type Column } from '../ui/table';
import { configureFencing, fencingMethods } from './fencingdialog';
import { testFencing } from './fencingtest';
import { findingLooks, findingsOf } from './findings';

function Tried({ finding }: { finding: Finding | undefined }) {
    return finding ? <><State look={findingLooks[finding.result]} /><div class="quiet">{finding.text}</div></> : <>–</>;
}

export function Fencing() {
    const shown = useResource<List<Node>>('/v1/nodes');
    const report = useResource<Validation>('/v1/validate').data;
    const mayAdminister = useMay('administrator');
    const tried = report ? findingsOf(report, 'fencing') : [];
    const columns: Column<Node>[] = [
        { title: 'Server', isHead: true, sort: (node) => node.name, cell: (node) => <ServerLink name={node.name} /> },
        { title: 'Method', sort: (node) => node.fencing, cell: (node) => fencingMethods[node.fencing] },
        { title: 'Fence agent', sort: (node) => node.fence_agent, cell: (node) => node.fence_agent || '–' },
        { title: 'Watchdog', sort: (node) => String(node.watchdog_armed), cell: (node) => (node.watchdog_armed ? 'Armed' : 'Not armed') },
        { title: 'Last test', cell: (node) => <Tried finding={tried.find((each) => each.subject === node.name)} /> },
    ];
    if (mayAdminister) {
        columns.push({
            title: 'Actions', isActions: true,
            cell: (node) => <Menu label={`Actions for ${node.name}`} deeds={[
                { text: 'Configure fencing…', run: () => configureFencing(node.name) },
                ...(node.fence_agent ? [{ text: 'Test fencing', run: () => testFencing(node.name) }] : []),
            ]} />,
        });
    }
    return (
        <Section title="Fencing">
            <p class="quiet">Before a VM of a silent server starts elsewhere, that server is proven to be off: by its watchdog, by its power controller, or by a person.</p>
            <Loaded shown={shown}>
                {({ items }) => <Table label="Fencing" rows={items} keyOf={(node) => node.name} empty="No server has joined yet." columns={columns} />}
            </Loaded>
        </Section>
    );
}
