// SPDX-License-Identifier: LGPL-2.1-or-later
/* The second factor: a key for an authenticator app (TOTP), and the code that shows that the app has it. */
import { useState } from 'preact/hooks';
import { type ApiError, change } from '../api';
import { FormDialog, openDialog } from '../ui/dialog';
import { TextField } from '../ui/field';
import type { Access, Session } from '../types';

const digits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
const keyLength = 32; // 160 bits, as RFC 4226 advises

/* Base32: each byte gives five random bits. */
function makeKey(): string {
    return Array.from(crypto.getRandomValues(new Uint8Array(keyLength)), (byte) => digits[byte % digits.length]).join('');
}

const inFours = (key: string) => key.replace(/(.{4})(?=.)/g, '$1 ');

function linkOf(key: string, who: Session): string {
    const issuer = encodeURIComponent(`Berth ${who.cluster}`);
    return `otpauth://totp/${issuer}:${encodeURIComponent(who.actor)}?secret=${key}&issuer=${issuer}`;
}

function TotpDialog({ who }: { who: Session }) {
    const [key] = useState(makeKey);
    const [password, setPassword] = useState('');
    const [code, setCode] = useState('');
    const [faults, setFaults] = useState({ password: '', code: '' });
    const check = () => {
        const found = {
            password: password ? '' : 'Type your password.',
            code: /^\d{6}$/.test(code) ? '' : 'Type the six digits that the app shows now.',
        };
        setFaults(found);
        return found.password === '' && found.code === '';
    };
    const blame = (error: ApiError) => {
        const field = ({ 'wrong-password': 'password', 'wrong-code': 'code' } as Record<string, string>)[error.code];
        setFaults({ password: '', code: '', ...(field ? { [field]: error.message } : {}) });
        return field !== undefined;
    };
    return (
        <FormDialog title={who.totp ? 'Replace your second factor' : 'Set up a second factor'} submit="Save" size="md" check={check} blame={blame}
            run={async () => {
                await change('POST', '/v1/session/totp', { password, secret: key, code });
                return 'Your second factor is set up. Log in with your password and the next code.';
            }}>
            <div class="pf-v6-c-form">
                <p>Add this key to an authenticator app, or <a href={linkOf(key, who)}>open it in the app</a> on this device:</p>
                <pre class="code secret" role="group" aria-label="Key" tabIndex={0}>{inFours(key)}</pre>
                <TextField label="Code that the app shows" value={code} onChange={setCode} fault={faults.code} isRequired inputMode="numeric"
                    autocomplete="one-time-code" />
                <TextField label="Your password" type="password" value={password} onChange={setPassword} fault={faults.password} isRequired
                    autocomplete="current-password" />
                <p>All your sessions end, this one too. If you lose the app, an administrator takes the second factor away.</p>
            </div>
        </FormDialog>
    );
}

export function setUpTotp(who: Session): void {
    openDialog(<TotpDialog who={who} />);
}

export function removeTotp(entry: Access): void {
    openDialog(
        <FormDialog title={`Remove the second factor of ${entry.name}?`} submit="Remove second factor" size="sm" isDanger
            run={() => change('DELETE', `/v1/access/${encodeURIComponent(entry.name)}/totp`)}>
            <p>{entry.name} then logs in with the password alone. All sessions of {entry.name} end.</p>
        </FormDialog>,
    );
}
