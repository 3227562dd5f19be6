// SPDX-License-Identifier: LGPL-2.1-or-later
/* One's own login: which role it has, its password and second factor. */
import { useState } from 'preact/hooks';
import { type ApiError, change, fieldOf } from '../api';
import type { Session } from '../types';
import { Button } from '../ui/button';
import { FormDialog, openDialog } from '../ui/dialog';
import { TextField } from '../ui/field';
import { Facts, Section } from '../ui/page';
import { passwordFault } from './password';
import { setUpTotp } from './totp';

function PasswordDialog() {
    const [password, setPassword] = useState('');
    const [next, setNext] = useState('');
    const [again, setAgain] = useState('');
    const [faults, setFaults] = useState({ password: '', next: '', again: '' });
    const check = () => {
        const found = {
            password: password ? '' : 'Type your present password.',
            next: passwordFault(next),
            again: again === next ? '' : 'The two are not the same.',
        };
        setFaults(found);
        return Object.values(found).every((text) => text === '');
    };
    const blame = (error: ApiError) => {
        const field = error.code === 'wrong-password' ? 'password' : fieldOf(error) === 'new_password' ? 'next' : null;
        setFaults({ password: '', next: '', again: '', ...(field ? { [field]: error.message } : {}) });
        return field !== null;
    };
    return (
        <FormDialog title="Change your password" submit="Change password" size="sm" check={check} blame={blame}
            run={async () => {
                await change('POST', '/v1/session/password', { password, new_password: next });
                return 'Your password was changed. Log in with the new one.';
            }}>
            <div class="pf-v6-c-form">
                <TextField label="Present password" type="password" value={password} onChange={setPassword} fault={faults.password} isRequired
                    autocomplete="current-password" />
                <TextField label="New password" type="password" value={next} onChange={setNext} fault={faults.next} isRequired autocomplete="new-password" />
                <TextField label="New password again" type="password" value={again} onChange={setAgain} fault={faults.again} isRequired
                    autocomplete="new-password" />
                <p>All your sessions end, this one too: you then log in with the new password.</p>
            </div>
        </FormDialog>
    );
}

export function Account({ who }: { who: Session }) {
    return (
        <Section title="Your account" actions={(
            <>
                <Button onClick={() => openDialog(<PasswordDialog />)}>Change password</Button>
                <Button onClick={() => setUpTotp(who)}>{who.totp ? 'Replace second factor' : 'Set up second factor'}</Button>
            </>
        )}>
            <Facts facts={[['User', who.actor], ['Role', who.role], ['Second factor', who.totp ? 'Authenticator app' : 'None']]} />
        </Section>
    );
}
