// SPDX-License-Identifier: LGPL-2.1-or-later
/* A value that views follow. */
import { useEffect, useState } from 'preact/hooks';

export class Source<T> {
    private readonly followers = new Set<() => void>();

    constructor(private current: T) {}

    get value(): T {
        return this.current;
    }

    set value(next: T) {
        if (next !== this.current) {
            this.current = next;
            this.followers.forEach((call) => call());
        }
    }

    follow(call: () => void): () => void {
        this.followers.add(call);
        return () => void this.followers.delete(call);
    }
}

export function useSource<T>(source: Source<T>): T {
    const [, redraw] = useState({});
    useEffect(() => {
        redraw({}); // it may have changed between drawing and following
        return source.follow(() => redraw({}));
    }, [source]);
    return source.value;
}
