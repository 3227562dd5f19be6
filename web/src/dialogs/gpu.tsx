// SPDX-License-Identifier: LGPL-2.1-or-later
/* What is done with GPUs: dismount, mount, divide, release from quarantine. */
import { useState } from 'preact/hooks';
import { type ApiError, change, messageOf } from '../api';
import { useResource } from '../live';
import type { Gpu, List, Reason, WholeGpu } from '../types';
import { gpusText, lookOf, gpuLooks, natural, plural, shortModel, slotText } from '../words';
import { Alert } from '../ui/alert';
import { FormDialog, openDialog } from '../ui/dialog';
import { CheckField, type Choice, SelectField, TextField } from '../ui/field';
import { pageOf } from '../ui/links';
import { say } from '../ui/toast';
import { forEach } from './bulk';
import { type Tell, waitFor } from './wait';

export const keyOfGpu = (gpu: Pick<Gpu, 'node' | 'address'>) => slotText(gpu);

export const pathOfGpu = (gpu: Pick<Gpu, 'node' | 'address'>) => `/v1/nodes/${encodeURIComponent(gpu.node)}/gpus/${encodeURIComponent(gpu.address)}`;

/* "node1 0000:41:00.0" as slotText() has it. */
export function pageOfSlot(slot: string): string {
    const [node = '', address = ''] = slot.split(' ');
    return pageOf.gpu(node, address);
}

/* One after the other. */
const inTurn = (gpus: Gpu[], deed: string, body: unknown, done: string) => forEach(gpus, slotText,
    (gpu) => change('POST', `${pathOfGpu(gpu)}/${deed}`, body),
    (count, all) => `${gpusText(count, gpus)}${count < all ? ` of ${all}` : ''} ${done}`, pageOfSlot);

const takeLimit_ms = 60_000;

/* Takes 'gpus' from their hosts and waits until that is done: what could not be, and why. */
export async function takeFromHosts(gpus: Gpu[], tell: Tell): Promise<Reason[]> {
    const refused: Reason[] = [];
    for (const gpu of gpus) {
        await change('POST', `${pathOfGpu(gpu)}/dismount`, { force: false })
            .catch((error: unknown) => refused.push({ subject: slotText(gpu), text: messageOf(error) }));
    }
    const asked = gpus.filter((gpu) => !refused.some((each) => each.subject === slotText(gpu)));
    const left = ({ items }: List<Gpu>) => asked.map((gpu) => items.find((each) => slotText(each) === slotText(gpu)))
        .filter((gpu): gpu is Gpu => !!gpu && gpu.state !== 'dismounted');
    const last = await waitFor<List<Gpu>>('/v1/gpus', (list) => {
        const open = left(list).length;
        tell(`${asked.length - open} of ${gpusText(gpus.length, gpus)} dismounted…`);
        return open === 0;
    }, takeLimit_ms);
    return [...refused, ...left(last).map((gpu) => ({ subject: slotText(gpu), text: gpu.verdict_detail || 'is still being dismounted: add it to the pool later' }))];
}

function GpuList({ gpus }: { gpus: Gpu[] }) {
    return <ul class="reasons">{gpus.map((gpu) => <li key={slotText(gpu)}><strong>{slotText(gpu)}</strong> {gpu.name}</li>)}</ul>;
}

function DismountDialog({ gpus }: { gpus: Gpu[] }) {
    const [isForced, setForced] = useState(false);
    return (
        <FormDialog title={`Dismount ${gpusText(gpus.length, gpus)}?`} submit="Dismount" isDanger={isForced}
            run={() => inTurn(gpus, 'dismount', { force: isForced }, 'will be dismounted')}>
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
        <FormDialog title={`Mount ${gpusText(gpus.length, gpus)}?`} submit="Mount" run={() => inTurn(gpus, 'mount', undefined, 'will be given back')}>
            <p>It is given back to its host and its driver.</p>
            <GpuList gpus={gpus} />
        </FormDialog>,
    );
}

export function release(gpu: Gpu): void {
    openDialog(
        <FormDialog title={`Release ${slotText(gpu)} from quarantine?`} submit="Release" run={() => change('POST', `${pathOfGpu(gpu)}/release`)}>
            <Alert kind="warning" title="Why it is in quarantine">{gpu.health_reason || 'No reason was recorded.'}</Alert>
            <p>Once released it is handed out to VMs again. If it is not fixed, the next start on it may fail.</p>
        </FormDialog>,
    );
}

const countsMax = 64; // so many stand in a list

/* The cards that can be divided like 'gpu': of its model, in no pool, as they are or divided already. */
function useAlike(gpu: Gpu): Gpu[] {
    const all = useResource<List<Gpu>>('/v1/gpus').data?.items ?? [];
    return all.filter((each) => each.partition_type === undefined && each.name === gpu.name && !each.pool
        && (each.sriov_total ?? 0) === (gpu.sriov_total ?? 0)).sort(natural(slotText));
}

function PartitionDialog({ gpu }: { gpu: Gpu }) {
    const profiles = useResource<WholeGpu>(pathOfGpu(gpu)).data?.mdev_types ?? [];
    const isOfProfiles = profiles.length > 0; // its vendor's driver makes vGPUs
    const most = gpu.sriov_total ?? 0;
    const alike = useAlike(gpu);
    const [areAll, setAll] = useState(false);
    const [count, setCount] = useState(String(gpu.partitions ?? 0));
    const [profile, setProfile] = useState('');
    const [faults, setFaults] = useState({ count: '', profile: '' });
    const chosen = areAll ? alike : [gpu];
    const check = () => {
        const isGood = /^\d{1,4}$/.test(count) && (isOfProfiles || Number(count) <= most);
        const next = {
            count: isGood ? '' : isOfProfiles ? 'Give a number.' : `Give a number from 0 to ${most}.`,
            profile: isGood && isOfProfiles && Number(count) > 0 && !profile ? 'Choose a profile.' : '',
        };
        setFaults(next);
        return !next.count && !next.profile;
    };
    const blame = (error: ApiError) => {
        const field = error.code === 'bad-count' ? 'count' : isOfProfiles && error.code === 'no-profile' ? 'profile' : null;
        setFaults({ count: '', profile: '', ...(field ? { [field]: error.message } : {}) });
        return field !== null;
    };
    const divide = (each: Gpu) => change('POST', `${pathOfGpu(each)}/partition`, { count: Number(count), ...(profile && Number(count) > 0 ? { profile } : {}) });
    const run = async () => {
        if (areAll) {
            return forEach(alike, slotText, divide, (done, all) =>
                `${plural(done, 'GPU')}${done < all ? ` of ${all}` : ''} ${Number(count) ? `will be divided into ${plural(Number(count), 'partition')} each` : 'will be whole again'}`, pageOfSlot);
        }
        const done = await divide(gpu);
        if (done.warnings?.length) {
            say(`Of the same model, but not divided alike: ${done.warnings.map((each) => each.subject).join(', ')}`, 'warning');
        }
        return done;
    };
    const help = `${isOfProfiles ? '' : `From 0 to ${most}. `}0: the card is whole again, and its host's. It cannot change while a VM holds a part.`;
    const counts = Array.from({ length: most + 1 }, (_, i): Choice => [String(i), i === 0 ? '0 (whole)' : String(i)]);
    return (
        <FormDialog title={`Configure partition count of ${slotText(gpu)}`} submit="Save" check={check} run={run} blame={blame}>
            <div class="pf-v6-c-form">
                <p>
                    A card is assigned whole or in partitions, never both. The partitions of all servers&apos; cards of one model
                    should be as many, so that a VM finds equal ones everywhere.
                </p>
                {alike.length > 1 && (
                    <>
                        <CheckField label={`All ${alike.length} cards of the model ${shortModel(gpu.name)}`} isChecked={areAll} onChange={setAll}
                            help="Those that are in no pool, on all servers." />
                        {areAll && <ul class="reasons" aria-label="Cards">{chosen.map((each) => <li key={slotText(each)}><strong>{slotText(each)}</strong> {lookOf(gpuLooks, each.state).text}</li>)}</ul>}
                    </>
                )}
                {isOfProfiles && (
                    <SelectField label="vGPU profile" value={profile} onChange={setProfile} fault={faults.profile} help="How much of the card each partition gets."
                        choices={[['', 'Choose…'], ...profiles.map(({ id, name, available }): Choice => [id, `${name || id} (${available} more possible)`])]} />
                )}
                {isOfProfiles || most > countsMax
                    ? <TextField label="Partition count" value={count} onChange={setCount} fault={faults.count} inputMode="numeric" isRequired help={help} />
                    : <SelectField label="Partition count" value={count} onChange={setCount} fault={faults.count} isRequired help={help} choices={counts} />}
            </div>
        </FormDialog>
    );
}

export function partition(gpu: Gpu): void {
    openDialog(<PartitionDialog gpu={gpu} />);
}
