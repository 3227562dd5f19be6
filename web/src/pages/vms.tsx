// SPDX-License-Identifier: LGPL-2.1-or-later
import { assignThis, unassignThis } from '../dialogs/pool';
import { addVm } from '../dialogs/vmadd';
import { adoptVm, confirmGone, explainVm, moveVm, removeVm, startVm, stopVm, vmDetails } from '../dialogs/vm';
import { vmSettings } from '../dialogs/vmsettings';
import { useResource } from '../live';
import { Link, useQuery } from '../router';
import { useMay } from '../session';
import type { List, Vm } from '../types';
import { memoryText, needsText, offlineActions, plural, priorityText, shortAddress, vmLook, vmLooks } from '../words';
import { Button } from '../ui/button';
import { Menu, type Deed } from '../ui/menu';
import { Filter, Loaded, matches, Search, Section, Toolbar } from '../ui/page';
import { State } from '../ui/state';
import { Table, type Column } from '../ui/table';

function deedsOf(vm: Vm, mayOperate: boolean, mayAdminister: boolean): Deed[] {
    const deeds: Deed[] = [];
    if (mayOperate) {
        if (vm.desired === 'stopped' || vm.state === 'failed') {
            deeds.push({ text: 'Start', run: () => startVm(vm) });
        }
        if (vm.desired === 'started' || vm.state === 'stopping') {
            deeds.push({ text: 'Stop…', run: () => stopVm(vm) });
        }
        if (vm.state === 'running') {
            deeds.push({ text: 'Move…', run: () => moveVm(vm) });
        }
    }
    if (mayAdminister && vm.state === 'away') { // someone migrated or saved it past Berth
        deeds.push({ text: 'Adopt…', run: () => adoptVm(vm) });
        deeds.push({ text: 'Confirm that it is gone…', run: () => confirmGone(vm), isDanger: true });
    }
    deeds.push({ text: 'Explain', run: () => explainVm(vm) });
    if (mayAdminister) {
        deeds.push({ text: 'Assign to GPU pool…', run: () => assignThis(vm) });
        if (vm.needs.length > 0) {
            deeds.push({ text: 'Unassign…', run: () => unassignThis(vm) });
        }
        deeds.push({ text: 'Settings…', run: () => vmSettings(vm) });
        deeds.push({ text: 'Remove…', run: () => removeVm(vm), isDanger: true });
    }
    return deeds;
}

function ServerCell({ vm }: { vm: Vm }) {
    return vm.node ? (
        <>
            <Link to={`/servers?q=${encodeURIComponent(vm.node)}`}>{vm.node}</Link>
            {vm.gpus.length > 0 && <div class="quiet">{vm.gpus.map((gpu) => shortAddress(gpu.address)).join(', ')}</div>}
        </>
    ) : <>–</>;
}

function StateCell({ vm }: { vm: Vm }) {
    return (
        <>
            <State look={vmLook(vm)} />
            {vm.detail && <div class="quiet">{vm.detail}</div>}
        </>
    );
}

function columns(mayOperate: boolean, mayAdminister: boolean): Column<Vm>[] {
    return [
        {
            title: 'Virtual machine',
            isHead: true,
            sort: (vm) => vm.name,
            cell: (vm) => <Button kind="link" isSmall aria-label={`Details of ${vm.name}`} onClick={() => vmDetails(vm)}>{vm.name}</Button>,
        },
        { title: 'State', sort: (vm) => vmLook(vm).text, cell: (vm) => <StateCell vm={vm} /> },
        { title: 'Server', sort: (vm) => vm.node, cell: (vm) => <ServerCell vm={vm} /> },
        { title: 'GPU pool', sort: (vm) => needsText(vm.needs), cell: (vm) => needsText(vm.needs) || 'Not assigned' },
        { title: 'Priority', sort: (vm) => vm.priority, cell: (vm) => priorityText(vm.priority) },
        { title: 'Offline action', sort: (vm) => vm.offline_action, cell: (vm) => offlineActions[vm.offline_action] ?? vm.offline_action },
        { title: 'Size', sort: (vm) => vm.memory_mib, cell: (vm) => `${plural(vm.cpus, 'CPU')}, ${memoryText(vm.memory_mib)}` },
        {
            title: 'Actions',
            isActions: true,
            cell: (vm) => <Menu label={`Actions for ${vm.name}`} deeds={deedsOf(vm, mayOperate, mayAdminister)} />,
        },
    ];
}

export function Vms() {
    const shown = useResource<List<Vm>>('/v1/vms');
    const [query] = useQuery('q');
    const [state] = useQuery('state');
    const mayOperate = useMay('operator');
    const mayAdminister = useMay('administrator');
    const isWanted = (vm: Vm) => (!state || vm.state === state)
        && matches(query, vm.name, vmLook(vm).text, vm.node, needsText(vm.needs), vm.detail);
    return (
        <Loaded shown={shown}>
            {({ items }) => (
                <Section title={plural(items.length, 'virtual machine')}
                    actions={mayAdminister && <Button kind="primary" onClick={addVm}>Add virtual machine</Button>}>
                    <Toolbar>
                        <Search label="Search virtual machines" />
                        <Filter label="State" parameter="state" choices={Object.entries(vmLooks).map(([key, look]) => [key, look.text])} />
                    </Toolbar>
                    <Table label="Virtual machines" rows={items.filter(isWanted)} keyOf={(vm) => vm.name} columns={columns(mayOperate, mayAdminister)}
                        empty={items.length ? 'No virtual machine matches.' : 'No virtual machine has been added yet.'} />
                </Section>
            )}
        </Loaded>
    );
}
