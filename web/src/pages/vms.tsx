// SPDX-License-Identifier: LGPL-2.1-or-later
import { useState } from 'preact/hooks';
import { canMove, canStart, canStop, deedsOfVm } from '../deeds/vm';
import { assignVms } from '../dialogs/pool';
import { moveVms, startVms, stopVms } from '../dialogs/vm';
import { addVm } from '../dialogs/vmadd';
import { importVm } from '../dialogs/vmimport';
import { useResource } from '../live';
import { navigate, useQuery } from '../router';
import { useMay } from '../session';
import type { List, Vm } from '../types';
import { memoryText, needsText, plural, priorityText, vmLook, vmLooks } from '../words';
import { Button } from '../ui/button';
import type { Choice } from '../ui/field';
import { GpuLink, Listed, Needs, pageOf, ServerLink, VmLink } from '../ui/links';
import { Menu, type Deed } from '../ui/menu';
import { Filter, Loaded, matches, Search, Section, Toolbar, valuesOf } from '../ui/page';
import { State } from '../ui/state';
import { Table, type Column } from '../ui/table';

/* Why it is where it is, or nowhere: a part of its page. */
const why = (vm: Vm): Deed => ({ text: vm.node ? 'Why here?' : 'Where can it run?', run: () => navigate(pageOf.vm(vm.name, 'placement')) });

function ServerCell({ vm }: { vm: Vm }) {
    return vm.node ? (
        <>
            <ServerLink name={vm.node} />
            {vm.gpus.length > 0 && (
                <div class="quiet"><Listed items={vm.gpus} keyOf={(gpu) => gpu.address} show={(gpu) => <GpuLink node={vm.node} address={gpu.address} />} /></div>
            )}
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
            cell: (vm) => <VmLink name={vm.name} />,
        },
        { title: 'State', sort: (vm) => vmLook(vm).text, cell: (vm) => <StateCell vm={vm} /> },
        { title: 'Server', sort: (vm) => vm.node, cell: (vm) => <ServerCell vm={vm} /> },
        { title: 'GPU pool', sort: (vm) => needsText(vm.needs), cell: (vm) => <Needs needs={vm.needs} none="Not assigned" /> },
        { title: 'Priority', sort: (vm) => vm.priority, cell: (vm) => priorityText(vm.priority) },
        { title: 'Size', sort: (vm) => vm.memory_mib, cell: (vm) => `${plural(vm.cpus, 'CPU')}, ${memoryText(vm.memory_mib)}` },
        {
            title: 'Actions',
            isActions: true,
            cell: (vm) => <Menu label={`Actions for ${vm.name}`} deeds={[...deedsOfVm(vm, mayOperate, mayAdminister), why(vm)]} />,
        },
    ];
}

function priorityChoices(items: Vm[]): Choice[] {
    return Array.from(new Set(items.map((vm) => vm.priority))).sort((a, b) => b - a).map((value) => [String(value), priorityText(value)]);
}

/* What the address asks for. */
function useWanted(): (vm: Vm) => boolean {
    const [query] = useQuery('q');
    const [state] = useQuery('state');
    const [server] = useQuery('server');
    const [pool] = useQuery('pool');
    const [priority] = useQuery('priority');
    return (vm) => (!state || vm.state === state)
        && (!server || (server === '-' ? !vm.node : vm.node === server))
        && (!pool || (pool === '-' ? vm.needs.length === 0 : vm.needs.some((need) => need.pool === pool)))
        && (!priority || String(vm.priority) === priority)
        && matches(query, vm.name, vmLook(vm).text, vm.node, needsText(vm.needs), vm.detail);
}

/* What can be done with several at once. */
function Selection({ vms, mayAdminister }: { vms: Vm[]; mayAdminister: boolean }) {
    const deed = (text: string, can: (vm: Vm) => boolean, run: (vms: Vm[]) => void) => {
        const able = vms.filter(can);
        return <Button disabled={able.length === 0} onClick={() => run(able)}>{text}</Button>;
    };
    return (
        <div class="selection" role="group" aria-label="Selected virtual machines">
            {deed('Start selected', canStart, startVms)}
            {deed('Stop selected', canStop, stopVms)}
            {deed('Move selected', canMove, moveVms)}
            {mayAdminister && deed('Assign selected', () => true, assignVms)}
            <span class="quiet" role="status">{vms.length > 0 && `${vms.length} selected`}</span>
        </div>
    );
}

export function Vms() {
    const shown = useResource<List<Vm>>('/v1/vms');
    const mayOperate = useMay('operator');
    const mayAdminister = useMay('administrator');
    const [selected, setSelected] = useState(new Set<string>());
    const isWanted = useWanted();
    return (
        <Loaded shown={shown}>
            {({ items }) => (
                <Section title={plural(items.length, 'virtual machine')}
                    actions={mayAdminister && (
                        <>
                            <Button onClick={importVm}>Import</Button>
                            <Button kind="primary" onClick={addVm}>Add virtual machine</Button>
                        </>
                    )}>
                    <Toolbar>
                        <Search label="Search virtual machines" />
                        <Filter label="State" parameter="state" choices={Object.entries(vmLooks).map(([key, look]) => [key, look.text])} />
                        <Filter label="Server" parameter="server" choices={valuesOf(items.map((vm) => vm.node), 'None')} />
                        <Filter label="GPU pool" parameter="pool" choices={valuesOf(items.flatMap((vm) => vm.needs.map((need) => need.pool)), 'Not assigned')} />
                        <Filter label="Priority" parameter="priority" choices={priorityChoices(items)} />
                    </Toolbar>
                    {mayOperate && items.length > 0 && <Selection vms={items.filter((vm) => selected.has(vm.name))} mayAdminister={mayAdminister} />}
                    <Table label="Virtual machines" rows={items.filter(isWanted)} keyOf={(vm) => vm.name} columns={columns(mayOperate, mayAdminister)}
                        {...(mayOperate ? { selected, onSelect: setSelected } : {})}
                        empty={items.length ? 'No virtual machine matches.' : 'No virtual machine has been added yet.'} />
                </Section>
            )}
        </Loaded>
    );
}
