// SPDX-License-Identifier: LGPL-2.1-or-later
/* What a VM is made of: CPUs, memory, and all the rest as domain XML. In effect at its next start. */
import { useState } from 'preact/hooks';
import { type ApiError, change, fieldOf, get, messageOf, pathOfVm } from '../api';
import type { Vm, WholeVm } from '../types';
import { FormDialog, openDialog } from '../ui/dialog';
import { TextArea, TextField } from '../ui/field';
import { say } from '../ui/toast';

const noFaults = { cpus: '', memory: '', xml: '' };
const fieldsOf: Record<string, keyof typeof noFaults> = { cpus: 'cpus', memory_mib: 'memory', xml: 'xml' };

function EditDialog({ vm }: { vm: WholeVm }) {
    const [cpus, setCpus] = useState(String(vm.cpus));
    const [memory, setMemory] = useState(String(vm.memory_mib));
    const [xml, setXml] = useState(vm.xml);
    const [faults, setFaults] = useState(noFaults);
    const check = () => {
        const next = {
            cpus: /^[1-9]\d{0,3}$/.test(cpus) ? '' : 'Give a number from 1.',
            memory: /^[1-9]\d{0,8}$/.test(memory) ? '' : 'Give a number of MiB.',
            xml: xml.trim() ? '' : 'Give the domain XML.',
        };
        setFaults(next);
        return Object.values(next).every((text) => text === '');
    };
    const blame = (error: ApiError) => {
        const field = fieldsOf[fieldOf(error)];
        setFaults({ ...noFaults, ...(field ? { [field]: error.message } : {}) });
        return field !== undefined;
    };
    const body = {
        ...(xml !== vm.xml ? { xml } : {}), ...(cpus !== String(vm.cpus) ? { cpus: Number(cpus) } : {}),
        ...(memory !== String(vm.memory_mib) ? { memory_mib: Number(memory) } : {}),
    };
    return (
        <FormDialog title={`Edit the definition of ${vm.name}`} submit="Save" size="lg" check={check} blame={blame}
            run={async () => (Object.keys(body).length === 0 ? 'Nothing was changed' : change('PATCH', `${pathOfVm(vm.name)}/definition`, body, vm.revision))}>
            <div class="pf-v6-c-form">
                <p>{vm.state === 'stopped' ? 'It takes effect when the virtual machine starts.' : 'It keeps what it has until its next start: restart it then.'}</p>
                <TextField label="Virtual CPUs" value={cpus} onChange={setCpus} fault={faults.cpus} inputMode="numeric" isRequired />
                <TextField label="Memory (MiB)" value={memory} onChange={setMemory} fault={faults.memory} inputMode="numeric" isRequired />
                <TextArea label="Domain XML" value={xml} onChange={setXml} fault={faults.xml} rows={12} isRequired
                    help="Without any GPU in it: Berth puts in the GPUs that the VM gets at each start." />
            </div>
        </FormDialog>
    );
}

/* As it is now: someone else may have changed it since the page was drawn. */
export function editVm(vm: Vm): void {
    get<WholeVm>(pathOfVm(vm.name)).then((whole) => openDialog(<EditDialog vm={whole} />), (error: unknown) => say(messageOf(error), 'danger'));
}
