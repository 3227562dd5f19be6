// SPDX-License-Identifier: LGPL-2.1-or-later
/* What is done with users and tokens. */
import { useState } from 'preact/hooks';
import { type ApiError, change, fieldOf } from '../api';
import type { Access } from '../types';
import { nameFault } from '../words';
import { Alert } from '../ui/alert';
import { FormDialog, InfoDialog, openDialog } from '../ui/dialog';
import { type Choice, SelectField, TextField } from '../ui/field';
import { passwordFault } from './password';

const pathOf = (name: string) => `/v1/access/${encodeURIComponent(name)}`;

const roles: Choice[] = [
    ['viewer', 'Viewer: sees everything but users and tokens'],
    ['operator', 'Operator: also starts, stops and moves VMs, and drains servers'],
    ['administrator', 'Administrator: everything'],
];

const expiryMaxDays = 3650;

/* '': as it is. */
function daysFault(days: string): string {
    return days === '' || (/^\d+$/.test(days) && Number(days) <= expiryMaxDays) ? '' : `Give a number of days from 0 to ${expiryMaxDays}, 0 for never.`;
}

/* The secret of a new token, which is never shown again. */
function TokenDialog({ name, token }: { name: string; token: string }) {
    return (
        <InfoDialog title={`Token ${name} was added`} size="md">
            <Alert kind="warning" title="Copy it now: it is shown this once" />
            <pre class="code secret" role="group" aria-label="Token" tabIndex={0}>{token}</pre>
            <p>A program sends it as <code>Authorization: Bearer TOKEN</code>.</p>
        </InfoDialog>
    );
}

function AddDialog({ kind }: { kind: Access['kind'] }) {
    const isUser = kind === 'user';
    const [name, setName] = useState('');
    const [role, setRole] = useState('viewer');
    const [password, setPassword] = useState('');
    const [days, setDays] = useState(isUser ? '0' : '90');
    const [note, setNote] = useState('');
    const [faults, setFaults] = useState({ name: '', password: '', days: '' });
    const check = () => {
        const next = { name: nameFault(kind, name), password: isUser ? passwordFault(password) : '', days: daysFault(days) };
        setFaults(next);
        return Object.values(next).every((text) => text === '');
    };
    const blame = (error: ApiError) => {
        const field = ({ name: 'name', password: 'password', expires_days: 'days' } as Record<string, string>)[fieldOf(error)];
        setFaults({ name: '', password: '', days: '', ...(field ? { [field]: error.message } : {}) });
        return field !== undefined;
    };
    const run = async () => {
        const done = await change('POST', '/v1/access',
            { name, kind, role, note, expires_days: Number(days), ...(isUser ? { password } : {}) });
        return done.token ? <TokenDialog name={name} token={done.token} /> : done;
    };
    return (
        <FormDialog title={isUser ? 'Add user' : 'Add token'} submit="Add" check={check} run={run} blame={blame}>
            <div class="pf-v6-c-form">
                <TextField label="Name" value={name} onChange={setName} fault={faults.name} isRequired autocomplete="off" />
                <SelectField label="Role" value={role} onChange={setRole} choices={roles} />
                {isUser && (
                    <TextField label="Password" type="password" value={password} onChange={setPassword} fault={faults.password} isRequired
                        autocomplete="new-password" help="The user can change it." />
                )}
                <TextField label="Expires after days" value={days} onChange={setDays} fault={faults.days} inputMode="numeric" help="0: never." />
                <TextField label="Note" value={note} onChange={setNote} autocomplete="off" />
            </div>
        </FormDialog>
    );
}

export function addAccess(kind: Access['kind']): void {
    openDialog(<AddDialog kind={kind} />);
}

function ChangeDialog({ entry }: { entry: Access }) {
    const [role, setRole] = useState<string>(entry.role);
    const [days, setDays] = useState('');
    const [note, setNote] = useState(entry.note);
    const [fault, setFault] = useState('');
    const check = () => {
        setFault(daysFault(days));
        return daysFault(days) === '';
    };
    const body = { ...(role !== entry.role ? { role } : {}), ...(days !== '' ? { expires_days: Number(days) } : {}), ...(note !== entry.note ? { note } : {}) };
    return (
        <FormDialog title={`Change ${entry.kind} ${entry.name}`} submit="Save" check={check}
            run={async () => (Object.keys(body).length === 0 ? 'Nothing was changed' : change('PATCH', pathOf(entry.name), body))}>
            <div class="pf-v6-c-form">
                <SelectField label="Role" value={role} onChange={setRole} choices={roles}
                    help={entry.kind === 'user' ? 'With another role all sessions of the user end.' : 'In effect at once.'} />
                <TextField label="Expires after days" value={days} onChange={setDays} fault={fault} inputMode="numeric"
                    help="From now on; 0: never. Leave it empty to keep what is set." />
                <TextField label="Note" value={note} onChange={setNote} autocomplete="off" />
            </div>
        </FormDialog>
    );
}

export function changeAccess(entry: Access): void {
    openDialog(<ChangeDialog entry={entry} />);
}

function SetPasswordDialog({ entry }: { entry: Access }) {
    const [password, setPassword] = useState('');
    const [fault, setFault] = useState('');
    const check = () => {
        setFault(passwordFault(password));
        return passwordFault(password) === '';
    };
    return (
        <FormDialog title={`Set the password of ${entry.name}`} submit="Set password" size="sm" check={check}
            run={() => change('PATCH', pathOf(entry.name), { password })}>
            <div class="pf-v6-c-form">
                <TextField label="New password" type="password" value={password} onChange={setPassword} fault={fault} isRequired autocomplete="new-password" />
                <p>All sessions of {entry.name} end.</p>
            </div>
        </FormDialog>
    );
}

export function changePassword(entry: Access): void {
    openDialog(<SetPasswordDialog entry={entry} />);
}

export function removeAccess(entry: Access): void {
    const isUser = entry.kind === 'user';
    openDialog(
        <FormDialog title={`${isUser ? 'Remove user' : 'Revoke token'} ${entry.name}?`} submit={isUser ? 'Remove user' : 'Revoke token'} size="sm" isDanger
            run={() => change('DELETE', pathOf(entry.name))}>
            <p>{isUser ? 'All sessions of the user end, and no one can log in by this name.' : 'What uses it is refused from now on.'}</p>
        </FormDialog>,
    );
}
