// SPDX-License-Identifier: LGPL-2.1-or-later
/* What is done with GPU pools: create, extend, reduce, remove; assign VMs and unassign them. */
import { useState } from 'preact/hooks';
import { ApiError, change, get, messageOf, pathOfVm } from '../api';
import { useResource } from '../live';
import type { Done, Gpu, List, Member, Node, Pool, Vm, WholePool } from '../types';
import { compareNames, countFault, gpuLooks, lookOf, nameFault, natural, needsText, offlineActions, plural, shortAddress, shortModel, slotText, unitOf } from '../words';
import { Alert } from '../ui/alert';
import { FormDialog, openDialog } from '../ui/dialog';
import { CheckField, ChoicesField, NameField, SelectField, TextField } from '../ui/field';
import { pageOf } from '../ui/links';
import { say } from '../ui/toast';
import { forEach, Outcome } from './bulk';
import { pageOfSlot, takeFromHosts } from './gpu';
import { type Tell, whileStopped } from './wait';

const pathOf = (name: string) => `/v1/pools/${encodeURIComponent(name)}`;

/* What the cards bring into a pool, for its success message: "8 partitions of 2 GPUs", "node1 (2 GPUs), node2 (2 GPUs)". */
function useGains(type: string): (members: Pick<Gpu, 'node' | 'address'>[]) => { all: string; perServer: string } {
    const gpus = useResource<List<Gpu>>('/v1/gpus').data?.items ?? [];
    const isDivided = type === 'GpuPartition';
    const gain = (member: Pick<Gpu, 'node' | 'address'>) =>
        (isDivided ? gpus.find((gpu) => slotText(gpu) === slotText(member))?.partitions ?? 0 : 1);
    const text = (count: number) => plural(count, unitOf(type));
    return (members) => {
        const counts = new Map<string, number>();
        members.forEach((each) => counts.set(each.node, (counts.get(each.node) ?? 0) + gain(each)));
        const total = members.reduce((sum, each) => sum + gain(each), 0);
        return {
            all: isDivided ? `${text(total)} of ${plural(members.length, 'GPU')}` : text(total),
            perServer: Array.from(counts, ([node, count]) => `${node} (${text(count)})`).join(', '),
        };
    };
}

/* One that its host drives and that it could let go of. */
const isHosts = (gpu: Gpu) => gpu.state === 'host' && !gpu.pool && ['assignable', 'host-driver'].includes(gpu.verdict);

/* The servers first, then their GPUs that are ready or can be made so, each model together. */
function GpuChoice({ type, chosen, onChange, fault }: {
    type: string; chosen: string[]; onChange: (chosen: string[]) => void; fault: string;
}) {
    const shown = useResource<List<Gpu>>('/v1/gpus');
    const all = [...(shown.data?.items ?? [])].sort(natural((gpu) => `${gpu.name} ${slotText(gpu)}`));
    const servers = Array.from(new Set(all.map((gpu) => gpu.node))).sort(compareNames);
    const [hidden, setHidden] = useState<string[]>([]);
    const isDivided = type === 'GpuPartition';
    const isReady = (gpu: Gpu) => !gpu.pool && (isDivided ? gpu.state === 'partitioned' : gpu.state === 'dismounted' || isHosts(gpu));
    const cards = all.filter((gpu) => gpu.partition_type === undefined && !hidden.includes(gpu.node));
    const ready = cards.filter(isReady);
    /* With what someone else has taken since it was chosen, so that it can be taken out again. */
    const listed = cards.filter((gpu) => isReady(gpu) || chosen.includes(slotText(gpu)));
    const notReady = (gpu: Gpu) => (gpu.pool ? `now in GPU pool ${gpu.pool}` : `not ready any more: ${lookOf(gpuLooks, gpu.state).text}`);
    const models = Array.from(new Set(ready.map((gpu) => gpu.name)));
    const ofModel = (model: string) => ready.filter((gpu) => gpu.name === model).map(slotText);
    const chooseServers = (shownNow: string[]) => {
        const next = servers.filter((name) => !shownNow.includes(name));
        setHidden(next);
        onChange(chosen.filter((key) => !next.includes(key.split(' ')[0] ?? '')));
    };
    return (
        <>
            <ChoicesField label="Servers" chosen={servers.filter((name) => !hidden.includes(name))} onChange={chooseServers}
                choices={servers.map((name) => [name, name])} none={shown.data ? 'No server shows a GPU.' : 'Reading…'} />
            {models.length > 0 && (
                <div class="buttons">
                    {models.map((model) => (
                        <button type="button" key={model} class="pf-v6-c-button pf-m-link pf-m-small" onClick={() => onChange(ofModel(model))}>
                            <span class="pf-v6-c-button__text">Select all {ofModel(model).length} of {shortModel(model)}</span>
                        </button>
                    ))}
                </div>
            )}
            <ChoicesField label="GPUs" chosen={chosen} onChange={onChange} fault={fault}
                help={isDivided ? 'Cards that are divided and in no pool: all partitions of a card join.'
                    : 'GPUs that are assignable and in no pool. Those that their servers use are dismounted first.'}
                choices={listed.map((gpu) => [slotText(gpu), (
                    <>
                        {gpu.node} {shortAddress(gpu.address)} <span class="quiet">{shortModel(gpu.name)}</span>
                        {isHosts(gpu) && <span class="quiet"> will be dismounted from its server</span>}
                        {!isReady(gpu) && <strong> {notReady(gpu)}</strong>}
                    </>
                )])}
                none={!shown.data ? 'Reading…' : isDivided ? 'No GPU is divided: configure a partition count on the page GPUs first.'
                    : 'No GPU is assignable: the page GPUs says why not, one by one.'} />
        </>
    );
}

/* Takes from their hosts what of 'chosen' is still theirs, then lets those that are ready join by 'join'. */
async function gather(chosen: string[], gpus: Gpu[], tell: Tell, join: (members: Slot[]) => Promise<unknown>, done: (members: Slot[]) => string) {
    const refused = await takeFromHosts(gpus.filter((gpu) => chosen.includes(slotText(gpu)) && isHosts(gpu)), tell);
    const ready = chosen.filter((key) => !refused.some((each) => each.subject === key));
    if (ready.length === 0) {
        throw new ApiError(409, 'refused', 'No GPU could be dismounted, so none joined:', refused);
    }
    tell('The GPUs join the pool…');
    await join(membersOf(ready));
    return refused.length === 0 ? done(membersOf(ready)) : <Outcome title={done(membersOf(ready))} good={ready} refused={refused} pageOfName={pageOfSlot} />;
}

type Slot = Pick<Gpu, 'node' | 'address'>;

const membersOf = (chosen: string[]) => chosen.map((key) => {
    const [node = '', address = ''] = key.split(' ');
    return { node, address };
});

function CreatePoolDialog() {
    const [name, setName] = useState('');
    const [chosen, setChosen] = useState<string[]>([]);
    const [isMixed, setMixed] = useState(false);
    const [type, setType] = useState('PciExpress');
    const [faults, setFaults] = useState({ name: '', gpus: '' });
    const [progress, setProgress] = useState('');
    const gpus = useResource<List<Gpu>>('/v1/gpus').data?.items ?? [];
    const gains = useGains(type);
    const check = () => {
        const next = { name: nameFault('pool', name), gpus: chosen.length ? '' : 'Choose at least one GPU.' };
        setFaults(next);
        return !next.name && !next.gpus;
    };
    const blame = ({ code, message }: ApiError) => {
        setFaults({ name: code === 'exists' ? `${message}: give this one another name.` : '', gpus: '' });
        return code === 'exists';
    };
    const run = () => gather(chosen, gpus, setProgress,
        (members) => change('POST', '/v1/pools', { name, type, mixed: isMixed, members }),
        (members) => `GPU pool ${name} was created with ${gains(members).all} on ${gains(members).perServer}`);
    return (
        <FormDialog title="Create GPU pool" submit="Save" size="md" check={check} run={run} blame={blame} progress={progress}>
            <div class="pf-v6-c-form">
                <TextField label="GPU pool name" value={name} onChange={setName} fault={faults.name} isRequired autocomplete="off"
                    help="One pool holds the GPUs of all servers; VMs are assigned to it by this name." />
                <SelectField label="Type" value={type} choices={[['PciExpress', 'Whole GPUs (PciExpress)'], ['GpuPartition', 'GPU partitions (GpuPartition)']]}
                    onChange={(next) => {
                        setType(next);
                        setChosen([]);
                    }} />
                <GpuChoice type={type} chosen={chosen} onChange={setChosen} fault={faults.gpus} />
                <CheckField label="Mixed: take GPUs of more than one model" isChecked={isMixed} onChange={setMixed}
                    help="A VM then gets any of them, and its guest needs drivers for all." />
            </div>
        </FormDialog>
    );
}

export function createPool(): void {
    openDialog(<CreatePoolDialog />);
}

function AddMembersDialog({ pool }: { pool: Pool }) {
    const gains = useGains(pool.type);
    const gpus = useResource<List<Gpu>>('/v1/gpus').data?.items ?? [];
    const [chosen, setChosen] = useState<string[]>([]);
    const [progress, setProgress] = useState('');
    const [fault, setFault] = useState('');
    const check = () => {
        setFault(chosen.length ? '' : 'Choose at least one GPU.');
        return chosen.length > 0;
    };
    const run = () => gather(chosen, gpus, setProgress,
        (members) => change('POST', `${pathOf(pool.name)}/members`, { members }),
        (members) => `${gains(members).all} joined GPU pool ${pool.name}: ${gains(members).perServer}`);
    return (
        <FormDialog title={`Add GPUs to ${pool.name}`} submit="Add" check={check} run={run} progress={progress}>
            <div class="pf-v6-c-form"><GpuChoice type={pool.type} chosen={chosen} onChange={setChosen} fault={fault} /></div>
        </FormDialog>
    );
}

export function addMembers(pool: Pool): void {
    openDialog(<AddMembersDialog pool={pool} />);
}

export function removeMember(pool: Pool, member: Member): void {
    const [card = '', partition] = member.address.split('+');
    const path = `${pathOf(pool.name)}/members/${encodeURIComponent(member.node)}/${encodeURIComponent(card)}`;
    openDialog(
        <FormDialog title={`Remove ${member.node} ${card} from ${pool.name}?`} submit="Remove" size="sm" isDanger run={() => change('DELETE', path)}>
            <p>{partition ? 'All partitions of the card leave the pool together. They stay as they are' : 'It stays dismounted'} and can join a pool again.</p>
        </FormDialog>,
    );
}

const afterUses: [Pool['after_use'], string][] = [
    ['release', 'Free it at once'], ['erase', 'Erase it by a command of the server first'], ['hold', 'Hold it until someone releases it'],
];

function PoolSettingsDialog({ pool }: { pool: Pool }) {
    const [afterUse, setAfterUse] = useState<string>(pool.after_use);
    const [erase, setErase] = useState(pool.erase ?? '');
    const [isHidden, setHidden] = useState(pool.rom_hidden);
    const [fault, setFault] = useState('');
    const check = () => {
        setFault(afterUse !== 'erase' || erase ? '' : 'Give the name of the command.');
        return afterUse !== 'erase' || erase !== '';
    };
    return (
        <FormDialog title={`Settings of ${pool.name}`} submit="Save" check={check}
            run={() => change('PATCH', pathOf(pool.name),
                { after_use: afterUse, ...(afterUse === 'erase' ? { erase } : {}), rom_hidden: isHidden }, pool.revision)}>
            <div class="pf-v6-c-form">
                <SelectField label="When its VM is gone" value={afterUse} onChange={setAfterUse} choices={afterUses}
                    help="What becomes of a GPU before another VM may have it." />
                {afterUse === 'erase' && (
                    <TextField label="Command" value={erase} onChange={setErase} fault={fault} isRequired autocomplete="off"
                        help="Its name in berth.conf of the servers." />
                )}
                <CheckField label="Hide the ROM of its GPUs from guests" isChecked={isHidden} onChange={setHidden}
                    help="For cards whose ROM keeps a guest from starting." />
            </div>
        </FormDialog>
    );
}

export const afterUseText = (pool: Pool): string => afterUses.find(([key]) => key === pool.after_use)?.[1] ?? pool.after_use;

export function poolSettings(pool: Pool): void {
    openDialog(<PoolSettingsDialog pool={pool} />);
}

export function removePool(pool: Pool): void {
    openDialog(
        <FormDialog title={`Remove GPU pool ${pool.name}?`} submit="Remove pool" size="sm" isDanger
            run={() => change('DELETE', pathOf(pool.name), undefined, pool.revision)}>
            <p>Its {plural(pool.total, unitOf(pool.type))} stay {pool.type === 'GpuPartition' ? 'as they are' : 'dismounted'}. No VM may be assigned to it any more.</p>
        </FormDialog>,
    );
}

/* ---- VMs ---- */

/* How many servers can ever give so many of the pool at once: those that have them, free or not. */
function Fits({ name, need, servers }: { name: string; need: number; servers: number }) {
    const pool = useResource<WholePool>(`/v1/pools/${encodeURIComponent(name)}`).data;
    if (!pool || !Number.isInteger(need) || need < 1) {
        return null;
    }
    const unit = unitOf(pool.type);
    const fits = pool.nodes.filter((node) => node.total >= need).length;
    const most = Math.max(0, ...pool.nodes.map((node) => node.total));
    return fits === 0 ? (
        <Alert kind="warning" title={`No server can ever give ${plural(need, unit)} of ${name}: the most on one server is ${most}`}>
            The virtual machine would wait until a server has more.
        </Alert>
    ) : <p role="status" class="quiet">{fits} of {plural(servers, 'server')} can give {plural(need, unit)} of {name}</p>;
}

function AssignDialog({ forVm, toPool = '' }: { forVm?: Vm; toPool?: string }) {
    const pools = useResource<List<Pool>>('/v1/pools').data?.items;
    const vms = useResource<List<Vm>>(forVm ? null : '/v1/vms').data?.items;
    const asItIs = useResource<Vm>(forVm ? pathOfVm(forVm.name) : null).data;
    const nodes = [...(useResource<List<Node>>('/v1/nodes').data?.items ?? [])].sort(natural((node) => node.name));
    const [server, setServer] = useState('');
    const [pool, setPool] = useState(toPool);
    const [vmName, setVmName] = useState(forVm?.name ?? '');
    const [count, setCount] = useState('1');
    const [mmio, setMmio] = useState('');
    const [isStopped, setStopped] = useState(false);
    const [progress, setProgress] = useState('');
    const [faults, setFaults] = useState({ pool: '', vm: '', count: '', mmio: '' });
    const vm = forVm ? asItIs ?? forVm : vms?.find((each) => each.name === vmName);
    const isDivided = pools?.find((each) => each.name === pool)?.type === 'GpuPartition';
    const runs = vm && vm.state !== 'stopped';

    const check = () => {
        const next = {
            pool: pool ? '' : 'Choose a GPU pool.',
            vm: vm ? '' : vmName ? `There is no VM ${vmName}.` : 'Choose a virtual machine.',
            count: countFault(count),
            mmio: mmio === '' || /^\d{1,9}$/.test(mmio) ? '' : 'Give a number of MiB, or leave it empty.',
        };
        setFaults(next);
        return Object.values(next).every((text) => text === '');
    };
    const blame = ({ code, message }: ApiError) => {
        const field = code === 'no-such-pool' ? 'pool' : code === 'too-many' ? 'count'
            : !forVm && (code === 'no-such-vm' || code === 'not-stopped') ? 'vm' : null;
        if (field) {
            setFaults({ ...faults, [field]: message });
        }
        return field !== null;
    };
    /* On the needs that are shown: two people who assign the same do not assign it twice. */
    const run = async () => {
        const path = pathOfVm(vmName);
        const assign = (revision?: number) => change('POST', `${path}/assign`, { pool, count: Number(count) }, revision);
        const done = runs && isStopped
            ? { message: await whileStopped(vm, setProgress, () => assign()) } : await assign(vm?.revision);
        const policy = { ...(server ? { preferred_owners: [server] } : {}), ...(mmio ? { mmio_mib: Number(mmio) } : {}) };
        if (Object.keys(policy).length === 0) {
            return runs && isStopped ? done.message : done as Done;
        }
        try {
            await change('PATCH', path, policy);
        } catch (error) {
            throw new Error(`${done.message}. But server and memory-mapped IO were not set: ${messageOf(error)}. Set them in the VM's settings.`);
        }
        return `${done.message}${server ? `; it starts on ${server} if there is room` : ''}`;
    };
    return (
        <FormDialog title={forVm ? `Assign ${forVm.name} to a GPU pool` : 'Assign VM to GPU pool'} submit={runs && isStopped ? 'Stop, assign and start again' : 'Assign'} check={check} run={run} blame={blame} progress={progress}>
            <div class="pf-v6-c-form">
                {!forVm && !vms && <p class="quiet" role="status">Reading the virtual machines…</p>}
                {vms && (
                    <NameField label="Virtual machine" value={vmName} onChange={setVmName} fault={faults.vm} isRequired
                        choices={[['', 'Choose…'], ...vms.map((each): [string, string] =>
                            [each.name, each.state === 'stopped' ? each.name : `${each.name} (${each.state})`])]} />
                )}
                {runs && (
                    <>
                        <Alert kind="warning" title={`${vm.name} is ${vm.state}: its GPUs can change only while it is stopped.`} />
                        <CheckField label="Stop it, assign, and start it again" isChecked={isStopped} onChange={setStopped}
                            help={`It is stopped by its offline action: ${offlineActions[vm.offline_action]}.`} />
                    </>
                )}
                {vm && vm.needs.length > 0 && <p class="quiet">It has now: {needsText(vm.needs)}</p>}
                <SelectField label="GPU pool" value={pool} onChange={setPool} fault={faults.pool} isRequired
                    choices={[['', pools ? 'Choose…' : 'Reading…'], ...(pools ?? []).map((each): [string, string] =>
                        [each.name, `${each.name} (${each.free} of ${each.total} available)`])]} />
                {pools?.length === 0 && <p class="fault">There is no GPU pool yet: create one first.</p>}
                <TextField label={isDivided ? 'Number of partitions' : 'Number of GPUs'} value={count} onChange={setCount} fault={faults.count} inputMode="numeric" isRequired
                    help="All of them come from one server." />
                {pool && <Fits name={pool} need={Number(count) + (vm?.needs.find((need) => need.pool === pool)?.count ?? 0)} servers={nodes.length} />}
                <SelectField label="Server" value={server} onChange={setServer}
                    help="Where it runs is decided at each start: any server that has enough free GPUs in the pool. A preferred one is tried first."
                    choices={[['', 'Any server'], ...nodes.map((node): [string, string] => [node.name, `Prefer ${node.name}`])]} />
                <details class="advanced">
                    <summary>Advanced</summary>
                    <TextField label="Memory-mapped IO space (MiB)" value={mmio} onChange={setMmio} fault={faults.mmio} inputMode="numeric"
                        help="Leave it empty: it is then computed from the GPUs that the VM gets." />
                </details>
            </div>
        </FormDialog>
    );
}

export function assignVm(): void {
    openDialog(<AssignDialog />);
}

export function assignToPool(pool: Pool): void {
    openDialog(<AssignDialog toPool={pool.name} />);
}

export function assignThis(vm: Vm): void {
    openDialog(<AssignDialog forVm={vm} />);
}

/* The same of several VMs, each as it stands in the list. */
function AssignAllDialog({ vms }: { vms: Vm[] }) {
    const pools = useResource<List<Pool>>('/v1/pools').data?.items;
    const [pool, setPool] = useState('');
    const [count, setCount] = useState('1');
    const [faults, setFaults] = useState({ pool: '', count: '' });
    const check = () => {
        const next = { pool: pool ? '' : 'Choose a GPU pool.', count: countFault(count) };
        setFaults(next);
        return !next.pool && !next.count;
    };
    const run = () => forEach(vms, (vm) => vm.name,
        (vm) => change('POST', `${pathOfVm(vm.name)}/assign`, { pool, count: Number(count) }, vm.revision),
        (done, all) => `${plural(done, 'VM')}${done < all ? ` of ${all}` : ''} assigned to ${pool}`, pageOf.vm);
    return (
        <FormDialog title={`Assign ${plural(vms.length, 'VM')} to a GPU pool`} submit="Assign" check={check} run={run}>
            <div class="pf-v6-c-form">
                <p>{vms.map((vm) => vm.name).join(', ')}</p>
                <SelectField label="GPU pool" value={pool} onChange={setPool} fault={faults.pool} isRequired
                    choices={[['', pools ? 'Choose…' : 'Reading…'], ...(pools ?? []).map((each): [string, string] => [each.name, each.name])]} />
                <TextField label="Number for each VM" value={count} onChange={setCount} fault={faults.count} inputMode="numeric" isRequired
                    help="In addition to what each has. The VMs must be stopped." />
            </div>
        </FormDialog>
    );
}

export function assignVms(vms: Vm[]): void {
    openDialog(<AssignAllDialog vms={vms} />);
}

function UnassignDialog({ pool, vm: name, count }: { pool: string; vm: string; count: number }) {
    const vm = useResource<Vm>(pathOfVm(name)).data;
    const [which, setWhich] = useState(String(count));
    const [isStopped, setStopped] = useState(false);
    const [progress, setProgress] = useState('');
    const runs = !!vm && vm.state !== 'stopped' && vm.state !== 'waiting';
    const isLast = Number(which) === count && vm?.needs.length === 1;
    const unassign = () => change('POST', `${pathOfVm(name)}/unassign`, { pool, count: Number(which) });
    return (
        <FormDialog title={`Unassign ${name} from ${pool}?`} submit={!runs || !isStopped ? 'Unassign VM' : isLast ? 'Stop and unassign VM' : 'Stop, unassign and start again'}
            size="sm" progress={progress} run={() => (runs && isStopped ? whileStopped(vm, setProgress, unassign, !isLast) : unassign())}>
            <p>The GPUs stand as <em>Available (Not assigned)</em> then. The VM must be stopped. One that waits, and then needs no GPU any more, is stopped.</p>
            {count > 1 && (
                <SelectField label="How many" value={which} onChange={setWhich}
                    choices={Array.from({ length: count }, (_, i) => [String(count - i), i === 0 ? `All ${count}` : String(count - i)])} />
            )}
            {runs && (
                <CheckField label={`${name} is ${vm.state}: stop it first`} isChecked={isStopped} onChange={setStopped}
                    help={isLast ? 'It then needs no GPU any more, and stays stopped.' : 'It starts again with the GPUs that it still needs.'} />
            )}
        </FormDialog>
    );
}

export function unassignVm(pool: Pick<Pool, 'name'>, vm: string, count: number): void {
    openDialog(<UnassignDialog pool={pool.name} vm={vm} count={count} />);
}

/* The VM that holds 'gpu', from its pool: how many it needs the VM knows. */
export function unassignHolder(gpu: { vm: string; pool: string }): void {
    get<Vm>(pathOfVm(gpu.vm)).then(
        (vm) => unassignVm({ name: gpu.pool }, vm.name, vm.needs.find((need) => need.pool === gpu.pool)?.count ?? 1),
        (error: unknown) => say(messageOf(error), 'danger'),
    );
}

export function unassignThis(vm: Vm): void {
    openDialog(
        <FormDialog title={`Unassign ${vm.name} from its GPU pools?`} submit="Unassign VM" size="sm" run={async () => {
            for (const need of vm.needs) {
                await change('POST', `${pathOfVm(vm.name)}/unassign`, { pool: need.pool });
            }
            return `VM ${vm.name} was unassigned from ${vm.needs.map((need) => need.pool).join(', ')}`;
        }}>
            <p>It needs {needsText(vm.needs)} now, and no GPU then. The VM must be stopped. One that waits is stopped.</p>
        </FormDialog>,
    );
}
