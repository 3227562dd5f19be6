// SPDX-License-Identifier: LGPL-2.1-or-later
/* One virtual machine. */
import { pathOfVm } from '../api';
import { deedsOfVm } from '../deeds/vm';
import { useResource } from '../live';
import { ScreenTab } from '../screens/tab';
import { useMay } from '../session';
import type { Explanation, WholeVm } from '../types';
import { memoryText, offlineActions, pauseText, plural, priorityText, shortAddress, vmLook } from '../words';
import { Reasons } from '../ui/alert';
import { Button } from '../ui/button';
import { GpuLink, Listed, Needs, pageOf, PoolLink, ServerLink, VmLink } from '../ui/links';
import { ObjectPage } from '../ui/object';
import { ObjectEvents } from '../ui/objectevents';
import { Facts, Loaded, Section } from '../ui/page';
import { State } from '../ui/state';
import { Table } from '../ui/table';
import { say } from '../ui/toast';
import { UseSection } from '../ui/use';

/* Its QEMU is there, or may be. */
const hasScreen = (vm: WholeVm) => ['starting', 'running', 'stopping'].includes(vm.state);

function Summary({ vm }: { vm: WholeVm }) {
    return (
        <>
            <Section title="Summary">
                <Facts facts={[
                    ['Server', vm.node ? <ServerLink name={vm.node} /> : '–'],
                    ['GPUs now', (
                        <Listed items={vm.gpus} keyOf={(gpu) => gpu.address}
                            show={(gpu) => <><GpuLink node={vm.node} address={gpu.address}>{shortAddress(gpu.address)}</GpuLink> of <PoolLink name={gpu.pool} /></>} />
                    )],
                    ['Assigned to', <Needs needs={vm.needs} none="No GPU pool" />],
                    ['Wanted state', vm.desired === 'started' ? 'Running' : 'Stopped'],
                    ['Size', `${plural(vm.cpus, 'CPU')}, ${memoryText(vm.memory_mib)}`],
                    ['Last move', vm.status?.pause_ms ? `Held it up for ${pauseText(vm.status.pause_ms)}` : '–'],
                    ['UUID', <code>{vm.spec.uuid}</code>],
                ]} />
                {vm.pending && <p>Its definition was changed. The change takes effect at its next start.</p>}
            </Section>
            {hasScreen(vm) && <UseSection path={pathOfVm(vm.name)} note="As its server sees it. What a guest does with its GPUs and within its memory, only the guest knows." />}
            {vm.reasons.length > 0 && <Section title="Why it waits"><Reasons reasons={vm.reasons} pageOfSubject={pageOf.server} /></Section>}
        </>
    );
}

function Verdict({ fits, isHere }: { fits: boolean | undefined; isHere: boolean }) {
    return isHere ? <State look={{ text: 'It is here', tone: 'busy', sign: 'check' }} />
        : fits ? <State look={{ text: 'Possible', tone: 'good', sign: 'check' }} />
            : <State look={{ text: 'Not possible', tone: 'idle', sign: 'dash' }} />;
}

function Placement({ name }: { name: string }) {
    const shown = useResource<Explanation>(`${pathOfVm(name)}/explain`);
    return (
        <Section title={`Where can ${name} run?`}>
            <Loaded shown={shown}>
                {(vm) => (
                    <>
                        <p>
                            {vm.node ? <>It has its place on <ServerLink name={vm.node} /></> : 'It has no place on a server now'}
                            {(vm.cause || vm.detail) && ` (${vm.cause || vm.detail})`}.
                        </p>
                        <Table label={`Every server for ${name}, and why or why not`} rows={vm.hosts} keyOf={(host) => host.subject}
                            empty="No server has joined." columns={[
                                { title: 'Server', isHead: true, sort: (host) => host.subject, cell: (host) => <ServerLink name={host.subject} /> },
                                { title: 'Verdict', sort: (host) => (host.fits ? 0 : 1), cell: (host) => <Verdict fits={host.fits} isHere={host.subject === vm.node} /> },
                                { title: 'Why', cell: (host) => host.text || '–' },
                            ]} />
                    </>
                )}
            </Loaded>
        </Section>
    );
}

const servers = (names: string[] | undefined, none: string) =>
    <Listed items={names ?? []} keyOf={(name) => name} none={none} show={(name) => <ServerLink name={name} />} />;
const vms = (names: string[] | undefined, isEnforced: boolean | undefined) => (
    <>
        <Listed items={names ?? []} keyOf={(name) => name} show={(name) => <VmLink name={name} />} />
        {names?.length ? (isEnforced ? ' (always)' : ' (if possible)') : ''}
    </>
);

function Settings({ vm }: { vm: WholeVm }) {
    const { spec } = vm;
    return (
        <Section title="Settings">
            <Facts facts={[
                ['Priority', priorityText(vm.priority)],
                ['Offline action', `${offlineActions[vm.offline_action]}, within ${Math.round(spec.offline_timeout_ms / 1000)} s`],
                ['Preferred owners', servers(spec.preferred_owners, 'None')],
                ['Possible owners', servers(spec.possible_owners, 'Every server')],
                ['Starts after', <Listed items={spec.start_after ?? []} keyOf={(name) => name} show={(name) => <VmLink name={name} />} />],
                ['Together with', vms(spec.together, spec.affinity_enforced)],
                ['Apart from', vms(spec.apart, spec.apart_enforced)],
                ['Restarts on its server', `At most ${spec.restart.restarts_max}, then it fails over`],
                ['Failovers', `At most ${spec.restart.failovers_max}, then it is failed`],
                ['Guest watch', spec.guest_watch === 'restart' ? `Restart when it stands still, or is silent for ${Math.round(spec.guest_silence_ms / 1000)} s` : 'Off'],
                ['Topology', spec.topology === 'mirror' ? "Mirrors the server's NUMA nodes" : 'As its definition says'],
                ['Memory-mapped IO', spec.mmio_mib ? memoryText(spec.mmio_mib) : 'Computed from its GPUs'],
                ['Managed', vm.unmanaged ? 'No: Berth only watches it' : 'Yes'],
            ]} />
        </Section>
    );
}

function Xml({ vm }: { vm: WholeVm }) {
    const copy = () => navigator.clipboard.writeText(vm.xml)
        .then(() => say('The domain XML was copied'), () => say('The browser does not allow copying. Select the text instead.', 'warning'));
    return (
        <Section title="Domain XML" actions={<Button isSmall onClick={() => void copy()}>Copy</Button>}>
            <p class="quiet">As it was added. Berth puts in the GPUs at each start.</p>
            <pre class="code" tabIndex={0} role="group" aria-label={`XML of ${vm.name}`}>{vm.xml}</pre>
        </Section>
    );
}

export function VmPage({ name }: { name: string }) {
    const shown = useResource<WholeVm>(pathOfVm(name));
    const mayOperate = useMay('operator');
    const mayAdminister = useMay('administrator');
    return (
        <ObjectPage kind="virtual machine" name={name} list={{ path: '/vms', title: 'All virtual machines' }} shown={shown}
            head={(vm) => <><State look={vmLook(vm)} /> {vm.title && <strong>{vm.title} </strong>}{vm.detail}</>}
            deeds={(vm) => deedsOfVm(vm, mayOperate, mayAdminister)}
            tabs={(vm) => [
                { name: 'summary', title: 'Summary', show: () => <Summary vm={vm} /> },
                ...(mayOperate && hasScreen(vm) ? [
                    { name: 'screen', title: 'Screen', show: () => <ScreenTab key="screen" vm={name} kind="screen" /> },
                    { name: 'console', title: 'Serial console', show: () => <ScreenTab key="console" vm={name} kind="console" /> },
                ] : []),
                { name: 'placement', title: 'Placement', show: () => <Placement name={name} /> },
                { name: 'events', title: 'Events', show: () => <ObjectEvents subject={name} isWanted={(event) => event.code.startsWith('vm-')} /> },
                { name: 'settings', title: 'Settings', show: () => <Settings vm={vm} /> },
                { name: 'xml', title: 'XML', show: () => <Xml vm={vm} /> },
            ]} />
    );
}
