// SPDX-License-Identifier: LGPL-2.1-or-later
import { useState } from 'preact/hooks';
import { canDismount, canMount, deedsOfGpu, isCard } from '../deeds/gpu';
import { dismount, keyOfGpu, mount } from '../dialogs/gpu';
import { useResource } from '../live';
import { useQuery } from '../router';
import { useMay } from '../session';
import type { Gpu, List } from '../types';
import { gpuLooks, gpusText, gpuText, lookOf, memoryText, plural, shortAddress, shortModel, sizeText, verdicts } from '../words';
import { Button } from '../ui/button';
import { GpuLink, PoolLink } from '../ui/links';
import { Menu } from '../ui/menu';
import { Filter, Loaded, matches, Search, Section, Toolbar, valuesOf } from '../ui/page';
import { State } from '../ui/state';
import { Table, type Column } from '../ui/table';

function StatusCell({ gpu }: { gpu: Gpu }) {
    const look = lookOf(gpuLooks, gpu.state);
    const why = gpu.health === 'quarantined' ? gpu.health_reason : gpu.state === 'not-assignable' ? gpu.verdict_detail : '';
    return (
        <>
            <State look={look} text={gpuText(gpu)} />
            {why && <div class="quiet">{why}</div>}
        </>
    );
}

function GroupCell({ gpu }: { gpu: Gpu }) {
    return (
        <>
            {gpu.iommu_group < 0 ? 'none' : gpu.iommu_group}
            {gpu.numa_node >= 0 && <div class="quiet">NUMA&nbsp;{gpu.numa_node}</div>}
        </>
    );
}

function columns(mayAdminister: boolean): Column<Gpu>[] {
    const all: Column<Gpu>[] = [
        {
            title: 'GPU',
            isHead: true,
            sort: keyOfGpu,
            cell: (gpu) => (
                <GpuLink node={gpu.node} address={gpu.address}>{gpu.node} {shortAddress(gpu.address)}</GpuLink>
            ),
        },
        { title: 'Assigned status', sort: (gpu) => lookOf(gpuLooks, gpu.state).text, cell: (gpu) => <StatusCell gpu={gpu} /> },
        { title: 'Model', sort: (gpu) => gpu.name, cell: (gpu) => <>{shortModel(gpu.name)}<div class="quiet">{gpu.partition_type ? `partition, ${gpu.partition_type}` : `${gpu.memory_mib ? `${memoryText(gpu.memory_mib)}, ` : ''}${gpu.model}`}</div></> },
        { title: 'GPU pool', sort: (gpu) => gpu.pool ?? '', cell: (gpu) => (gpu.pool ? <PoolLink name={gpu.pool} /> : '–') },
        { title: 'Survey', sort: (gpu) => gpu.verdict, cell: (gpu) => verdicts[gpu.verdict] ?? gpu.verdict },
        { title: 'Driver', sort: (gpu) => gpu.driver, cell: (gpu) => gpu.driver || '–' },
        { title: 'Group', sort: (gpu) => gpu.iommu_group, cell: (gpu) => <GroupCell gpu={gpu} /> },
        { title: 'Aperture', sort: (gpu) => gpu.mmio_size, cell: (gpu) => (gpu.mmio_size ? sizeText(gpu.mmio_size) : '–') },
    ];
    if (mayAdminister) {
        all.push({ title: 'Actions', isActions: true, cell: (gpu) => <Menu label={`Actions for ${keyOfGpu(gpu)}`} deeds={deedsOfGpu(gpu)} /> });
    }
    return all;
}

function title(items: Gpu[]): string {
    const cards = items.filter(isCard), partitions = items.length - cards.length;
    return [gpusText(cards.length, cards), ...(partitions ? [plural(partitions, 'partition')] : [])].join(', ');
}

export function Gpus() {
    const shown = useResource<List<Gpu>>('/v1/gpus');
    const [query] = useQuery('q');
    const [state] = useQuery('state');
    const [server] = useQuery('server');
    const [pool] = useQuery('pool');
    const mayAdminister = useMay('administrator');
    const [selected, setSelected] = useState(new Set<string>());
    const isWanted = (gpu: Gpu) => (!state || gpu.state === state)
        && (!server || gpu.node === server)
        && (!pool || (pool === '-' ? !gpu.pool : gpu.pool === pool))
        && matches(query, keyOfGpu(gpu), gpu.name, gpu.model, gpu.pool, gpu.vm, gpu.driver, lookOf(gpuLooks, gpu.state).text);
    return (
        <Loaded shown={shown}>
            {({ items }) => {
                const picked = items.filter((gpu) => selected.has(keyOfGpu(gpu)));
                const away = picked.filter(canDismount);
                const home = picked.filter(canMount);
                const buttons = mayAdminister && (
                    <>
                        <Button disabled={away.length === 0} onClick={() => dismount(away)}>Dismount selected</Button>
                        <Button disabled={home.length === 0} onClick={() => mount(home)}>Mount selected</Button>
                    </>
                );
                return (
                    <Section title={title(items)} actions={buttons}>
                        <Toolbar>
                            <Search label="Search GPUs" />
                            <Filter label="Status" parameter="state" choices={Object.entries(gpuLooks).map(([key, look]) => [key, look.text])} />
                            <Filter label="Server" parameter="server" choices={valuesOf(items.map((gpu) => gpu.node))} />
                            <Filter label="GPU pool" parameter="pool" choices={valuesOf(items.map((gpu) => gpu.pool), 'None')} />
                        </Toolbar>
                        <Table label="GPUs" rows={items.filter(isWanted)} keyOf={keyOfGpu} columns={columns(mayAdminister)}
                            {...(mayAdminister ? { selected, onSelect: setSelected } : {})}
                            empty={items.length ? 'No GPU matches.' : 'No server has shown a GPU.'} />
                    </Section>
                );
            }}
        </Loaded>
    );
}
