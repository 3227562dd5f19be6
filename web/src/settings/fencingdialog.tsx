// SPDX-License-Identifier: LGPL-2.1-or-later
/* How a server is fenced: the method, and what its fence agent is told. */
import { useState } from 'preact/hooks';
import { type ApiError, change, fieldOf, get, messageOf } from '../api';
import type { Node, WholeNode } from '../types';
import { Button } from '../ui/button';
import { FormDialog, openDialog } from '../ui/dialog';
import { type Choice, SelectField, TextArea, TextField } from '../ui/field';
import { say } from '../ui/toast';
import { testFencing } from './fencingtest';

export const fencingMethods: Record<Node['fencing'], string> = {
    watchdog: 'Watchdog', power: 'Power controller', manual: 'By hand: someone confirms that it is off',
};

type Parameters = Record<string, string>;

/* What the API shows in place of a secret. */
const hidden = '(hidden)';

const textOf = (parameters: Parameters) => Object.entries(parameters).map(([key, value]) => `${key}=${value}\n`).join('');

/* null: a line is none. */
function parametersOf(text: string): Parameters | null {
    const lines = text.split('\n').map((line) => line.trim()).filter(Boolean);
    const pairs = lines.map((line): [string, string] => [line.slice(0, line.indexOf('=')).trim(), line.slice(line.indexOf('=') + 1).trim()]);
    return lines.every((line) => line.indexOf('=') > 0) ? Object.fromEntries(pairs) : null;
}

/* Parameters are replaced together, and the console does not know the secrets among them. */
function parametersFault(text: string, isChanged: boolean): string {
    const parameters = parametersOf(text);
    return !parameters ? 'Give one NAME=VALUE a line.'
        : isChanged && Object.values(parameters).includes(hidden) ? `Type the secrets again in place of ${hidden}.` : '';
}

function FencingDialog({ node }: { node: WholeNode }) {
    const before: Parameters = node.spec.fence_parameters ?? {};
    const [method, setMethod] = useState<string>(node.fencing);
    const [agent, setAgent] = useState(node.fence_agent);
    const [text, setText] = useState(textOf(before));
    const [faults, setFaults] = useState({ agent: '', parameters: '' });
    const isPower = method === 'power';
    const check = () => {
        const next = {
            agent: !isPower || agent ? '' : 'Give the name of the fence agent.',
            parameters: isPower ? parametersFault(text, text !== textOf(before) || agent !== node.fence_agent) : '',
        };
        setFaults(next);
        return !next.agent && !next.parameters;
    };
    const blame = (error: ApiError) => {
        const field = ({ fence_agent: 'agent', fence_parameters: 'parameters' } as Record<string, string>)[fieldOf(error)];
        setFaults({ agent: '', parameters: '', ...(field ? { [field]: error.message } : {}) });
        return field !== undefined;
    };
    const run = async () => {
        const areParameters = text !== textOf(before) || agent !== node.fence_agent;
        return change('PATCH', pathOf(node.name), {
            fencing: method,
            ...(isPower ? { fence_agent: agent, ...(areParameters ? { fence_parameters: parametersOf(text) } : {}) } : {}),
        }, node.revision);
    };
    return (
        <FormDialog title={`Fencing of ${node.name}`} submit="Save" check={check} run={run} blame={blame}>
            <div class="pf-v6-c-form">
                <SelectField label="Method" value={method} onChange={setMethod} choices={Object.entries(fencingMethods) as Choice[]} />
                {isPower && (
                    <>
                        <TextField label="Fence agent" value={agent} onChange={setAgent} fault={faults.agent} isRequired autocomplete="off"
                            help="Such as fence_ipmilan or fence_redfish. It must be installed on every other server." />
                        <TextArea label="Parameters" value={text} onChange={setText} fault={faults.parameters} rows={5}
                            help="One NAME=VALUE a line, such as ip=10.0.1.1. Secrets are shown as (hidden)." />
                        {node.fence_agent && agent === node.fence_agent && text === textOf(before) && (
                            <div><Button onClick={() => testFencing(node.name)}>Test</Button></div>
                        )}
                    </>
                )}
            </div>
        </FormDialog>
    );
}

const pathOf = (name: string) => `/v1/nodes/${encodeURIComponent(name)}`;

export function configureFencing(name: string): void {
    get<WholeNode>(pathOf(name)).then((node) => openDialog(<FencingDialog node={node} />), (error: unknown) => say(messageOf(error), 'danger'));
}
