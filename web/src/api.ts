// SPDX-License-Identifier: LGPL-2.1-or-later
/* Speaks to berth-api: who is logged in, reading, changing. What the answers hold is in types.ts. */
import type { Done, Fault, Hint, Reason, Session } from './types';

export class ApiError extends Error {
    constructor(
        readonly status: number, // 0: no answer at all
        readonly code: string,
        message: string,
        readonly reasons: Reason[] = [],
        readonly parameters: Record<string, unknown> = {},
        readonly hint?: Hint,
    ) {
        super(message);
    }
}

const changedText = 'Nothing was done: someone else has changed it since you opened this. Look at its current state, then decide again.';
const answerWithinMs = 20_000;
let csrf = ''; // another one in each session

/* ---- is anybody there? ---- */

let isTouched = true; // since the last request that told so; who opens the page is there
let touchedAt = Date.now();

for (const sign of ['pointerdown', 'keydown', 'input']) {
    addEventListener(sign, () => {
        isTouched = true;
        touchedAt = Date.now();
    }, { capture: true, passive: true });
}

/* How long no one has touched the page. */
export function untouchedMs(): number {
    return Date.now() - touchedAt;
}

/* What a page reads by itself must not keep a session that no one uses: it says so. */
function presence(method: string): Record<string, string> {
    const isOfPerson = isTouched || method !== 'GET';
    isTouched = false;
    return isOfPerson ? {} : { 'X-Berth-Background': 'yes' };
}

/* ---- requests ---- */

let onLoggedOut: () => void = () => undefined;

/* Called when the API says that the session is over. */
export function whenLoggedOut(call: () => void): void {
    onLoggedOut = call;
}

async function send(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Response> {
    const init: RequestInit = {
        method,
        headers: { Accept: 'application/json', ...presence(method), ...headers },
        credentials: 'same-origin',
        signal: AbortSignal.timeout(answerWithinMs),
    };
    if (method !== 'GET') {
        init.headers = { ...init.headers, 'X-CSRF-Token': csrf };
    }
    if (body !== undefined) {
        init.headers = { ...init.headers, 'Content-Type': 'application/json' };
        init.body = JSON.stringify(body);
    }
    try {
        return await fetch(path, init);
    } catch {
        throw new ApiError(0, 'no-answer', method === 'GET'
            ? 'The API does not answer.'
            : 'The API did not answer. Whether it was done is unknown: look at the events before you try again.');
    }
}

async function read(response: Response): Promise<unknown> {
    const text = await response.text();
    let json: unknown;
    try {
        json = text ? JSON.parse(text) : {};
    } catch {
        throw new ApiError(response.status, 'bad-answer', `The API answered with status ${response.status} and no JSON.`);
    }
    if (response.ok) {
        return json;
    }
    const fault = json as Partial<Fault>;
    if (fault.code === 'changed' && fault.parameters?.['field'] === 'If-Match') {
        throw new ApiError(412, 'changed', changedText);
    }
    throw new ApiError(response.status, fault.code ?? 'failed', fault.message ?? `The API answered with status ${response.status}.`,
        fault.reasons, fault.parameters, fault.hint);
}

async function request(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<unknown> {
    const askedIn = csrf;
    try {
        return await read(await send(method, path, body, headers));
    } catch (error) {
        // Of an earlier session it comes too late: someone has logged in since.
        if (error instanceof ApiError && error.status === 401 && askedIn === csrf) {
            onLoggedOut();
        }
        throw error;
    }
}

export const pathOfVm = (name: string) => `/v1/vms/${encodeURIComponent(name)}`;

export async function get<T>(path: string): Promise<T> {
    return (await request('GET', path)) as T;
}

/* 'revision': done on that one of the thing, or refused because it has changed since. */
export async function change(method: 'POST' | 'PATCH' | 'DELETE', path: string, body?: unknown, revision?: number): Promise<Done> {
    return (await request(method, path, body, revision ? { 'If-Match': `"${revision}"` } : {})) as Done;
}

/* A question that is too long for a path; changes nothing. */
export async function ask<T>(path: string, body: unknown): Promise<T> {
    return (await request('POST', path, body)) as T;
}

/* ---- who is logged in ---- */

function keep(session: Session): Session {
    csrf = session.csrf ?? '';
    return session;
}

/* null: no one is. */
export async function currentSession(): Promise<Session | null> {
    try {
        return keep((await read(await send('GET', '/v1/session'))) as Session);
    } catch (error) {
        if (error instanceof ApiError && error.status === 401) {
            return null;
        }
        throw error;
    }
}

/* 'code': of the second factor; '': none. */
export async function logIn(user: string, password: string, code: string): Promise<Session> {
    return keep((await read(await send('POST', '/v1/session', { user, password, ...(code ? { code } : {}) }))) as Session);
}

export async function logOut(): Promise<void> {
    await read(await send('DELETE', '/v1/session'));
    csrf = '';
}

/* The text for people of whatever was thrown. */
export function messageOf(error: unknown): string {
    return error instanceof Error ? error.message : String(error);
}

export function reasonsOf(error: unknown): Reason[] {
    return error instanceof ApiError ? error.reasons : [];
}

export function hintOf(error: unknown): Hint | undefined {
    return error instanceof ApiError ? error.hint : undefined;
}

/* The field of the request that was wrong, as the API calls it: "restart" of "restart.window_ms"; '' for none. */
export function fieldOf({ parameters }: ApiError): string {
    const field = parameters['field'];
    return typeof field === 'string' ? field.split(/[.[]/)[0] ?? '' : '';
}
