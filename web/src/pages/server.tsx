// SPDX-License-Identifier: LGPL-2.1-or-later
/* One server. */
import { deedsOfServer } from '../deeds/server';
import { useResource } from '../live';
import { useMay } from '../session';
import { fencingMethods } from '../settings/fencingdialog';
import type { List, Vm, WholeNode } from '../types';
import { gpuLooks, gpuText, lookOf, memoryText, nodeLooks, shortModel, vmLook } from '../words';
import { GpuLink, Needs, PoolLink, VmLink } from '../ui/links';
import { ObjectPage } from '../ui/object';
import { ObjectEvents } from '../ui/objectevents';
import { Facts, Loaded, Section } from '../ui/page';
import { Answer } from '../ui/preview';
import { State } from '../ui/state';
import { Table } from '../ui/table';
import { UseSection } from '../ui/use';

function Checks({ node }: { node: WholeNode }) {
    return (
        <Section title="Checks">
            {node.checks.length === 0 ? <p class="quiet">It has not reported any.</p> : (
                <ul class="reasons">
                    {node.checks.map((check) => (
                        <li key={check.name}>
                            <State look={check.ok ? { text: 'OK', tone: 'good', sign: 'check' } : { text: 'Fails', tone: 'bad', sign: 'cross' }} />{' '}
                            <strong>{check.name}</strong>{check.detail && `: ${check.detail}`}
                        </li>
                    ))}
                </ul>
            )}
        </Section>
    );
}

function Gpus({ node }: { node: WholeNode }) {
    return (
        <Section title="GPUs">
            <Table label={`GPUs of ${node.name}`} rows={node.gpus} keyOf={(gpu) => gpu.address} empty="It has shown no GPU." columns={[
                { title: 'GPU', isHead: true, sort: (gpu) => gpu.address, cell: (gpu) => <GpuLink node={node.name} address={gpu.address} /> },
                { title: 'Assigned status', sort: (gpu) => gpu.state, cell: (gpu) => <State look={lookOf(gpuLooks, gpu.state)} text={gpuText(gpu)} /> },
                { title: 'Model', sort: (gpu) => gpu.name, cell: (gpu) => shortModel(gpu.name) },
                { title: 'GPU pool', sort: (gpu) => gpu.pool ?? '', cell: (gpu) => (gpu.pool ? <PoolLink name={gpu.pool} /> : '–') },
                { title: 'Virtual machine', sort: (gpu) => gpu.vm ?? '', cell: (gpu) => (gpu.vm ? <VmLink name={gpu.vm} /> : '–') },
            ]} />
        </Section>
    );
}

function Vms({ name }: { name: string }) {
    const shown = useResource<List<Vm>>(`/v1/vms?node=${encodeURIComponent(name)}`);
    return (
        <Section title="Virtual machines">
            <Loaded shown={shown}>
                {({ items }) => (
                    <Table label={`Virtual machines of ${name}`} rows={items} keyOf={(vm) => vm.name} pageSize={20} empty="None has its place here." columns={[
                        { title: 'Virtual machine', isHead: true, sort: (vm) => vm.name, cell: (vm) => <VmLink name={vm.name} /> },
                        { title: 'State', sort: (vm) => vmLook(vm).text, cell: (vm) => <State look={vmLook(vm)} /> },
                        { title: 'GPU pool', cell: (vm) => <Needs needs={vm.needs} none="Not assigned" /> },
                    ]} />
                )}
            </Loaded>
        </Section>
    );
}

function Placement({ name }: { name: string }) {
    return (
        <>
            <Section title={`If ${name} fails`}><Answer question={{ fail: [name] }} none="No VM runs there: nothing would have to restart." /></Section>
            <Section title={`If ${name} is drained`}><Answer question={{ drain: [name] }} /></Section>
        </>
    );
}

function Settings({ node }: { node: WholeNode }) {
    const labels = Object.entries(node.spec.labels ?? {}).map(([key, value]) => `${key}=${value}`);
    return (
        <Section title="Settings">
            <Facts facts={[
                ['Fencing', fencingMethods[node.fencing]],
                ['Fence agent', node.fence_agent || '–'],
                ['Watchdog', node.watchdog_armed ? 'Armed' : 'Not armed'],
                ['Labels', labels.join(', ') || '–'],
            ]} />
        </Section>
    );
}

export function ServerPage({ name }: { name: string }) {
    const shown = useResource<WholeNode>(`/v1/nodes/${encodeURIComponent(name)}`);
    const mayOperate = useMay('operator');
    const mayAdminister = useMay('administrator');
    return (
        <ObjectPage kind="server" name={name} list={{ path: '/servers', title: 'All servers' }} shown={shown}
            head={(node) => <><State look={lookOf(nodeLooks, node.state)} /> {node.detail}{node.coordinator && <span class="quiet"> Coordinator</span>}</>}
            deeds={(node) => deedsOfServer(node, mayOperate, mayAdminister)}
            tabs={(node) => [
                {
                    name: 'summary',
                    title: 'Summary',
                    show: () => (
                        <>
                            <Section title="Summary">
                                <Facts facts={[['CPUs', node.cpus || '–'], ['Memory', node.memory_mib ? memoryText(node.memory_mib) : '–'], ['Kernel', node.kernel || '–']]} />
                            </Section>
                            <UseSection path={`/v1/nodes/${encodeURIComponent(name)}`} />
                            <Gpus node={node} />
                            <Vms name={name} />
                            <Checks node={node} />
                        </>
                    ),
                },
                { name: 'placement', title: 'Placement', show: () => <Placement name={name} /> },
                { name: 'events', title: 'Events', show: () => <ObjectEvents subject={name} isWanted={(event) => !/^(vm|pool)-/.test(event.code)} /> },
                { name: 'settings', title: 'Settings', show: () => <Settings node={node} /> },
            ]} />
    );
}
