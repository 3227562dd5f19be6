// SPDX-License-Identifier: LGPL-2.1-or-later
import { useState } from 'preact/hooks';
import { type ApiError, change, fieldOf, messageOf } from '../api';
import { useResource } from '../live';
import type { List, Pool } from '../types';
import { countFault, nameFault } from '../words';
import { FormDialog, openDialog } from '../ui/dialog';
import { CheckField, SelectField, TextArea, TextField } from '../ui/field';
import { useOwnId } from '../ui/id';
import { pathOfVm } from './vm';

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

function AddDialog() {
    const pools = useResource<List<Pool>>('/v1/pools').data?.items ?? [];
    const [xml, setXml] = useState('');
    const [name, setName] = useState('');
    const [pool, setPool] = useState('');
    const [count, setCount] = useState('1');
    const [isStarted, setStarted] = useState(false);
    const [faults, setFaults] = useState({ xml: '', name: '', pool: '', count: '' });

    const check = () => {
        const next = {
            xml: xmlFault(xml),
            name: name ? nameFault('virtual machine', name) : '',
            pool: '',
            count: pool ? countFault(count) : '',
        };
        setFaults(next);
        return Object.values(next).every((text) => text === '');
    };
    const blame = (error: ApiError) => {
        const field = error.code === 'no-such-pool' ? 'pool' : fieldsOf[fieldOf(error)];
        if (field) {
            setFaults({ ...faults, [field]: error.message });
        }
        return field !== undefined;
    };
    const run = async () => {
        const done = await change('POST', '/v1/vms', {
            xml, ...(name ? { name } : {}), ...(pool ? { needs: [{ pool, count: Number(count) }] } : {}),
        });
        if (!isStarted || !pool) {
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
                <TextArea label="Domain XML" value={xml} onChange={setXml} fault={faults.xml} isRequired rows={9}
                    help="As libvirt has it, without any GPU in it: Berth puts in the GPUs that the VM gets at each start." />
                <FileChoice onText={setXml} onFault={(xml) => setFaults({ ...faults, xml })} />
                <TextField label="Name" value={name} onChange={setName} fault={faults.name} autocomplete="off"
                    help="Leave it empty to take the name in the XML." />
                <SelectField label="GPU pool" value={pool} onChange={setPool} fault={faults.pool} help="Without a pool it cannot be started; it can be assigned later, too."
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
