// SPDX-License-Identifier: LGPL-2.1-or-later
/* What is done with VMs. Adding: vmadd.tsx; settings: vmsettings.tsx; to GPU pools: pool.tsx. */
import { useState } from 'preact/hooks';
import { type ApiError, change, messageOf, pathOfVm } from '../api';
import { refresh, useResource } from '../live';
import type { Explanation, List, Node, Vm } from '../types';
import { natural, offlineActions, plural, ways } from '../words';
import { Alert } from '../ui/alert';
import { FormDialog, openDialog } from '../ui/dialog';
import { CheckField, SelectField } from '../ui/field';
import { pageOf, VmLink } from '../ui/links';
import { say } from '../ui/toast';
import { forEach } from './bulk';
import { stopAndWait } from './wait';

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

function RestartDialog({ vm }: { vm: Vm }) {
    const [isForced, setForced] = useState(false);
    const [progress, setProgress] = useState('');
    const run = async () => {
        await stopAndWait(vm, setProgress, isForced);
        return change('POST', `${pathOfVm(vm.name)}/start`);
    };
    return (
        <FormDialog title={`Restart ${vm.name}?`} submit={isForced ? 'Reset' : 'Restart'} isDanger={isForced} size="sm" run={run} progress={progress}>
            <p>It is stopped by its offline action ({offlineActions[vm.offline_action]}), and starts again where its GPUs are free. Changes to its definition take effect.</p>
            <CheckField label="Reset: turn it off at once" isChecked={isForced} onChange={setForced} help="As if its plug were pulled: unsaved data are lost." />
        </FormDialog>
    );
}

export function restartVm(vm: Vm): void {
    openDialog(<RestartDialog vm={vm} />);
}

function MoveDialog({ vm }: { vm: Vm }) {
    const nodes = useResource<List<Node>>('/v1/nodes').data?.items ?? [];
    const why = useResource<Explanation>(`${pathOfVm(vm.name)}/explain`).data?.hosts ?? [];
    const [to, setTo] = useState('');
    const [way, setWay] = useState('default');
    const [fault, setFault] = useState('');
    const note = (node: Node) => {
        const host = why.find((each) => each.subject === node.name);
        const more = host && !host.fits ? host.text : host?.migration;
        return more ? `${node.name} (${more})` : node.name;
    };
    const blame = ({ code, message }: ApiError) => {
        const isOfServer = ['no-such-node', 'there-already', 'node-not-up'].includes(code);
        setFault(isOfServer ? message : '');
        return isOfServer;
    };
    return (
        <FormDialog title={`Move ${vm.name}`} submit="Move" blame={blame}
            run={() => change('POST', `${pathOfVm(vm.name)}/move`, { migration: way, ...(to ? { node: to } : {}) })}>
            <p>
                It moves live if it can. Else it is stopped on {vm.node} by its offline action ({offlineActions[vm.offline_action]}) and started
                on the other server, once its place there is reserved.
            </p>
            <SelectField label="To server" value={to} onChange={setTo} fault={fault}
                choices={[['', 'Any other server'], ...nodes.filter((node) => node.name !== vm.node).sort(natural((node) => node.name)).map((node): [string, string] => [node.name, note(node)])]} />
            <SelectField label="How" value={way} onChange={setWay} choices={ways} />
        </FormDialog>
    );
}

/* Its order is withdrawn: it runs on where it is. */
export function cancelMove(vm: Vm): void {
    openDialog(
        <FormDialog title={`Cancel the move of ${vm.name}?`} submit="Cancel the move" size="sm"
            run={() => change('POST', `${pathOfVm(vm.name)}/cancel-move`)}>
            <p>It keeps running on {vm.node}. A guest that was told to shut down cannot be kept running.</p>
        </FormDialog>,
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

/* ---- several at once ---- */

const ofAll = (done: string) => (count: number, all: number) => `${plural(count, 'VM')}${count < all ? ` of ${all}` : ''} ${done}`;
const nameOf = (vm: Vm) => vm.name;

function VmList({ vms }: { vms: Vm[] }) {
    return <ul class="reasons">{vms.map((vm) => <li key={vm.name}><VmLink name={vm.name} /></li>)}</ul>;
}

export function startVms(vms: Vm[]): void {
    openDialog(
        <FormDialog title={`Start ${plural(vms.length, 'VM')}?`} submit="Start" size="sm"
            run={() => forEach(vms, nameOf, (vm) => change('POST', `${pathOfVm(vm.name)}/start`), ofAll('will be started'), pageOf.vm)}>
            <p>Those for which no server has room wait, and start as soon as one has.</p>
            <VmList vms={vms} />
        </FormDialog>,
    );
}

function StopAllDialog({ vms }: { vms: Vm[] }) {
    const [isForced, setForced] = useState(false);
    return (
        <FormDialog title={`Stop ${plural(vms.length, 'VM')}?`} submit={isForced ? 'Turn off' : 'Stop'} isDanger={isForced} size="sm"
            run={() => forEach(vms, nameOf, (vm) => change('POST', `${pathOfVm(vm.name)}/stop`, { force: isForced }), ofAll('will be stopped'), pageOf.vm)}>
            <p>Each is stopped by its offline action. Their GPUs are then free for other VMs.</p>
            <VmList vms={vms} />
            <CheckField label="Force: turn them off at once" isChecked={isForced} onChange={setForced} help="Unsaved data are lost." />
        </FormDialog>
    );
}

export function stopVms(vms: Vm[]): void {
    openDialog(<StopAllDialog vms={vms} />);
}

export function moveVms(vms: Vm[]): void {
    openDialog(
        <FormDialog title={`Move ${plural(vms.length, 'VM')}?`} submit="Move" size="sm"
            run={() => forEach(vms, nameOf, (vm) => change('POST', `${pathOfVm(vm.name)}/move`, {}), ofAll('will be moved'), pageOf.vm)}>
            <p>Each is stopped by its offline action and starts on another server that has room for it.</p>
            <VmList vms={vms} />
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
