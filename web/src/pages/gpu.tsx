// SPDX-License-Identifier: LGPL-2.1-or-later
/* One GPU, or one partition of a card. */
import { deedsOfGpu, isCard } from '../deeds/gpu';
import { pathOfGpu } from '../dialogs/gpu';
import { useResource } from '../live';
import { useMay } from '../session';
import type { WholeGpu, WholePool } from '../types';
import { gpuLooks, gpuText, lookOf, memoryText, plural, shortAddress, sizeText, slotText, unitOf, verdicts } from '../words';
import { Listed, PoolLink, ServerLink, VmLink } from '../ui/links';
import { ObjectPage } from '../ui/object';
import { ObjectEvents } from '../ui/objectevents';
import { Facts, Loaded, Section } from '../ui/page';
import { State } from '../ui/state';

function Summary({ gpu }: { gpu: WholeGpu }) {
    return (
        <Section title="Summary">
            <Facts facts={[
                ['Server', <ServerLink name={gpu.node} />],
                ['Address', <code>{gpu.address}</code>],
                ['Model', gpu.name],
                ...(gpu.memory_mib ? [['Memory', memoryText(gpu.memory_mib)] as [string, string]] : []),
                ['Kind', gpu.no_gpu ? 'Device, no GPU' : 'GPU'],
                ['Serial number', gpu.serial || '–'],
                ['GPU pool', gpu.pool ? <PoolLink name={gpu.pool} /> : '–'],
                ['Virtual machine', gpu.vm ? <VmLink name={gpu.vm} /> : '–'],
                ['Health', gpu.health_reason ? `${gpu.health}: ${gpu.health_reason}` : gpu.health],
                ['Errors', `${gpu.errors_fatal ?? 0} fatal, ${gpu.errors_nonfatal ?? 0} non-fatal, ${gpu.errors_corrected ?? 0} corrected`],
                ['Link', gpu.link_width ? `x${gpu.link_width}, ${(gpu.link_speed_mts ?? 0) / 1000} GT/s` : '–'],
                ['Memory aperture', sizeText(gpu.mmio_size)],
                ['Regions', gpu.bar_size?.filter((size) => size > 0).map(sizeText).join(', ') || '–'],
                ...(gpu.fabric_sets?.length
                    ? [['Talks with', gpu.fabric_sets.map((set) => `${set.gpus.map(shortAddress).join(' ')}${set.active ? ' (active)' : ''}`).join('; ')] as [string, string]]
                    : []),
                ['NUMA node', gpu.numa_node < 0 ? '–' : gpu.numa_node],
                ['Shows the console', gpu.boot_display ? 'Yes' : 'No'],
            ]} />
        </Section>
    );
}

/* Which VMs may get it. */
function Candidates({ gpu, name }: { gpu: WholeGpu; name: string }) {
    const shown = useResource<WholePool>(`/v1/pools/${encodeURIComponent(name)}`);
    return (
        <Loaded shown={shown}>
            {(pool) => (
                <p>
                    {gpu.vm ? <><VmLink name={gpu.vm} /> has it, because it needs {plural(pool.vms.find((each) => each.vm === gpu.vm)?.count ?? 1, unitOf(pool.type))} of <PoolLink name={name} />. </> : ''}
                    Virtual machines that are assigned to <PoolLink name={name} /> may get it when they start:{' '}
                    <Listed items={pool.vms} keyOf={(each) => each.vm} show={(each) => <VmLink name={each.vm} />} none="none is assigned" />.
                </p>
            )}
        </Loaded>
    );
}

function Placement({ gpu }: { gpu: WholeGpu }) {
    return (
        <Section title="Which virtual machines can have it?">
            <Facts facts={[
                ['Survey', <>{verdicts[gpu.verdict] ?? gpu.verdict}{gpu.verdict_detail && `: ${gpu.verdict_detail}`}</>],
                ['Driver', gpu.driver || 'None'],
                ['IOMMU group', gpu.iommu_group < 0 ? 'None' : gpu.iommu_group],
                ['Goes with', gpu.companions?.map(shortAddress).join(', ') || '–'],
            ]} />
            {gpu.pool ? <Candidates gpu={gpu} name={gpu.pool} />
                : <p>It is in no GPU pool, so no virtual machine can have it.</p>}
        </Section>
    );
}

function Settings({ gpu }: { gpu: WholeGpu }) {
    const profiles = gpu.mdev_types ?? [];
    return (
        <Section title="Settings">
            <Facts facts={[
                ['Used by', gpu.driver ? `Driver ${gpu.driver}` : 'No driver'],
                ['Partitions', isCard(gpu) ? `${gpu.partitions ?? 0} of at most ${gpu.sriov_total ?? 0}` : `It is one, of type ${gpu.partition_type}`],
                ['vGPU profiles', profiles.map((each) => `${each.name || each.id} (${each.available} more possible)`).join(', ') || '–'],
            ]} />
        </Section>
    );
}

export function GpuPage({ node, address }: { node: string; address: string }) {
    const shown = useResource<WholeGpu>(pathOfGpu({ node, address }));
    const mayAdminister = useMay('administrator');
    return (
        <ObjectPage kind="GPU" name={slotText({ node, address: shortAddress(address) })} list={{ path: '/gpus', title: 'All GPUs' }} shown={shown}
            head={(gpu) => <State look={lookOf(gpuLooks, gpu.state)} text={gpuText(gpu)} />}
            deeds={(gpu) => (mayAdminister ? deedsOfGpu(gpu) : [])}
            tabs={(gpu) => [
                { name: 'summary', title: 'Summary', show: () => <Summary gpu={gpu} /> },
                { name: 'placement', title: 'Placement', show: () => <Placement gpu={gpu} /> },
                { name: 'events', title: 'Events', show: () => <ObjectEvents subject={node} isWanted={({ parameters }) => parameters.device === address} /> },
                { name: 'settings', title: 'Settings', show: () => <Settings gpu={gpu} /> },
            ]} />
    );
}
