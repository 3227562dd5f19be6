// SPDX-License-Identifier: LGPL-2.1-or-later
/* Parts that several pages have. */
import type { ComponentChildren } from 'preact';
import type { ApiError } from '../api';
import type { Shown } from '../live';
import { compareNames } from '../words';
import { Link, useQuery } from '../router';
import type { Choice } from './field';
import { Refusal } from './alert';
import { Icon } from './icon';
import { useOwnId } from './id';

/* The data when they are there; else that they are being read, or why they cannot be. */
export function Loaded<T>({ shown, children }: { shown: Shown<T>; children: (data: T) => ComponentChildren }) {
    if (shown.data !== undefined) {
        return <>{children(shown.data)}</>;
    }
    return shown.error ? <Fault error={shown.error} /> : <p class="empty" role="status">Reading…</p>;
}

function Fault({ error }: { error: ApiError }) {
    return <Refusal error={error} />;
}

export function Section({ title, to, actions, children }: { title: string; to?: string; actions?: ComponentChildren; children: ComponentChildren }) {
    const id = useOwnId();
    return (
        <section class="pf-v6-c-card section" aria-labelledby={id}>
            <div class="section__head">
                <h2 class="pf-v6-c-title pf-m-lg" id={id}>{to ? <Link to={to}>{title}</Link> : title}</h2>
                {actions && <div class="section__actions">{actions}</div>}
            </div>
            <div class="section__body">{children}</div>
        </section>
    );
}

export function Toolbar({ children }: { children: ComponentChildren }) {
    return <div class="toolbar">{children}</div>;
}

/* Kept in the address, so that it can be linked to. */
export function Search({ label, parameter = 'q' }: { label: string; parameter?: string }) {
    const [value, setValue] = useQuery(parameter);
    return (
        <div class="toolbar__search">
            <Icon sign="search" />
            <span class="pf-v6-c-form-control">
                <input type="search" aria-label={label} placeholder={label} value={value}
                    onInput={(event) => setValue(event.currentTarget.value)} />
            </span>
        </div>
    );
}

export function Filter({ label, parameter, choices }: { label: string; parameter: string; choices: Choice[] }) {
    const [value, setValue] = useQuery(parameter);
    return (
        <span class="pf-v6-c-form-control toolbar__filter">
            <select aria-label={label} value={value} onChange={(event) => setValue(event.currentTarget.value)}>
                <option value="" selected={value === ''}>{label}: all</option>
                {choices.map(([key, text]) => <option key={key} value={key} selected={key === value}>{text}</option>)}
            </select>
            <span class="select-mark"><Icon sign="chevron" /></span>
        </span>
    );
}

/* A time of day of the person's own clock; kept in the address, too. */
export function Moment({ label, parameter }: { label: string; parameter: string }) {
    const [value, setValue] = useQuery(parameter);
    const id = useOwnId();
    return (
        <span class="toolbar__moment">
            <label for={id}>{label}</label>
            <span class="pf-v6-c-form-control">
                <input id={id} type="datetime-local" value={value} onChange={(event) => setValue(event.currentTarget.value)} />
            </span>
        </span>
    );
}

/* The choices of a filter: each value that there is, in natural order, and 'none' for what has none, as '-'. */
export function valuesOf(values: (string | undefined)[], none?: string): Choice[] {
    const all = Array.from(new Set(values)).filter((value): value is string => !!value).sort(compareNames);
    return [...all.map((value): Choice => [value, value]), ...(none ? [['-', none] as Choice] : [])];
}

/* Whether all words of 'query' are somewhere in 'texts'. */
export function matches(query: string, ...texts: (string | undefined)[]): boolean {
    const all = texts.join('\n').toLowerCase();
    return query.toLowerCase().split(/\s+/).every((word) => all.includes(word));
}

export function Facts({ facts }: { facts: [string, ComponentChildren][] }) {
    return (
        <dl class="pf-v6-c-description-list pf-m-horizontal pf-m-compact facts">
            {facts.map(([term, description]) => (
                <div class="pf-v6-c-description-list__group" key={term}>
                    <dt class="pf-v6-c-description-list__term"><span class="pf-v6-c-description-list__text">{term}</span></dt>
                    <dd class="pf-v6-c-description-list__description"><div class="pf-v6-c-description-list__text">{description}</div></dd>
                </div>
            ))}
        </dl>
    );
}
