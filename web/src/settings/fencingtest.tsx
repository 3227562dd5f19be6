// SPDX-License-Identifier: LGPL-2.1-or-later
/* Asks the fence agents of a server for its status, from another server; nothing is turned off. */
import { useEffect, useState } from 'preact/hooks';
import { change, get, messageOf } from '../api';
import { useResource } from '../live';
import type { FenceAnswer, WholeNode } from '../types';
import { InfoDialog, openDialog } from '../ui/dialog';
import { State } from '../ui/state';
import { Table, type Column } from '../ui/table';

const columns: Column<{ level: number } & FenceAnswer>[] = [
    { title: 'Level', isHead: true, cell: ({ level }) => String(level) },
    { title: 'Fence agent', cell: ({ agent }) => agent },
    {
        title: 'Result',
        cell: ({ works }) => <State look={works ? { text: 'Works', tone: 'good', sign: 'check' } : { text: 'Does not work', tone: 'bad', sign: 'cross' }} />,
    },
    { title: 'Answer', cell: ({ text }) => text },
];

function TestDialog({ name }: { name: string }) {
    const path = `/v1/nodes/${encodeURIComponent(name)}`;
    const [order, setOrder] = useState(Infinity); // the first that may be shown: not one of before
    const [fault, setFault] = useState('');
    const test = useResource<WholeNode>(path).data?.fence_test;
    useEffect(() => {
        change('POST', `${path}/fence-test`)
            .then(() => get<WholeNode>(path))
            .then((node) => setOrder(node.fence_test?.order ?? Infinity), (error: unknown) => setFault(messageOf(error)));
    }, [path]);
    const shown = test && test.order >= order ? test : undefined;
    return (
        <InfoDialog title={`Test of the fencing of ${name}`}>
            <p>Each fence agent is asked for the status of {name}. Nothing is turned off.</p>
            <div role="status">
                {fault || (shown?.done ? `Asked from ${shown.by}.` : shown ? `${shown.by} asks the fence agents…` : 'Ordering the test…')}
            </div>
            {shown?.done && (
                <Table label="Answers of the fence agents" keyOf={({ level }) => String(level)} empty="No fence agent is set." columns={columns}
                    rows={shown.levels.map((each, i) => ({ level: i + 1, ...each }))} />
            )}
        </InfoDialog>
    );
}

export function testFencing(name: string): void {
    openDialog(<TestDialog name={name} />);
}
