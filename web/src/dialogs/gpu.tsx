// SPDX-License-Identifier: LGPL-2.1-or-later
/* What is done with GPUs: dismount, mount, divide, release from quarantine. */
import { useState } from 'preact/hooks';
import { type ApiError, change } from '../api';
import { useResource } from '../live';
import type { Gpu, WholeGpu } from '../types';
import { plural, slotText } from '../words';
import { Alert } from '../ui/alert';
import { FormDialog, openDialog } from '../ui/dialog';
import { CheckField, type Choice, SelectField, TextField } from '../ui/field';
import { say } from '../ui/toast';
import { forEach } from './bulk';

export const keyOfGpu = (gpu: Pick<Gpu, 'node' | 'address'>) => slotText(gpu);

export const pathOfGpu = (gpu: Pick<Gpu, 'node' | 'address'>) => `/v1/nodes/${encodeURIComponent(gpu.node)}/gpus/${encodeURIComponent(gpu.address)}`;

/* One after the other. */
const inTurn = (gpus: Gpu[], deed: string, body: unknown, done: string) => forEach(gpus, slotText,
    (gpu) => change('POST', `${pathOfGpu(gpu)}/${deed}`, body),
    (count, all) => `${plural(count, 'GPU')}${count < all ? ` of ${all}` : ''} ${done}`);

function GpuList({ gpus }: { gpus: Gpu[] }) {
    return <ul class="reasons">{gpus.map((gpu) => <li key={slotText(gpu)}><strong>{slotText(gpu)}</strong> {gpu.name}</li>)}</ul>;
}

function DismountDialog({ gpus }: { gpus: Gpu[] }) {
    const [isForced, setForced] = useState(false);
    return (
        <FormDialog title={`Dismount ${plural(gpus.length, 'GPU')}?`} submit="Dismount" isDanger={isForced}
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
        <FormDialog title={`Mount ${plural(gpus.length, 'GPU')}?`} submit="Mount" run={() => inTurn(gpus, 'mount', undefined, 'will be given back')}>
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

function PartitionDialog({ gpu }: { gpu: Gpu }) {
    const profiles = useResource<WholeGpu>(pathOfGpu(gpu)).data?.mdev_types ?? [];
    const isOfProfiles = profiles.length > 0; // its vendor's driver makes vGPUs
    const most = gpu.sriov_total ?? 0;
    const [count, setCount] = useState(String(gpu.partitions ?? 0));
    const [profile, setProfile] = useState('');
    const [faults, setFaults] = useState({ count: '', profile: '' });
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
    const run = async () => {
        const done = await change('POST', `${pathOfGpu(gpu)}/partition`, { count: Number(count), ...(profile && Number(count) > 0 ? { profile } : {}) });
        if (done.warnings?.length) {
            say(`Of the same model, but not divided alike: ${done.warnings.map((each) => each.subject).join(', ')}`, 'warning');
        }
        return done;
    };
    return (
        <FormDialog title={`Configure partition count of ${slotText(gpu)}`} submit="Save" check={check} run={run} blame={blame}>
            <div class="pf-v6-c-form">
                <p>
                    A card is assigned whole or in partitions, never both. The partitions of all servers&apos; cards of one model
                    should be as many, so that a VM finds equal ones everywhere.
                </p>
                {isOfProfiles && (
                    <SelectField label="vGPU profile" value={profile} onChange={setProfile} fault={faults.profile} help="How much of the card each partition gets."
                        choices={[['', 'Choose…'], ...profiles.map(({ id, name, available }): Choice => [id, `${name || id} (${available} more possible)`])]} />
                )}
                <TextField label="Partition count" value={count} onChange={setCount} fault={faults.count} inputMode="numeric" isRequired
                    help={`${isOfProfiles ? '' : `From 0 to ${most}. `}0: the card is whole again, and its host's. It cannot change while a VM holds a part.`} />
            </div>
        </FormDialog>
    );
}

export function partition(gpu: Gpu): void {
    openDialog(<PartitionDialog gpu={gpu} />);
}
