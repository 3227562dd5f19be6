// SPDX-License-Identifier: LGPL-2.1-or-later
/* What is done with a server: pause, drain, resume, confirm that it is off, remove. */
import { useEffect, useState } from 'preact/hooks';
import { ask, change } from '../api';
import type { Node, Plan } from '../types';
import { plural, ways } from '../words';
import { Alert, Refusal } from '../ui/alert';
import { FormDialog, openDialog } from '../ui/dialog';
import { CheckField, SelectField, TextField } from '../ui/field';
import { Preview } from '../ui/preview';

const pathOf = (node: Node) => `/v1/nodes/${encodeURIComponent(node.name)}`;

export function pause(node: Node): void {
    openDialog(
        <FormDialog title={`Pause ${node.name}?`} submit="Pause" size="sm" run={() => change('POST', `${pathOf(node)}/pause`)}>
            <p>What runs there stays. Nothing new is started there until you resume it.</p>
            {node.vm_count > 0 && <p>To move its {plural(node.vm_count, 'VM')} away, drain it instead.</p>}
        </FormDialog>,
    );
}

export function resume(node: Node): void {
    openDialog(
        <FormDialog title={`Resume ${node.name}?`} submit="Resume" size="sm" run={() => change('POST', `${pathOf(node)}/resume`)}>
            <p>VMs may start there again, and those that wait for its GPUs do so at once.</p>
        </FormDialog>,
    );
}

function DrainDialog({ node }: { node: Node }) {
    const [plan, setPlan] = useState<Plan | null>(null);
    const [fault, setFault] = useState<unknown>(null);
    const [isForced, setForced] = useState(false);
    const [way, setWay] = useState('default');
    useEffect(() => {
        let isWanted = true; // an answer that comes late is of an older choice
        setPlan(null);
        ask<Plan>(`${pathOf(node)}/drain`, { dry_run: true, migration: way })
            .then((answer) => isWanted && setPlan(answer), (error: unknown) => isWanted && setFault(error));
        return () => {
            isWanted = false;
        };
    }, [way]);
    const leftOut = plan?.left_out.length ?? 0;
    return (
        <FormDialog title={`Drain ${node.name}?`} submit={isForced && leftOut > 0 ? 'Drain and stop' : 'Drain'} isDanger={isForced && leftOut > 0}
            size="lg" run={() => change('POST', `${pathOf(node)}/drain`, { force: isForced, migration: way })}>
            <p>
                The server goes into maintenance: its VMs move live to other servers where they can; the others are stopped by their offline
                action and start there. Nothing new starts here until you resume it.
            </p>
            <SelectField label="How" value={way} onChange={setWay} choices={ways} />
            {fault !== null ? <Refusal error={fault} />
                : plan ? <Preview plan={plan} />
                    : <p class="quiet" role="status">Looking for places…</p>}
            {leftOut > 0 && !isForced && <p>Without force, what has no place elsewhere keeps running here, and the drain does not complete.</p>}
            <CheckField label="Force: also stop VMs that have no place elsewhere" isChecked={isForced} onChange={setForced}
                help="They wait and start by themselves as soon as a server has room." />
        </FormDialog>
    );
}

export function drain(node: Node): void {
    openDialog(<DrainDialog node={node} />);
}

/* 'shutdown' or 'reboot': its VMs leave it first, as in a drain. */
function PowerDialog({ node, deed }: { node: Node; deed: 'shutdown' | 'reboot' }) {
    const [plan, setPlan] = useState<Plan | null>(null);
    const [fault, setFault] = useState<unknown>(null);
    const [isForced, setForced] = useState(false);
    const word = deed === 'reboot' ? 'Reboot' : 'Shut down';
    useEffect(() => {
        ask<Plan>(`${pathOf(node)}/drain`, { dry_run: true }).then(setPlan, setFault);
    }, []);
    const leftOut = plan?.left_out.length ?? 0;
    return (
        <FormDialog title={`${word} ${node.name}?`} submit={isForced && leftOut > 0 ? `Stop VMs and ${word.toLowerCase()}` : word} size="lg" isDanger
            run={() => change('POST', `${pathOf(node)}/${deed}`, { force: isForced })}>
            <p>
                Its VMs are stopped by their offline action and start on other servers. Then the host {deed === 'reboot' ? 'reboots' : 'shuts down'}.
                Resume withdraws the order as long as it has not.
            </p>
            {fault !== null ? <Refusal error={fault} />
                : plan ? <Preview plan={plan} />
                    : <p class="quiet" role="status">Looking for places…</p>}
            {leftOut > 0 && !isForced && <p>Without force, the host waits until the last VM has a place elsewhere.</p>}
            <CheckField label="Force: also stop VMs that have no place elsewhere" isChecked={isForced} onChange={setForced}
                help="They wait and start by themselves as soon as a server has room." />
        </FormDialog>
    );
}

export function shutDown(node: Node): void {
    openDialog(<PowerDialog node={node} deed="shutdown" />);
}

export function reboot(node: Node): void {
    openDialog(<PowerDialog node={node} deed="reboot" />);
}

function ConfirmOffDialog({ node }: { node: Node }) {
    const [typed, setTyped] = useState('');
    const [fault, setFault] = useState('');
    const check = () => {
        const isSame = typed.trim() === node.name;
        setFault(isSame ? '' : `Type ${node.name}, exactly.`);
        return isSame;
    };
    return (
        <FormDialog title={`Confirm that ${node.name} is off`} submit="It is off" isDanger check={check}
            run={() => change('POST', `${pathOf(node)}/confirm-off`, node.incarnation ? { incarnation: node.incarnation } : {})}>
            <Alert kind="danger" title="If the server still runs, its VMs will run twice and destroy their disks">
                Berth has no proof that {node.name} is off{node.detail && `: ${node.detail}`}. Go to the machine, or to its power controller, and
                turn it off. Only then confirm.
            </Alert>
            <p>{plural(node.vm_count, 'VM')} of it may then start on other servers.</p>
            <TextField label={`To confirm, type the server's name, ${node.name}`} value={typed} onChange={setTyped} fault={fault} isRequired
                autocomplete="off" />
        </FormDialog>
    );
}

export function confirmOff(node: Node): void {
    openDialog(<ConfirmOffDialog node={node} />);
}

export function removeServer(node: Node): void {
    openDialog(
        <FormDialog title={`Remove ${node.name}?`} submit="Remove server" size="sm" isDanger run={() => change('DELETE', pathOf(node))}>
            <p>For a server that will not come back: its settings go, and its GPUs leave their pools.</p>
            <p>No VM may have its place there. If it does come back, it joins as a new one.</p>
        </FormDialog>,
    );
}
