// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Keeps what is on the screen true. Pages say which paths they show (useResource); each is read again when the
 * event stream tells of something, after a change of our own, and every few seconds. A view keeps its last data
 * while they are read again or cannot be.
 */
import { useEffect } from 'preact/hooks';
import { ApiError, get } from './api';
import { Source, useSource } from './source';
import type { ClusterEvent, Dated, List } from './types';

/* ---- the connection ---- */

export interface Connection {
    lostSince: number | null; // wall clock, ms
    staleSince: number | null; // since when the API itself has not heard of the store
}

export const connection = new Source<Connection>({ lostSince: null, staleSince: null });
const broken = { stream: false, reading: false };

function tell(part: keyof typeof broken, isBroken: boolean): void {
    if (part === 'reading' && broken.reading && !isBroken) {
        reopen(); // the stream may have died in silence, too
    }
    broken[part] = isBroken;
    const isLost = broken.stream || broken.reading;
    const { lostSince } = connection.value;
    if (isLost !== (lostSince !== null)) {
        connection.value = { ...connection.value, lostSince: isLost ? Date.now() : null };
    }
}

function noteAge(answer: Dated): void {
    const age = answer.stale_since_ms;
    const { staleSince } = connection.value;
    if ((age === undefined) !== (staleSince === null)) {
        connection.value = { ...connection.value, staleSince: age === undefined ? null : Date.now() - age };
    }
}

/* ---- resources ---- */

export interface Shown<T> {
    data: T | undefined; // undefined: not there yet
    error: ApiError | undefined; // of the last try
}

const nothing: Shown<never> = { data: undefined, error: undefined };
const pauseMinMs = 250; // between two reads of one resource; at least four times as long as one took
const pollMs = 4000;

class Resource {
    readonly shown = new Source<Shown<unknown>>(nothing);
    users = 0;
    private isReading = false;
    private isWanted = false;
    private restMs = pauseMinMs;
    private timer: ReturnType<typeof setTimeout> | undefined;
    private readAt = 0;

    constructor(readonly path: string) {}

    /* Soon; many wishes lead to one read. */
    want(): void {
        this.isWanted = true;
        if (!this.isReading && this.timer === undefined) {
            const wait = Math.max(0, this.readAt + this.restMs - performance.now());
            this.timer = setTimeout(() => void this.read(), wait);
        }
    }

    wantIfOld(): void {
        if (performance.now() - this.readAt > Math.max(pollMs, 5 * this.restMs)) {
            this.want();
        }
    }

    private async read(): Promise<void> {
        const begin = performance.now();
        this.timer = undefined;
        this.isWanted = false;
        this.isReading = true;
        try {
            const data = await get<Dated>(this.path);
            this.shown.value = { data, error: undefined };
            noteAge(data);
            tell('reading', false);
        } catch (error) {
            this.fail(error);
        }
        this.isReading = false;
        this.readAt = performance.now();
        this.restMs = Math.max(pauseMinMs, 4 * (this.readAt - begin));
        if (this.isWanted && this.users > 0) {
            this.want();
        }
    }

    private fail(error: unknown): void {
        if (!(error instanceof ApiError)) {
            throw error;
        }
        if (error.status === 401) {
            return; // the login page is shown; an open dialog waits below it with what it has
        }
        if (error.status === 0 || error.status >= 502) {
            tell('reading', true);
            this.shown.value = { ...this.shown.value, error };
        } else { // an answer: what was shown is not there any more
            this.shown.value = { data: undefined, error };
        }
    }
}

const resources = new Map<string, Resource>();

function resourceOf(path: string): Resource {
    const found = resources.get(path) ?? new Resource(path);
    resources.set(path, found);
    return found;
}

/* All that is shown is read again, soon. */
export function refresh(): void {
    for (const resource of resources.values()) {
        if (resource.users > 0) {
            resource.want();
        }
    }
}

const noResource = new Source<Shown<unknown>>(nothing);

/* What GET 'path' answers, kept true while the view is there. null: nothing is wanted. */
export function useResource<T>(path: string | null): Shown<T> {
    const resource = path === null ? null : resourceOf(path);
    useEffect(() => {
        if (!resource) {
            return undefined;
        }
        resource.users++;
        resource.want();
        return () => {
            resource.users--;
            if (resource.users === 0) {
                resources.delete(resource.path);
            }
        };
    }, [resource]);
    return useSource(resource ? resource.shown : noResource) as Shown<T>;
}

/* ---- events ---- */

const eventsKeptMax = 2000;
const retryMs = [1000, 1000, 2000, 3000, 5000];

/* Oldest first. */
export const events = new Source<ClusterEvent[]>([]);
/* Whether there may be older ones than the first of them. */
export const hasOlder = new Source(true);

let stream: EventSource | null = null;
let retries = 0;
let retryTimer: ReturnType<typeof setTimeout> | undefined;
let pollTimer: ReturnType<typeof setInterval> | undefined;

/* Both are sorted; an event that is in both is taken once. */
function merge(a: ClusterEvent[], b: ClusterEvent[]): ClusterEvent[] {
    const byId = new Map([...a, ...b].map((event) => [event.id, event]));
    return Array.from(byId.values()).sort((x, y) => (x.id < y.id ? -1 : 1));
}

function add(event: ClusterEvent): void {
    const all = events.value;
    const last = all[all.length - 1];
    const next = !last || event.id > last.id ? [...all, event] : merge(all, [event]);
    events.value = next.length > eventsKeptMax ? next.slice(next.length - eventsKeptMax) : next;
}

function open(): void {
    const last = events.value[events.value.length - 1];
    const after = last ? `&after=${encodeURIComponent(last.id)}` : '';
    stream?.close(); // of someone who was faster
    const source = new EventSource(`/v1/events?follow=1&changes=1${after}`);
    stream = source;
    source.onopen = () => {
        retries = 0;
        tell('stream', false);
        refresh();
    };
    source.onmessage = (message: MessageEvent<string>) => {
        add(JSON.parse(message.data) as ClusterEvent);
        refresh();
    };
    source.addEventListener('changed', refresh);
    source.onerror = () => {
        source.close();
        tell('stream', true);
        const wait = retryMs[Math.min(retries++, retryMs.length - 1)];
        retryTimer = setTimeout(() => void begin(), wait);
    };
}

function reopen(): void {
    if (stream) {
        stream.close();
        clearTimeout(retryTimer);
        open();
    }
}

async function begin(): Promise<void> {
    try {
        if (events.value.length === 0) {
            const list = await get<List<ClusterEvent>>('/v1/events?limit=200');
            events.value = merge(events.value, list.items);
            hasOlder.value = list.items.length === 200;
        }
        if (!document.hidden) {
            open();
        }
    } catch (error) {
        if (error instanceof ApiError && error.status === 401) {
            return; // the login page is shown, and the next login starts over
        }
        tell('stream', true);
        retryTimer = setTimeout(() => void begin(), retryMs[Math.min(retries++, retryMs.length - 1)]);
    }
}

export async function loadOlder(): Promise<void> {
    const first = events.value[0];
    const older = first ? `&before=${encodeURIComponent(first.id)}` : '';
    const list = await get<List<ClusterEvent>>(`/v1/events?limit=500${older}`);
    events.value = merge(list.items, events.value);
    hasOlder.value = list.items.length === 500;
}

/*
 * A page that no one sees needs no stream: browsers open six connections to one address for all their tabs, and
 * the API has an end of streams for one user, too. What it missed it catches up on when it is seen again.
 */
function seenOrHidden(): void {
    if (document.hidden) {
        endStream();
    } else if (!stream) {
        void begin();
    }
}

function endStream(): void {
    stream?.close();
    stream = null;
    clearTimeout(retryTimer);
}

export function startLive(): void {
    stopLive();
    document.addEventListener('visibilitychange', seenOrHidden);
    void begin();
    pollTimer = setInterval(() => {
        if (!document.hidden) {
            resources.forEach((resource) => resource.users > 0 && resource.wantIfOld());
        }
    }, 1000);
}

export function stopLive(): void {
    document.removeEventListener('visibilitychange', seenOrHidden);
    endStream();
    clearInterval(pollTimer);
    events.value = [];
    hasOlder.value = true;
    broken.stream = broken.reading = false;
    connection.value = { lostSince: null, staleSince: null };
}
