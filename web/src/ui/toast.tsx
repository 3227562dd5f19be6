// SPDX-License-Identifier: LGPL-2.1-or-later
/* What was done, said at the edge of the screen for a while. */
import { Source, useSource } from '../source';
import { Alert, type AlertKind } from './alert';

interface Toast {
    id: number;
    kind: AlertKind;
    text: string;
}

const shownMs = 12_000;
const shownMax = 5;
const toasts = new Source<Toast[]>([]);
let nextId = 1;

function drop(id: number): void {
    toasts.value = toasts.value.filter((toast) => toast.id !== id);
}

export function say(text: string, kind: AlertKind = 'success'): void {
    const id = nextId++;
    toasts.value = [...toasts.value, { id, kind, text }].slice(-shownMax);
    setTimeout(() => drop(id), shownMs);
}

export function Toasts() {
    return (
        <div class="toasts" role="status" aria-live="polite" aria-label="Messages">
            {useSource(toasts).map((toast) => (
                <Alert key={toast.id} kind={toast.kind} title={toast.text} onClose={() => drop(toast.id)} />
            ))}
        </div>
    );
}
