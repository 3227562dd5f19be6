// SPDX-License-Identifier: LGPL-2.1-or-later
/* What is done with GPUs: dismount, mount, release from quarantine; and all that is known of one. */
import type { VNode } from 'preact';
import { useState } from 'preact/hooks';
import { ApiError, change, messageOf } from '../api';
import { useResource } from '../live';
import type { Gpu, Reason, WholeGpu } from '../types';
import { gpuLooks, gpuText, lookOf, plural, sizeText, slotText, verdicts } from '../words';
import { Alert } from '../ui/alert';
import { FormDialog, InfoDialog, openDialog } from '../ui/dialog';
import { CheckField, TextField } from '../ui/field';
import { Facts, Loaded } from '../ui/page';
import { State } from '../ui/state';
import { say } from '../ui/toast';

export const keyOfGpu = (gpu: Pick<Gpu, 'node' | 'address'>) => slotText(gpu);

const pathOf = (gpu: Gpu) => `/v1/nodes/${encodeURIComponent(gpu.node)}/gpus/${encodeURIComponent(gpu.address)}`;

function Outcome({ good, refused, done }: { good: Gpu[]; refused: Reason[]; done: string }) {
    return (
        <InfoDialog title={`${plural(good.length, 'GPU')} of ${good.length + refused.length} ${done}`}>
            <ul class="reasons" aria-label="What was done">
                {good.map((gpu) => (
                    <li key={slotText(gpu)}><State look={{ text: 'Done', tone: 'good', sign: 'check' }} /> <strong>{slotText(gpu)}</strong> {gpu.name}</li>
                ))}
            </ul>
            <ul class="reasons" aria-label="What was refused">
                {refused.map((each) => (
                    <li key={each.subject}><State look={{ text: 'Refused', tone: 'bad', sign: 'cross' }} /> <strong>{each.subject}</strong> {each.text}</li>
                ))}
            </ul>
        </InfoDialog>
    );
}

/* One after the other; what was refused is said for each, and the others are done all the same. */
async function forEach(gpus: Gpu[], deed: string, body: unknown, done: string): Promise<string | VNode> {
    const refused: Reason[] = [];
    for (const gpu of gpus) {
        try {
            await change('POST', `${pathOf(gpu)}/${deed}`, body);
        } catch (error) {
            refused.push({ subject: slotText(gpu), text: messageOf(error) });
        }
    }
    const good = gpus.filter((gpu) => !refused.some((each) => each.subject === slotText(gpu)));
    const sentence = `${plural(good.length, 'GPU')} ${done}: ${good.map(slotText).join(', ')}`;
    if (good.length === 0) {
        throw new ApiError(409, 'refused', 'Nothing was changed:', refused);
    }
    if (refused.length > 0) {
        return <Outcome good={good} refused={refused} done={done} />;
    }
    return sentence;
}

function GpuList({ gpus }: { gpus: Gpu[] }) {
    return <ul class="reasons">{gpus.map((gpu) => <li key={slotText(gpu)}><strong>{slotText(gpu)}</strong> {gpu.name}</li>)}</ul>;
}

function DismountDialog({ gpus }: { gpus: Gpu[] }) {
    const [isForced, setForced] = useState(false);
    return (
        <FormDialog title={`Dismount ${plural(gpus.length, 'GPU')}?`} submit="Dismount" isDanger={isForced}
            run={() => forEach(gpus, 'dismount', { force: isForced }, 'will be dismounted')}>
            <p>The host lets go of it, now and after each boot, so that it can join a GPU pool and be assigned to VMs.</p>
            <GpuList gpus={gpus} />
            <CheckField label="Force: also if the host uses it, or it cannot be reset" isChecked={isForced} onChange={setForced}
                help="What shows on its screens goes dark, and programs that use it may fail." />
        </FormDialog>
    );
}

export function dismount(gpus: Gpu[]): void {
    openDialog(<DismountDialog gpus={gpus} />);
}

export function mount(gpus: Gpu[]): void {
    openDialog(
        <FormDialog title={`Mount ${plural(gpus.length, 'GPU')}?`} submit="Mount" run={() => forEach(gpus, 'mount', undefined, 'will be given back')}>
            <p>It is given back to its host and its driver.</p>
            <GpuList gpus={gpus} />
        </FormDialog>,
    );
}

export function release(gpu: Gpu): void {
    openDialog(
        <FormDialog title={`Release ${slotText(gpu)} from quarantine?`} submit="Release" run={() => change('POST', `${pathOf(gpu)}/release`)}>
            <Alert kind="warning" title="Why it is in quarantine">{gpu.health_reason || 'No reason was recorded.'}</Alert>
            <p>Once released it is handed out to VMs again. If it is not fixed, the next start on it may fail.</p>
        </FormDialog>,
    );
}

function PartitionDialog({ gpu }: { gpu: Gpu }) {
    const most = gpu.sriov_total ?? 0;
    const [count, setCount] = useState(String(gpu.partitions ?? 0));
    const [fault, setFault] = useState('');
    const check = () => {
        const isGood = /^\d+$/.test(count) && Number(count) <= most;
        setFault(isGood ? '' : `Give a number from 0 to ${most}.`);
        return isGood;
    };
    const blame = ({ code, message }: ApiError) => {
        setFault(code === 'bad-count' ? message : '');
        return code === 'bad-count';
    };
    const run = async () => {
        const done = await change('POST', `${pathOf(gpu)}/partition`, { count: Number(count) });
        if (done.warnings?.length) {
            say(`Of the same model, but not divided alike: ${done.warnings.map((each) => each.subject).join(', ')}`, 'warning');
        }
        return done;
    };
    return (
        <FormDialog title={`Configure partition count of ${slotText(gpu)}`} submit="Save" check={check} run={run} blame={blame}>
            <div class="pf-v6-c-form">
                <p>
                    A card is assigned whole or in partitions (SR-IOV), never both. The partitions of all servers&apos; cards of one model
                    should be as many, so that a VM finds equal ones everywhere.
                </p>
                <TextField label="Partition count" value={count} onChange={setCount} fault={fault} inputMode="numeric" isRequired
                    help={`From 0 to ${most}. 0: the card is whole again, and its host's. It cannot change while a VM holds a part.`} />
            </div>
        </FormDialog>
    );
}

export function partition(gpu: Gpu): void {
    openDialog(<PartitionDialog gpu={gpu} />);
}

function GpuDetails({ gpu }: { gpu: Gpu }) {
    const shown = useResource<WholeGpu>(pathOf(gpu));
    return (
        <Loaded shown={shown}>
            {(all) => (
                <Facts facts={[
                    ['Assigned status', <State look={lookOf(gpuLooks, all.state)} text={gpuText(all)} />],
                    ['Survey', <>{verdicts[all.verdict] ?? all.verdict}{all.verdict_detail && `: ${all.verdict_detail}`}</>],
                    ['Health', all.health_reason ? `${all.health}: ${all.health_reason}` : all.health],
                    ['Model', `${all.name}`],
                    ['Serial number', all.serial || '–'],
                    ['GPU pool', all.pool ?? '–'],
                    ['Driver', all.driver || '–'],
                    ['IOMMU group', all.iommu_group < 0 ? 'none' : all.iommu_group],
                    ['Goes with', all.companions?.join(', ') || '–'],
                    ['NUMA node', all.numa_node < 0 ? '–' : all.numa_node],
                    ['Memory aperture', sizeText(all.mmio_size)],
                    ['Regions', all.bar_size?.filter((size) => size > 0).map(sizeText).join(', ') || '–'],
                    ['Partitions', all.partition_type ? `is one, ${all.partition_type}` : `${all.partitions ?? 0} of at most ${all.sriov_total ?? 0} (SR-IOV)`],
                    ['Link', all.link_width ? `x${all.link_width}, ${(all.link_speed_mts ?? 0) / 1000} GT/s` : '–'],
                    ['Shows the console', all.boot_display ? 'Yes' : 'No'],
                ]} />
            )}
        </Loaded>
    );
}

export function gpuDetails(gpu: Gpu): void {
    openDialog(<InfoDialog title={`GPU ${slotText(gpu)}`} size="md"><GpuDetails gpu={gpu} /></InfoDialog>);
}
