// SPDX-License-Identifier: LGPL-2.1-or-later
/* What is done with a VM, and why it is where it is. Adding: vmadd.tsx; settings: vmsettings.tsx. */
import { useState } from 'preact/hooks';
import { type ApiError, change, messageOf } from '../api';
import { refresh, useResource } from '../live';
import type { Explanation, List, Node, Vm, WholeVm } from '../types';
import { memoryText, needsText, offlineActions, plural, priorityText, shortAddress, vmLook } from '../words';
import { Alert, Reasons } from '../ui/alert';
import { FormDialog, InfoDialog, openDialog } from '../ui/dialog';
import { CheckField, SelectField } from '../ui/field';
import { Facts, Loaded } from '../ui/page';
import { State } from '../ui/state';
import { Table } from '../ui/table';
import { say } from '../ui/toast';

export const pathOfVm = (name: string) => `/v1/vms/${encodeURIComponent(name)}`;

/* Nothing to ask: a start takes nothing from anybody. */
export function startVm(vm: Vm): void {
    change('POST', `${pathOfVm(vm.name)}/start`)
        .then((done) => say(done.message, done.warnings ? 'warning' : done.unchanged ? 'info' : 'success'), (error: unknown) => say(messageOf(error), 'danger'))
        .finally(refresh);
}

function StopDialog({ vm }: { vm: Vm }) {
    const [isForced, setForced] = useState(false);
    return (
        <FormDialog title={`Stop ${vm.name}?`} submit={isForced ? 'Turn off' : 'Stop'} isDanger={isForced} size="sm"
            run={() => change('POST', `${pathOfVm(vm.name)}/stop`, { force: isForced })}>
            <p>Its offline action is: {offlineActions[vm.offline_action]}. Its GPUs are free for others then.</p>
            <CheckField label="Force: turn it off at once" isChecked={isForced} onChange={setForced} help="As if its plug were pulled: unsaved data are lost." />
        </FormDialog>
    );
}

export function stopVm(vm: Vm): void {
    openDialog(<StopDialog vm={vm} />);
}

function MoveDialog({ vm }: { vm: Vm }) {
    const nodes = useResource<List<Node>>('/v1/nodes').data?.items ?? [];
    const why = useResource<Explanation>(`${pathOfVm(vm.name)}/explain`).data?.hosts ?? [];
    const [to, setTo] = useState('');
    const [fault, setFault] = useState('');
    const note = (node: Node) => {
        const host = why.find((each) => each.subject === node.name);
        return host && !host.fits ? `${node.name} (${host.text})` : node.name;
    };
    const blame = ({ code, message }: ApiError) => {
        const isOfServer = ['no-such-node', 'there-already', 'node-not-up'].includes(code);
        setFault(isOfServer ? message : '');
        return isOfServer;
    };
    return (
        <FormDialog title={`Move ${vm.name}`} submit="Move" blame={blame}
            run={() => change('POST', `${pathOfVm(vm.name)}/move`, to ? { node: to } : {})}>
            <p>
                It is stopped on {vm.node} by its offline action ({offlineActions[vm.offline_action]}) and started on the other server, once its
                place there is reserved.
            </p>
            <SelectField label="To server" value={to} onChange={setTo} fault={fault}
                choices={[['', 'Any other server'], ...nodes.filter((node) => node.name !== vm.node).map((node): [string, string] => [node.name, note(node)])]} />
        </FormDialog>
    );
}

export function moveVm(vm: Vm): void {
    openDialog(<MoveDialog vm={vm} />);
}

export function removeVm(vm: Vm): void {
    openDialog(
        <FormDialog title={`Remove ${vm.name}?`} submit="Remove" size="sm" isDanger
            run={() => change('DELETE', pathOfVm(vm.name), undefined, vm.revision)}>
            <p>The cluster forgets the virtual machine. Its disks stay as they are. It must be stopped.</p>
        </FormDialog>,
    );
}

/* ---- one that left its host past Berth ---- */

export function adoptVm(vm: Vm): void {
    openDialog(
        <FormDialog title={`Adopt ${vm.name}?`} submit="Adopt" size="sm" run={() => change('POST', `${pathOfVm(vm.name)}/adopt`)}>
            <p>Someone migrated or restored it with other tools. Berth takes it over on the server where it runs now.</p>
        </FormDialog>,
    );
}

export function confirmGone(vm: Vm): void {
    openDialog(
        <FormDialog title={`Confirm that ${vm.name} runs nowhere`} submit="It is gone" size="sm" isDanger
            run={() => change('POST', `${pathOfVm(vm.name)}/confirm-gone`)}>
            <Alert kind="danger" title="If it still runs somewhere, it will run twice and destroy its disks">
                It left {vm.node} without an order from Berth. Make sure that no host runs it, then confirm.
            </Alert>
            <p>Berth starts it again as soon as a server has room.</p>
        </FormDialog>,
    );
}

/* ---- explain ---- */

function Explained({ name }: { name: string }) {
    const shown = useResource<Explanation>(`${pathOfVm(name)}/explain`);
    const verdict = (fits: boolean | undefined) => (fits
        ? <State look={{ text: 'Possible', tone: 'good', sign: 'check' }} />
        : <State look={{ text: 'Not possible', tone: 'idle', sign: 'dash' }} />);
    return (
        <Loaded shown={shown}>
            {(vm) => (
                <>
                    <p>
                        <State look={vmLook(vm)} /> {vm.node && `on ${vm.node}`} {vm.detail}
                    </p>
                    {vm.cause && vm.cause_code !== vm.detail_code && <p>{vm.cause}</p>}
                    <Table label={`Every server for ${name}, and why or why not`} rows={vm.hosts} keyOf={(host) => host.subject} empty="No server has joined."
                        columns={[
                            { title: 'Server', isHead: true, sort: (host) => host.subject, cell: (host) => host.subject },
                            { title: 'Verdict', sort: (host) => (host.fits ? 0 : 1), cell: (host) => verdict(host.fits) },
                            { title: 'Why', cell: (host) => host.text || '–' },
                        ]} />
                </>
            )}
        </Loaded>
    );
}

export function explainVm(vm: Vm): void {
    openDialog(<InfoDialog title={`Where can ${vm.name} run?`}><Explained name={vm.name} /></InfoDialog>);
}

/* ---- details ---- */

const listText = (names: string[] | undefined, none: string) => (names?.length ? names.join(', ') : none);

function VmDetails({ name }: { name: string }) {
    const shown = useResource<WholeVm>(pathOfVm(name));
    return (
        <Loaded shown={shown}>
            {(vm) => (
                <>
                    <Facts facts={[
                        ['State', <><State look={vmLook(vm)} /> {vm.detail}</>],
                        ['Server', vm.node || '–'],
                        ['Assigned to', needsText(vm.needs) || 'No GPU pool'],
                        ['GPUs now', vm.gpus.map((gpu) => `${shortAddress(gpu.address)} of ${gpu.pool}`).join(', ') || '–'],
                        ['Size', `${plural(vm.cpus, 'CPU')}, ${memoryText(vm.memory_mib)}`],
                        ['Priority', priorityText(vm.priority)],
                        ['Offline action', `${offlineActions[vm.offline_action]}, within ${Math.round(vm.spec.offline_timeout_ms / 1000)} s`],
                        ['Preferred owners', listText(vm.spec.preferred_owners, 'None')],
                        ['Possible owners', listText(vm.spec.possible_owners, 'Every server')],
                        ['Together with', listText(vm.spec.together, '–')],
                        ['Apart from', listText(vm.spec.apart, '–')],
                        ['Memory-mapped IO', vm.spec.mmio_mib ? memoryText(vm.spec.mmio_mib) : 'Computed from its GPUs'],
                        ['UUID', <code>{vm.spec.uuid}</code>],
                    ]} />
                    {vm.reasons.length > 0 && <><h3 class="pf-v6-c-title pf-m-md">Why it waits</h3><Reasons reasons={vm.reasons} /></>}
                    <details class="advanced"><summary>Domain XML</summary><pre class="code" tabIndex={0}>{vm.xml}</pre></details>
                </>
            )}
        </Loaded>
    );
}

export function vmDetails(vm: Vm): void {
    openDialog(<InfoDialog title={`Virtual machine ${vm.name}`} size="md"><VmDetails name={vm.name} /></InfoDialog>);
}
