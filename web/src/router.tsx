// SPDX-License-Identifier: LGPL-2.1-or-later
/* Where we are: path and query of the address bar, by the history API. */
import type { ComponentChildren, JSX } from 'preact';
import { Source, useSource } from './source';

const place = new Source(location.pathname + location.search);

addEventListener('popstate', () => {
    place.value = location.pathname + location.search;
});

export function navigate(to: string, isReplaced = false): void {
    if (to !== place.value) {
        history[isReplaced ? 'replaceState' : 'pushState'](null, '', to);
        place.value = to;
    }
}

export function usePlace(): URL {
    return new URL(useSource(place), location.origin);
}

/* "/gpus/node1/0000%3A41" is '', 'gpus', 'node1', '0000:41'. One that is badly written stands for itself. */
export function partsOf(path: string): string[] {
    return path.replace(/\/$/, '').split('/').map((part) => {
        try {
            return decodeURIComponent(part);
        } catch {
            return part;
        }
    });
}

/* One parameter of the query: its value, and how to set it without a step in the history. */
export function useQuery(name: string): [string, (value: string) => void] {
    const url = usePlace();
    const set = (value: string) => {
        const next = new URL(place.value, location.origin);
        if (value) {
            next.searchParams.set(name, value);
        } else {
            next.searchParams.delete(name);
        }
        navigate(next.pathname + next.search, true);
    };
    return [url.searchParams.get(name) ?? '', set];
}

type LinkProps = Omit<JSX.IntrinsicElements['a'], 'href'> & { to: string; children: ComponentChildren };

export function Link({ to, children, onClick, ...rest }: LinkProps) {
    const go = (event: JSX.TargetedMouseEvent<HTMLAnchorElement>) => {
        if (event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey) {
            event.preventDefault();
            navigate(to);
            onClick?.(event);
        }
    };
    return <a href={to} onClick={go} {...rest}>{children}</a>;
}
