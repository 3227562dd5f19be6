// SPDX-License-Identifier: LGPL-2.1-or-later
/* The settings of the whole cluster: what they are, what they mean, and another value for them. */
import { useState } from 'preact/hooks';
import { type ApiError, change, fieldOf } from '../api';
import { useResource } from '../live';
import { useMay } from '../session';
import type { Settings } from '../types';
import { Button } from '../ui/button';
import { FormDialog, openDialog } from '../ui/dialog';
import { CheckField, type Choice, SelectField, TextField } from '../ui/field';
import { Facts, Loaded, Section } from '../ui/page';

interface Entry {
    key: keyof Settings;
    label: string;
    help: string;
    choices?: Choice[]; // none: a text, or as 'unit' says
    unit?: 'flag' | 'number' | 'ms' | 's'; // in the API times are in milliseconds
}

const placement: Entry[] = [
    { key: 'name', label: 'Name of the cluster', help: 'Shown at the top of every page.' },
    { key: 'reserve', label: 'Reserve', unit: 'number', help: 'How many servers may fail at once without leaving a VM without a place.' },
    {
        key: 'reserve_policy', label: 'A start that breaks the reserve', help: 'What becomes of it.',
        choices: [['warn', 'Is done and reported'], ['refuse', 'Is refused']],
    },
    {
        key: 'failback', label: 'Failback', help: 'Whether VMs return to a preferred owner by themselves.',
        choices: [['none', 'No'], ['immediate', 'As soon as it has room']],
    },
    { key: 'preemption', label: 'Preemption', unit: 'flag', help: 'A VM may be stopped to make room for one of higher priority.' },
    { key: 'concurrent_starts', label: 'Starts at a time', unit: 'number', help: 'VMs that a server starts at a time.' },
    { key: 'cpu_percent', label: 'Virtual CPUs', unit: 'number', help: 'That VMs may have for each 100 CPUs of a server.' },
    { key: 'cold_start_ms', label: 'Wait after an outage (s)', unit: 's', help: 'How long VMs wait for servers that are not back after all were down.' },
    {
        key: 'on_shutdown', label: 'VMs of a server that is shut down', help: 'By its own command, or by the power button.',
        choices: [['move', 'Move to other servers'], ['stop', 'Stop, and start where there is room'], ['leave', 'Are left to it']],
    },
    { key: 'shutdown_limit_ms', label: 'Limit of that (s)', unit: 's', help: 'So long the server waits for its VMs; then it ends them.' },
    { key: 'candidates', label: 'Candidates', unit: 'number', help: 'Servers that watch all heartbeats, so that each of them can coordinate.' },
];

const times: Entry[] = [
    { key: 'heartbeat_ms', label: 'Heartbeat (ms)', unit: 'ms', help: 'Interval between two heartbeats of a server.' },
    { key: 'leader_silence_ms', label: 'Silence of the coordinator (ms)', unit: 'ms', help: 'After which another server takes over as coordinator.' },
    { key: 'power_fence_ms', label: 'Fencing by power (ms)', unit: 'ms', help: 'Silence after which a server is turned off by its fence agent.' },
    { key: 'self_stop_ms', label: 'Self-stop (ms)', unit: 'ms', help: 'Time without an acknowledged heartbeat after which a server kills its VMs.' },
    { key: 'self_stop_span_ms', label: 'Span of that (ms)', unit: 'ms', help: 'How long killing them may take.' },
    { key: 'watchdog_ms', label: 'Watchdog (ms)', unit: 'ms', help: 'Time-out of the hardware watchdog.' },
    { key: 'takeover_ms', label: 'Takeover (ms)', unit: 'ms', help: 'Silence after which a server with an armed watchdog counts as off.' },
];

const all = [...placement, ...times];

type Texts = Partial<Record<keyof Settings, string>>;

const factorOf = (entry: Entry) => (entry.unit === 's' ? 1000 : 1);

function textOf(entry: Entry, settings: Settings): string {
    const value = settings[entry.key] as string | number | boolean | undefined;
    return typeof value === 'number' ? String(value / factorOf(entry)) : String(value ?? '');
}

const textsOf = (settings: Settings): Texts => Object.fromEntries(all.map((entry) => [entry.key, textOf(entry, settings)]));

function valueOf(entry: Entry, text: string): string | number | boolean {
    return entry.unit === 'flag' ? text === 'true' : entry.unit ? Math.round(Number(text) * factorOf(entry)) : text;
}

function shownOf(entry: Entry, settings: Settings): string {
    const text = textOf(entry, settings);
    return entry.unit === 'flag' ? (text === 'true' ? 'Yes' : 'No') : entry.choices?.find(([key]) => key === text)?.[1] ?? text;
}

function EntryField({ entry, text, fault, onChange }: { entry: Entry; text: string; fault: string; onChange: (text: string) => void }) {
    return entry.unit === 'flag'
        ? <CheckField label={entry.label} help={entry.help} isChecked={text === 'true'} onChange={(isOn) => onChange(String(isOn))} />
        : entry.choices
            ? <SelectField label={entry.label} help={entry.help} value={text} onChange={onChange} choices={entry.choices} />
            : <TextField label={entry.label} help={entry.help} value={text} onChange={onChange} fault={fault} autocomplete="off"
                {...(entry.unit ? { inputMode: 'numeric' as const } : {})} />;
}

function ChangeDialog({ before, entries, title }: { before: Settings; entries: Entry[]; title: string }) {
    const [texts, setTexts] = useState<Texts>(textsOf(before));
    const [faults, setFaults] = useState<Texts>({});
    const textIn = (entry: Entry) => texts[entry.key] ?? '';
    const check = () => {
        const found: Texts = {};
        entries.filter((entry) => entry.unit && entry.unit !== 'flag' && !/^\d{1,9}$/.test(textIn(entry)))
            .forEach((entry) => (found[entry.key] = 'Give a whole number.'));
        setFaults(found);
        return Object.keys(found).length === 0;
    };
    const blame = (error: ApiError) => {
        const field = entries.find((entry) => entry.key === fieldOf(error));
        setFaults(field ? { [field.key]: error.message } : {});
        return field !== undefined;
    };
    const run = async () => {
        const changed = entries.filter((entry) => textIn(entry) !== textOf(entry, before));
        return changed.length === 0 ? 'Nothing was changed'
            : change('PATCH', '/v1/cluster', Object.fromEntries(changed.map((entry) => [entry.key, valueOf(entry, textIn(entry))])));
    };
    return (
        <FormDialog title={title} submit="Save" size="lg" check={check} run={run} blame={blame}>
            <div class="pf-v6-c-form">
                {entries.map((entry) => (
                    <EntryField key={entry.key} entry={entry} text={textIn(entry)} fault={faults[entry.key] ?? ''}
                        onChange={(text) => setTexts({ ...texts, [entry.key]: text })} />
                ))}
            </div>
        </FormDialog>
    );
}

function Part({ settings, entries, title, about }: { settings: Settings; entries: Entry[]; title: string; about?: string }) {
    const mayAdminister = useMay('administrator');
    const name = `Change ${title.toLowerCase()}`;
    return (
        <Section title={title} actions={mayAdminister && (
            <Button aria-label={name} onClick={() => openDialog(<ChangeDialog before={settings} entries={entries} title={name} />)}>Change</Button>
        )}>
            {about && <p class="quiet">{about}</p>}
            <Facts facts={entries.map((entry) => [entry.label, <>{shownOf(entry, settings)} <span class="quiet">{entry.help}</span></>])} />
        </Section>
    );
}

export function Cluster() {
    const shown = useResource<Settings>('/v1/cluster');
    return (
        <Loaded shown={shown}>
            {(settings) => (
                <>
                    <Part title="Settings of the cluster" settings={settings} entries={placement} />
                    <Part title="Times of fencing" settings={settings} entries={times}
                        about="Their relations keep a VM from running twice, so not every value is accepted. Only longer ones are while a server is silent." />
                </>
            )}
        </Loaded>
    );
}
