// SPDX-License-Identifier: LGPL-2.1-or-later
/* VMs that libvirt on a server has defined, taken over into the cluster. What cannot be taken over is named before. */
import { useEffect, useState } from 'preact/hooks';
import { type ApiError, ask, change, fieldOf, messageOf } from '../api';
import { useResource } from '../live';
import { readSocket } from '../sockets';
import type { Imported, List, Node, Pool } from '../types';
import { compareNames, countFault, isAway, nameFault, natural, needsText, plural } from '../words';
import { Alert } from '../ui/alert';
import { FormDialog, InfoDialog, openDialog } from '../ui/dialog';
import { NameField, SelectField, TextField } from '../ui/field';

/* As its server tells it, and what the API says of it. */
interface Domain {
    name: string;
    xml: string;
    is_active: boolean;
    has_autostart: boolean;
}
type Candidate = Domain & { told: Imported };

const pathOfServer = (server: string) => `/v1/nodes/${encodeURIComponent(server)}`;

async function domainsOf(server: string): Promise<Domain[]> {
    return (JSON.parse(await readSocket(`${pathOfServer(server)}/domains`)) as { domains: Domain[] }).domains;
}

/* As it is now: since the dialog was opened someone may have started it, or changed it. */
async function again(server: string, domain: Domain): Promise<Domain> {
    const now = (await domainsOf(server)).find((each) => each.name === domain.name);
    if (!now || (now.xml !== domain.xml && !now.is_active)) {
        throw new Error(`${domain.name} was ${now ? 'changed' : 'removed'} on ${server} meanwhile: look at it again.`);
    }
    return now;
}

async function candidatesOf(server: string): Promise<Candidate[]> {
    const domains = await domainsOf(server);
    const all: Candidate[] = [];
    for (const domain of domains.sort((a, b) => compareNames(a.name, b.name))) {
        const told = await ask<Imported>(`${pathOfServer(server)}/import`, { xml: domain.xml, active: domain.is_active, dry_run: true });
        all.push({ ...domain, told });
    }
    return all;
}

/* 'list' undefined: not there yet. */
function useCandidates(server: string): { list: Candidate[] | undefined; fault: string } {
    const [state, setState] = useState<{ of: string; list: Candidate[] | undefined; fault: string }>({ of: '', list: undefined, fault: '' });
    useEffect(() => {
        let isGone = false;
        if (server) {
            candidatesOf(server).then((list) => ({ list, fault: '' }), (error: unknown) => ({ list: undefined, fault: messageOf(error) }))
                .then((next) => {
                    if (!isGone) {
                        setState({ of: server, ...next });
                    }
                }, () => undefined);
        }
        return () => { isGone = true; };
    }, [server]);
    return state.of === server ? state : { list: undefined, fault: '' };
}

function Losses({ told }: { told: Imported }) {
    return told.losses.length === 0 ? null : (
        <Alert kind="warning" title="Not everything is taken over">
            <ul class="reasons" aria-label="What is not taken over">
                {told.losses.map((loss) => (
                    <li key={loss.subject + loss.text}>
                        {loss.code === 'not-taken-over' ? <>With <strong>{loss.subject}</strong>: {loss.text}</> : loss.text}
                    </li>
                ))}
            </ul>
        </Alert>
    );
}

function LeftOut({ list }: { list: Candidate[] }) {
    return list.length === 0 ? null : (
        <details>
            <summary>{plural(list.length, 'other')} cannot be imported</summary>
            <ul class="reasons" aria-label="What cannot be imported">
                {list.map((each) => <li key={each.name}><strong>{each.name}</strong>: {each.told.why?.text}</li>)}
            </ul>
        </details>
    );
}

/* While libvirt has its definition, too, someone or the start of the server could run it past Berth. */
function ImportedDialog({ name, domain, server, more }: { name: string; domain: Domain; server: string; more: string }) {
    return (
        <InfoDialog title={`${name} was imported`} size="md">
            {more && <p>{more}</p>}
            <Alert kind="warning" title={`Now remove its definition from libvirt on ${server}`}>
                <p>
                    {domain.has_autostart ? 'It would start with its server, outside Berth, and run twice.' : 'Someone could start it outside Berth, and it would run twice.'}
                    {' '}Its disks stay. On {server}, as root:
                </p>
                <pre class="code" tabIndex={0} role="group" aria-label="Command">virsh undefine --keep-nvram '{domain.name.replaceAll("'", "'\\''")}'</pre>
                <p>Then start {name} here.</p>
            </Alert>
        </InfoDialog>
    );
}

const noFaults = { domain: '', name: '', pool: '', count: '' };
const fieldsOf: Record<string, keyof typeof noFaults> = { name: 'name', needs: 'pool', xml: 'domain', uuid: 'domain' };

function GpuFields({ pools, pool, count, faults, onPool, onCount }: {
    pools: Pool[]; pool: string; count: string; faults: typeof noFaults; onPool: (pool: string) => void; onCount: (count: string) => void;
}) {
    return (
        <>
            <SelectField label="GPU pool" value={pool} onChange={onPool} fault={faults.pool} help="Without one it runs without a GPU; it can be assigned later, too."
                choices={[['', 'None yet'], ...pools.map((each): [string, string] => [each.name, `${each.name} (${each.free} of ${each.total} available)`])]} />
            {pool && <TextField label="Number of GPUs" value={count} onChange={onCount} fault={faults.count} inputMode="numeric" isRequired />}
        </>
    );
}

function ImportDialog() {
    const nodes = useResource<List<Node>>('/v1/nodes').data?.items ?? [];
    const pools = useResource<List<Pool>>('/v1/pools').data?.items ?? [];
    const servers = nodes.filter((node) => !isAway(node) && node.state !== 'shut-down').sort(natural((node) => node.name));
    const [chosen, setServer] = useState('');
    const server = chosen || (servers.length === 1 ? servers[0]?.name ?? '' : '');
    const { list, fault } = useCandidates(server);
    const able = list?.filter((each) => each.told.can_be_imported) ?? [];
    const [wanted, setWanted] = useState('');
    const domain = able.find((each) => each.name === wanted);
    const [name, setName] = useState('');
    const [pool, setPool] = useState('');
    const [count, setCount] = useState('1');
    const [faults, setFaults] = useState(noFaults);
    const ofMany = (domain?.told.needs.length ?? 0) > 1; // of several pools: as its XML has it

    const choose = (next: string) => {
        const told = able.find((each) => each.name === next)?.told;
        const need = told?.needs[0];
        setWanted(next);
        setName(told?.name ?? '');
        setPool(need?.pool ?? '');
        setCount(String(need?.count ?? 1));
        setFaults(noFaults);
    };
    const check = () => {
        const next = {
            domain: domain ? '' : 'Choose the virtual machine to import.',
            name: domain ? nameFault('virtual machine', name) : '',
            pool: '',
            count: pool && !ofMany ? countFault(count) : '',
        };
        setFaults(next);
        return Object.values(next).every((text) => text === '');
    };
    const blame = (error: ApiError) => {
        const field = error.code === 'no-such-pool' ? 'pool' : fieldsOf[fieldOf(error)];
        if (!field) {
            return false;
        }
        setFaults({ ...noFaults, [field]: error.message });
        return true;
    };
    const run = async () => {
        if (!domain) {
            throw new Error('There is nothing to import.');
        }
        const needs = ofMany ? domain.told.needs : pool ? [{ pool, count: Number(count) }] : [];
        const now = await again(server, domain);
        const done = await change('POST', `${pathOfServer(server)}/import`, { xml: now.xml, active: now.is_active, name, needs });
        const more = (done.warnings ?? []).map((each) => each.text);
        return <ImportedDialog name={name} domain={domain} server={server} more={more.join('. ')} />;
    };
    return (
        <FormDialog title="Import virtual machine" submit="Import" size="lg" check={check} run={run} blame={blame} isBlocked={able.length === 0}>
            <div class="pf-v6-c-form">
                <p>Takes over a virtual machine that libvirt on a server has defined and that is shut down. libvirt itself is not changed.</p>
                <SelectField label="Server" value={server} onChange={(next) => { setServer(next); choose(''); }} isRequired
                    choices={[['', 'Choose a server'], ...servers.map((node): [string, string] => [node.name, node.name])]} />
                {server && !list && !fault && <p role="status">Asking {server}…</p>}
                {fault && <Alert kind="danger" title={`${server} does not tell its virtual machines`} isUrgent>{fault}</Alert>}
                {list && able.length === 0 && <p role="status">libvirt on {server} has no virtual machine that can be imported.</p>}
                {able.length > 0 && (
                    <NameField label="Virtual machine" value={wanted} onChange={choose} fault={faults.domain} isRequired
                        choices={[['', 'Choose a virtual machine'], ...able.map((each): [string, string] => [each.name, each.name])]} />
                )}
                {domain && (
                    <>
                        <Losses told={domain.told} />
                        <TextField label="Name" value={name} onChange={setName} fault={faults.name} autocomplete="off" isRequired
                            {...(domain.told.title ? { help: `Its name in the cluster. “${domain.told.title}” stays its title.` } : {})} />
                        {ofMany ? <p>It needs {needsText(domain.told.needs)}.</p>
                            : <GpuFields pools={pools} pool={pool} count={count} faults={faults} onPool={setPool} onCount={setCount} />}
                    </>
                )}
                {list && <LeftOut list={list.filter((each) => !each.told.can_be_imported)} />}
            </div>
        </FormDialog>
    );
}

export function importVm(): void {
    openDialog(<ImportDialog />);
}
