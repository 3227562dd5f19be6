// SPDX-License-Identifier: LGPL-2.1-or-later
import type { JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { ApiError } from '../api';
import icon from '../icon.svg';
import { beginSession, endedBecause } from '../session';
import { useSource } from '../source';
import { Alert, Refusal } from '../ui/alert';
import { Button } from '../ui/button';
import { TextField } from '../ui/field';

export function Login() {
    const [user, setUser] = useState('');
    const [password, setPassword] = useState('');
    /* null: not asked for, as the user may have no second factor. */
    const [code, setCode] = useState<string | null>(null);
    const [wasTried, setTried] = useState(false);
    const [isBusy, setBusy] = useState(false);
    const [error, setError] = useState<unknown>(null);
    const form = useRef<HTMLFormElement>(null);
    const ended = useSource(endedBecause);
    useEffect(() => {
        document.title = 'Log in · Berth';
        form.current?.querySelector('input')?.focus();
    }, []);

    const isCodeWanted = code !== null;
    useEffect(() => {
        if (isCodeWanted) {
            form.current?.querySelector<HTMLInputElement>('input[autocomplete="one-time-code"]')?.focus();
        }
    }, [isCodeWanted]);

    const submitted = async (event: JSX.TargetedSubmitEvent<HTMLFormElement>) => {
        event.preventDefault();
        setTried(true);
        setError(null);
        if (isBusy || !user || !password || code === '') {
            return;
        }
        setBusy(true);
        try {
            await beginSession(user, password, code ?? '');
        } catch (fault) {
            const refusal = fault instanceof ApiError ? fault.code : '';
            const isPasswordRight = refusal === 'code-needed' || refusal === 'wrong-code';
            setError(refusal === 'code-needed' ? null : fault);
            setCode(isPasswordRight ? '' : null);
            if (!isPasswordRight) {
                setPassword('');
            }
            setTried(false);
            setBusy(false);
        }
    };
    return (
        <main class="alone" id="content" tabIndex={-1}>
            <div class="pf-v6-c-card login">
                <div class="brand brand--large"><img src={icon} alt="" width="40" height="40" /><span>Berth</span></div>
                <h1 class="pf-v6-c-title pf-m-xl">Log in</h1>
                {ended && <Alert kind="info" title={ended} />}
                <form ref={form} class="pf-v6-c-form" noValidate onSubmit={(event) => void submitted(event)}>
                    <TextField label="User name" value={user} onChange={setUser} autocomplete="username" isRequired
                        fault={wasTried && !user ? 'Type your user name.' : ''} />
                    <TextField label="Password" type="password" value={password} onChange={setPassword} autocomplete="current-password"
                        isRequired fault={wasTried && !password ? 'Type your password.' : ''} />
                    {code !== null && (
                        <TextField label="Code of your authenticator app" value={code} onChange={setCode} autocomplete="one-time-code" inputMode="numeric"
                            isRequired fault={wasTried && !code ? 'Type the six digits that the app shows now.' : ''} />
                    )}
                    {error !== null && <Refusal error={error} />}
                    <Button kind="primary" type="submit" disabled={isBusy}>{isBusy ? 'Logging in…' : 'Log in'}</Button>
                </form>
                <p class="quiet">
                    No login yet? On a host of the cluster, root makes one with <code>berth user add NAME --role administrator</code>.
                </p>
            </div>
        </main>
    );
}
