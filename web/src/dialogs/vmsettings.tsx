// SPDX-License-Identifier: LGPL-2.1-or-later
/* Priority, offline action, owners, start order, affinity, restarts of a VM: only what was changed is sent. */
import { useState } from 'preact/hooks';
import { ApiError, change, fieldOf, get, pathOfVm } from '../api';
import { useResource } from '../live';
import type { List, Node, Vm, WholeVm } from '../types';
import { offlineActions, priorities } from '../words';
import { FormDialog, InfoDialog, openDialog } from '../ui/dialog';
import { CheckField, ChoicesField, SelectField, TextField } from '../ui/field';
import { Loaded } from '../ui/page';

interface Settings {
    priority: string;
    action: string;
    seconds: string;
    preferred: string;
    possible: string[];
    together: string;
    apart: string;
    isTogetherEnforced: boolean;
    isApartEnforced: boolean;
    startAfter: string;
    isUnmanaged: boolean;
    restarts: string;
    failovers: string;
    isWatched: boolean;
    silence: string;
    isMirror: boolean;
    mmio: string;
}

function settingsOf(vm: WholeVm): Settings {
    return {
        priority: String(vm.priority),
        action: vm.offline_action,
        seconds: String(Math.round(vm.spec.offline_timeout_ms / 1000)),
        preferred: (vm.spec.preferred_owners ?? []).join(', '),
        possible: vm.spec.possible_owners ?? [],
        together: (vm.spec.together ?? []).join(', '),
        apart: (vm.spec.apart ?? []).join(', '),
        isTogetherEnforced: vm.spec.affinity_enforced ?? false,
        isApartEnforced: vm.spec.apart_enforced ?? false,
        startAfter: (vm.spec.start_after ?? []).join(', '),
        isUnmanaged: vm.unmanaged,
        restarts: String(vm.spec.restart?.restarts_max ?? 3),
        failovers: String(vm.spec.restart?.failovers_max ?? 3),
        isWatched: vm.spec.guest_watch === 'restart',
        silence: String(Math.round((vm.spec.guest_silence_ms ?? 120_000) / 1000)),
        isMirror: vm.spec.topology === 'mirror',
        mmio: vm.spec.mmio_mib ? String(vm.spec.mmio_mib) : '',
    };
}

const names = (text: string) => text.split(/[\s,]+/).filter(Boolean);

type Faults = Partial<Record<keyof Settings, string>>;

function faultsOf(now: Settings): Faults {
    const faults: Faults = {};
    const number = (key: 'priority' | 'seconds' | 'restarts' | 'failovers' | 'silence' | 'mmio', min: number, max: number) => {
        const value = Number(now[key]);
        if (!/^\d+$/.test(now[key]) || value < min || value > max) {
            faults[key] = `Give a number from ${min} to ${max}.`;
        }
    };
    number('priority', 0, 1_000_000);
    number('seconds', 1, 86_400);
    number('restarts', 0, 1000);
    number('failovers', 0, 1000);
    number('silence', 30, 86_400);
    if (now.mmio) {
        number('mmio', 0, 999_999_999);
    }
    return faults;
}

const isSame = (a: unknown, b: unknown) => JSON.stringify(a) === JSON.stringify(b);

/* Which field of the form holds what the API calls so. */
const fieldsOf: Record<string, keyof Settings> = {
    priority: 'priority', offline_action: 'action', offline_timeout_ms: 'seconds', preferred_owners: 'preferred', possible_owners: 'possible',
    together: 'together', apart: 'apart', start_after: 'startAfter', unmanaged: 'isUnmanaged', restart: 'restarts', topology: 'isMirror',
    mmio_mib: 'mmio', guest_watch: 'isWatched', guest_silence_ms: 'silence',
};

/* Someone else has changed 'before' into 'theirs': their values, where this form has not touched them. */
function rebased(before: Settings, theirs: Settings, now: Settings): Settings {
    const kept = (Object.keys(now) as (keyof Settings)[]).filter((key) => !isSame(before[key], now[key]));
    return { ...theirs, ...Object.fromEntries(kept.map((key) => [key, now[key]])) };
}

/* The members of PATCH that differ from before. */
function patchOf(before: Settings, now: Settings, vm: WholeVm): Record<string, unknown> {
    const patch: Record<string, unknown> = {};
    const put = (keys: (keyof Settings)[], field: string, value: unknown) => {
        if (keys.some((key) => !isSame(before[key], now[key]))) {
            patch[field] = value;
        }
    };
    put(['priority'], 'priority', Number(now.priority));
    put(['action'], 'offline_action', now.action);
    put(['seconds'], 'offline_timeout_ms', Number(now.seconds) * 1000);
    put(['preferred'], 'preferred_owners', names(now.preferred));
    put(['possible'], 'possible_owners', now.possible);
    put(['together'], 'together', names(now.together));
    put(['apart'], 'apart', names(now.apart));
    put(['isTogetherEnforced'], 'affinity_enforced', now.isTogetherEnforced);
    put(['isApartEnforced'], 'apart_enforced', now.isApartEnforced);
    put(['startAfter'], 'start_after', names(now.startAfter));
    put(['isUnmanaged'], 'unmanaged', now.isUnmanaged);
    put(['restarts', 'failovers'], 'restart',
        { ...vm.spec.restart, restarts_max: Number(now.restarts), failovers_max: Number(now.failovers) });
    put(['isWatched'], 'guest_watch', now.isWatched ? 'restart' : 'off');
    put(['silence'], 'guest_silence_ms', Number(now.silence) * 1000);
    put(['isMirror'], 'topology', now.isMirror ? 'mirror' : 'none');
    put(['mmio'], 'mmio_mib', Number(now.mmio || 0));
    return patch;
}

function PriorityField({ value, onChange, fault }: { value: string; onChange: (value: string) => void; fault: string }) {
    const isKnown = priorities.some(([number]) => String(number) === value);
    const [isOther, setOther] = useState(!isKnown);
    return (
        <>
            <SelectField label="Priority" value={isOther || !isKnown ? 'other' : value}
                onChange={(next) => {
                    setOther(next === 'other');
                    if (next !== 'other') {
                        onChange(next);
                    }
                }}
                help="After a failure the higher ones restart first. No auto start: not started by itself when the cluster starts cold."
                choices={[...priorities.map(([number, text]): [string, string] => [String(number), `${text} (${number})`]), ['other', 'Another number']]} />
            {(isOther || !isKnown) && <TextField label="Priority as a number" value={value} onChange={onChange} fault={fault} inputMode="numeric" isRequired />}
        </>
    );
}

function SettingsForm({ vm }: { vm: WholeVm }) {
    const nodes = useResource<List<Node>>('/v1/nodes').data?.items ?? [];
    const [first, setFirst] = useState(() => ({ vm, settings: settingsOf(vm) })); // what the form began with
    const [now, setNow] = useState(first.settings);
    const [faults, setFaults] = useState<Faults>({});
    const set = <K extends keyof Settings>(key: K) => (value: Settings[K]) => setNow({ ...now, [key]: value });
    const patch = patchOf(first.settings, now, first.vm);
    const check = () => {
        const next = faultsOf(now);
        setFaults(next);
        return Object.keys(next).length === 0;
    };
    const run = async () => {
        if (Object.keys(patch).length === 0) {
            return `VM ${vm.name}: nothing was changed`;
        }
        try {
            return await change('PATCH', pathOfVm(vm.name), patch, first.vm.revision);
        } catch (error) {
            if (!(error instanceof ApiError) || error.status !== 412) {
                throw error;
            }
            const theirs = await get<WholeVm>(pathOfVm(vm.name));
            setFirst({ vm: theirs, settings: settingsOf(theirs) });
            setNow(rebased(first.settings, settingsOf(theirs), now));
            throw new Error(`Nothing was saved: someone else has changed ${vm.name} since you opened this. The form shows their settings now, `
                + 'and yours where you changed them. Look at it, and save again.');
        }
    };
    const blame = (error: ApiError) => {
        const field = fieldsOf[fieldOf(error)];
        if (field) {
            setFaults({ [field]: error.message });
        }
        return field !== undefined;
    };
    const known = Array.from(new Set([...nodes.map((node) => node.name), ...first.settings.possible]));
    return (
        <FormDialog title={`Settings of ${vm.name}`} submit="Save" size="md" check={check} run={run} blame={blame}>
            <div class="pf-v6-c-form">
                <PriorityField value={now.priority} onChange={set('priority')} fault={faults.priority ?? ''} />
                <SelectField label="Offline action" value={now.action} onChange={set('action')} fault={faults.action ?? ''} help="How it is stopped when it moves or its server is drained."
                    choices={Object.entries(offlineActions)} />
                <TextField label="Time limit of the offline action (seconds)" value={now.seconds} onChange={set('seconds')} fault={faults.seconds ?? ''}
                    inputMode="numeric" isRequired />
                <TextField label="Preferred owners" value={now.preferred} onChange={set('preferred')} fault={faults.preferred ?? ''} autocomplete="off"
                    help="Servers in order, separated by commas. They are tried first." />
                <ChoicesField label="Possible owners" chosen={now.possible} onChange={set('possible')} fault={faults.possible ?? ''} help="It runs on these servers only. None chosen: on every one."
                    choices={known.map((name) => [name, name])} />
                <CheckField label="Unmanaged: Berth only watches it" isChecked={now.isUnmanaged} onChange={set('isUnmanaged')}
                    help="Berth neither starts, stops, moves nor restarts it, also not after a failure." />
                <details class="advanced">
                    <summary>Start order, affinity, restarts, guest watch, memory-mapped IO</summary>
                    <div class="pf-v6-c-form">
                        <TextField label="Starts after" value={now.startAfter} onChange={set('startAfter')} fault={faults.startAfter ?? ''}
                            help="VMs, separated by commas. It starts when they run." autocomplete="off" />
                        <TextField label="Together with" value={now.together} onChange={set('together')} fault={faults.together ?? ''} help="VMs, separated by commas." autocomplete="off" />
                        <CheckField label="Only together" isChecked={now.isTogetherEnforced} onChange={set('isTogetherEnforced')} />
                        <TextField label="Apart from" value={now.apart} onChange={set('apart')} fault={faults.apart ?? ''} help="VMs, separated by commas." autocomplete="off" />
                        <CheckField label="Never on one server" isChecked={now.isApartEnforced} onChange={set('isApartEnforced')} />
                        <TextField label="Restarts on its server before it fails over" value={now.restarts} onChange={set('restarts')}
                            fault={faults.restarts ?? ''} inputMode="numeric" isRequired />
                        <TextField label="Failovers before it is failed" value={now.failovers} onChange={set('failovers')}
                            fault={faults.failovers ?? ''} inputMode="numeric" isRequired />
                        <CheckField label="Restart it when its guest stands still" isChecked={now.isWatched} onChange={set('isWatched')}
                            help="Its watchdog device expired, or its guest agent fell silent. Restarts count as above." />
                        {now.isWatched && <TextField label="Silence of the guest agent (seconds)" value={now.silence} onChange={set('silence')}
                            fault={faults.silence ?? ''} inputMode="numeric" isRequired help="Only of an agent that has answered before." />}
                        <TextField label="Memory-mapped IO space (MiB)" value={now.mmio} onChange={set('mmio')} fault={faults.mmio ?? ''}
                            inputMode="numeric" help="Empty: computed from its GPUs." />
                        <CheckField label="Mirror the server's NUMA nodes" isChecked={now.isMirror} onChange={set('isMirror')}
                            help="From its next start: memory, CPUs and PCI buses like those of its GPUs." />
                    </div>
                </details>
            </div>
        </FormDialog>
    );
}

/* The form begins with the settings as they are, so they are read first. */
function SettingsDialog({ name }: { name: string }) {
    const shown = useResource<WholeVm>(pathOfVm(name));
    return shown.data ? <SettingsForm vm={shown.data} />
        : <InfoDialog title={`Settings of ${name}`} size="md"><Loaded shown={shown}>{() => null}</Loaded></InfoDialog>;
}

export function vmSettings(vm: Vm): void {
    openDialog(<SettingsDialog name={vm.name} />);
}
