// SPDX-License-Identifier: LGPL-2.1-or-later
import { useId, useState } from 'preact/hooks';
import { change, messageOf } from '../api';
import { useResource } from '../live';
import type { List, Pool } from '../types';
import { nameFault } from '../words';
import { FormDialog, openDialog } from '../ui/dialog';
import { CheckField, SelectField, TextArea, TextField } from '../ui/field';
import { pathOfVm } from './vm';

const xmlSizeMax = 256 * 1024;

/* What can be seen without the API; it looks closer. */
function xmlFault(xml: string): string {
    if (!xml.trim()) {
        return 'Paste the domain XML of the virtual machine, or choose its file.';
    }
    if (xml.length > xmlSizeMax) {
        return 'That is more than 256 KiB: no domain XML is so long.';
    }
    const root = new DOMParser().parseFromString(xml, 'text/xml').documentElement;
    if (root.querySelector('parsererror') || root.nodeName === 'parsererror') {
        return 'That is not well-formed XML.';
    }
    return root.nodeName === 'domain' ? '' : `The XML must be a <domain>, as "virsh dumpxml" prints it, not a <${root.nodeName}>.`;
}

const nameIn = (xml: string) => new DOMParser().parseFromString(xml, 'text/xml').querySelector('domain > name')?.textContent?.trim() ?? '';

function FileChoice({ onText }: { onText: (text: string) => void }) {
    const id = useId();
    return (
        <div class="file">
            <label for={id}>Or choose a file</label>{' '}
            <input id={id} type="file" accept=".xml,text/xml,application/xml" onChange={(event) => {
                void event.currentTarget.files?.[0]?.text().then(onText);
            }} />
        </div>
    );
}

function AddDialog() {
    const pools = useResource<List<Pool>>('/v1/pools').data?.items ?? [];
    const [xml, setXml] = useState('');
    const [name, setName] = useState('');
    const [pool, setPool] = useState('');
    const [count, setCount] = useState('1');
    const [isStarted, setStarted] = useState(false);
    const [faults, setFaults] = useState({ xml: '', name: '', count: '' });

    const check = () => {
        const next = {
            xml: xmlFault(xml),
            name: name ? nameFault('virtual machine', name) : '',
            count: !pool || /^([1-9]|1[0-6])$/.test(count) ? '' : 'Give a number from 1 to 16.',
        };
        setFaults(next);
        return Object.values(next).every((text) => text === '');
    };
    const run = async () => {
        const done = await change('POST', '/v1/vms', {
            xml, ...(name ? { name } : {}), ...(pool ? { needs: [{ pool, count: Number(count) }] } : {}),
        });
        if (!isStarted || !pool) {
            return done;
        }
        const added = done.name ?? (name || nameIn(xml));
        try {
            const started = await change('POST', `${pathOfVm(added)}/start`);
            return `VM ${added} was added. ${started.message}`;
        } catch (error) {
            throw new Error(`VM ${added} was added, but not started: ${messageOf(error)}`);
        }
    };
    return (
        <FormDialog title="Add virtual machine" submit="Add" size="lg" check={check} run={run}>
            <div class="pf-v6-c-form">
                <TextArea label="Domain XML" value={xml} onChange={setXml} fault={faults.xml} isRequired rows={9}
                    help="As libvirt has it, without any GPU in it: Berth puts in the GPUs that the VM gets at each start." />
                <FileChoice onText={setXml} />
                <TextField label="Name" value={name} onChange={setName} fault={faults.name} autocomplete="off"
                    help="Leave it empty to take the name in the XML." />
                <SelectField label="GPU pool" value={pool} onChange={setPool} help="Without a pool it cannot be started; it can be assigned later, too."
                    choices={[['', 'None yet'], ...pools.map((each): [string, string] => [each.name, `${each.name} (${each.free} of ${each.total} available)`])]} />
                {pool && (
                    <>
                        <TextField label="Number of GPUs" value={count} onChange={setCount} fault={faults.count} inputMode="numeric" isRequired />
                        <CheckField label="Start it" isChecked={isStarted} onChange={setStarted} />
                    </>
                )}
            </div>
        </FormDialog>
    );
}

export function addVm(): void {
    openDialog(<AddDialog />);
}
