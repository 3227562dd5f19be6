// SPDX-License-Identifier: LGPL-2.1-or-later
import { useState } from 'preact/hooks';
import { type ApiError, change, fieldOf, messageOf, pathOfVm } from '../api';
import { disksMax, domainXml } from '../domainxml';
import { useResource } from '../live';
import type { List, Pool } from '../types';
import { countFault, nameFault } from '../words';
import { FormDialog, openDialog } from '../ui/dialog';
import { CheckField, SelectField, TextArea, TextField } from '../ui/field';
import { useOwnId } from '../ui/id';

const xmlSizeMax = 256 * 1024;

const tooLong = 'That is more than 256 KiB: no domain XML is so long.';

/* What can be seen without the API, which reads it. */
function xmlFault(xml: string): string {
    if (!xml.trim()) {
        return 'Paste the domain XML of the virtual machine, or choose its file.';
    }
    return xml.length > xmlSizeMax ? tooLong : '';
}

/* One that is too long is not read at all: this may be the VM's disk. */
function FileChoice({ onText, onFault }: { onText: (text: string) => void; onFault: (fault: string) => void }) {
    const id = useOwnId();
    return (
        <div class="file">
            <label for={id}>Or choose a file</label>{' '}
            <input id={id} type="file" accept=".xml,text/xml,application/xml" onChange={(event) => {
                const file = event.currentTarget.files?.[0];
                if (file && file.size > xmlSizeMax) {
                    onFault(`${file.name}: ${tooLong}`);
                } else {
                    void file?.text().then(onText);
                }
            }} />
        </div>
    );
}

/* Which field of the form holds what the API calls so. */
const fieldsOf: Record<string, 'xml' | 'name' | 'pool'> = { xml: 'xml', uuid: 'xml', name: 'name', needs: 'pool' };

/* What the form asks of the VM itself, as it is typed. */
interface Typed {
    cpus: string;
    memory: string; // GiB
    firmware: 'uefi' | 'bios';
    disks: string;
    iso: string;
    network: string;
}

const cpusMax = 1024;
const memoryMaxGib = 65_536;
const isPath = (path: string) => /^\/[^\n]+$/.test(path);
const pathsOf = (text: string) => text.split('\n').map((line) => line.trim()).filter(Boolean);

function typedFaults(typed: Typed) {
    const disks = pathsOf(typed.disks);
    return {
        cpus: /^\d+$/.test(typed.cpus) && Number(typed.cpus) >= 1 && Number(typed.cpus) <= cpusMax ? '' : `Give a number from 1 to ${cpusMax}.`,
        memory: /^\d+(\.\d+)?$/.test(typed.memory) && Number(typed.memory) >= 0.125 && Number(typed.memory) <= memoryMaxGib ? '' : `Give a number of GiB up to ${memoryMaxGib}.`,
        disks: !disks.every(isPath) ? 'Give each path from its root on, such as /var/lib/libvirt/images/train1.qcow2.'
            : disks.length > disksMax ? `Give at most ${disksMax}.` : disks.length + (typed.iso ? 1 : 0) === 0 ? 'Give a disk, or an image to install from.' : '',
        iso: !typed.iso || isPath(typed.iso) ? '' : 'Give its path from the root on.',
    };
}

const noFaults = { xml: '', name: '', pool: '', count: '', cpus: '', memory: '', disks: '', iso: '' };

function GuestFields({ typed, onChange, faults }: { typed: Typed; onChange: (typed: Typed) => void; faults: typeof noFaults }) {
    const set = (key: keyof Typed) => (value: string) => onChange({ ...typed, [key]: value });
    return (
        <>
            <TextField label="Virtual CPUs" value={typed.cpus} onChange={set('cpus')} fault={faults.cpus} inputMode="numeric" isRequired />
            <TextField label="Memory (GiB)" value={typed.memory} onChange={set('memory')} fault={faults.memory} inputMode="decimal" isRequired />
            <SelectField label="Firmware" value={typed.firmware} onChange={set('firmware')} choices={[['uefi', 'UEFI'], ['bios', 'BIOS']]} />
            <TextArea label="Disks" value={typed.disks} onChange={set('disks')} fault={faults.disks} rows={2}
                help="Paths of images or block devices, one a line, that every server sees. Berth makes none: create them first. *.qcow2 is taken for qcow2, all else for raw." />
            <TextField label="Install from (ISO image)" value={typed.iso} onChange={set('iso')} fault={faults.iso} autocomplete="off"
                help="Its path. It is started from while the disks are empty." />
            <TextField label="Network" value={typed.network} onChange={set('network')} autocomplete="off"
                help="Its name in libvirt, on every server the same. Leave it empty for none." />
        </>
    );
}

function AddDialog() {
    const pools = useResource<List<Pool>>('/v1/pools').data?.items ?? [];
    const [way, setWay] = useState('form');
    const [typed, setTyped] = useState<Typed>({ cpus: '4', memory: '8', firmware: 'uefi', disks: '', iso: '', network: 'default' });
    const [xml, setXml] = useState('');
    const [name, setName] = useState('');
    const [pool, setPool] = useState('');
    const [count, setCount] = useState('1');
    const [isStarted, setStarted] = useState(false);
    const [faults, setFaults] = useState(noFaults);
    const isForm = way === 'form';

    const check = () => {
        const next = {
            ...noFaults,
            ...(isForm ? typedFaults(typed) : { xml: xmlFault(xml) }),
            name: name || isForm ? nameFault('virtual machine', name) : '',
            count: pool ? countFault(count) : '',
        };
        setFaults(next);
        return Object.values(next).every((text) => text === '');
    };
    const blame = (error: ApiError) => {
        const field = error.code === 'no-such-pool' ? 'pool' : fieldsOf[fieldOf(error)];
        if (!field || (field === 'xml' && isForm)) {
            return false;
        }
        setFaults({ ...noFaults, [field]: error.message });
        return true;
    };
    const written = () => domainXml({
        name, cpus: Number(typed.cpus), memoryMib: Math.round(Number(typed.memory) * 1024), firmware: typed.firmware,
        disks: pathsOf(typed.disks), iso: typed.iso.trim(), network: typed.network.trim(),
    });
    const run = async () => {
        const done = await change('POST', '/v1/vms', {
            xml: isForm ? written() : xml, ...(name ? { name } : {}), ...(pool ? { needs: [{ pool, count: Number(count) }] } : {}),
        });
        if (!isStarted) {
            return done;
        }
        const added = done.name ?? name;
        try {
            const started = await change('POST', `${pathOfVm(added)}/start`);
            return `VM ${added} was added. ${started.message}`;
        } catch (error) {
            throw new Error(`VM ${added} was added, but not started: ${messageOf(error)}`);
        }
    };
    return (
        <FormDialog title="Add virtual machine" submit="Add" size="lg" check={check} run={run} blame={blame}>
            <div class="pf-v6-c-form">
                <SelectField label="Describe it" value={way} onChange={setWay} choices={[['form', 'By this form'], ['xml', 'By domain XML of libvirt']]} />
                <TextField label="Name" value={name} onChange={setName} fault={faults.name} autocomplete="off" isRequired={isForm}
                    {...(isForm ? {} : { help: 'Leave it empty to take the name in the XML.' })} />
                {isForm ? <GuestFields typed={typed} onChange={setTyped} faults={faults} /> : (
                    <>
                        <TextArea label="Domain XML" value={xml} onChange={setXml} fault={faults.xml} isRequired rows={9}
                            help="As libvirt has it, without any GPU in it: Berth puts in the GPUs that the VM gets at each start." />
                        <FileChoice onText={setXml} onFault={(xml) => setFaults({ ...faults, xml })} />
                    </>
                )}
                <SelectField label="GPU pool" value={pool} onChange={setPool} fault={faults.pool} help="Without one it runs without a GPU; it can be assigned later, too."
                    choices={[['', 'None yet'], ...pools.map((each): [string, string] => [each.name, `${each.name} (${each.free} of ${each.total} available)`])]} />
                {pool && <TextField label="Number of GPUs" value={count} onChange={setCount} fault={faults.count} inputMode="numeric" isRequired />}
                <CheckField label="Start it" isChecked={isStarted} onChange={setStarted} />
            </div>
        </FormDialog>
    );
}

export function addVm(): void {
    openDialog(<AddDialog />);
}
