// SPDX-License-Identifier: LGPL-2.1-or-later
/* What can be done with a row: a button and a list that comes up below it. Arrow keys, Home, End, Escape. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { Icon } from './icon';

export interface Deed {
    text: string;
    run: () => void;
    isDanger?: boolean;
}

export function Menu({ label, deeds }: { label: string; deeds: Deed[] }) {
    const [isOpen, setOpen] = useState(false);
    const root = useRef<HTMLDivElement>(null);
    const toggle = useRef<HTMLButtonElement>(null);
    const items = () => Array.from(root.current?.querySelectorAll<HTMLElement>('[role=menuitem]') ?? []);

    useEffect(() => {
        if (!isOpen) {
            return undefined;
        }
        items()[0]?.focus();
        const outside = (event: Event) => {
            if (!root.current?.contains(event.target as globalThis.Node)) {
                setOpen(false);
            }
        };
        document.addEventListener('pointerdown', outside);
        document.addEventListener('focusin', outside);
        return () => {
            document.removeEventListener('pointerdown', outside);
            document.removeEventListener('focusin', outside);
        };
    }, [isOpen]);

    const close = () => {
        setOpen(false);
        toggle.current?.focus();
    };
    const pressed = (event: KeyboardEvent) => {
        const all = items();
        const at = all.indexOf(document.activeElement as HTMLElement);
        const to = { ArrowDown: (at + 1) % all.length, ArrowUp: (at - 1 + all.length) % all.length, Home: 0, End: all.length - 1 }[event.key];
        if (to !== undefined) {
            event.preventDefault();
            all[to]?.focus();
        } else if (event.key === 'Escape') {
            event.preventDefault();
            event.stopPropagation();
            close();
        }
    };
    if (deeds.length === 0) {
        return null;
    }
    return (
        <div class="menu" ref={root} {...(isOpen ? { onKeyDown: pressed } : {})}>
            <button ref={toggle} type="button" class="pf-v6-c-button pf-m-plain pf-m-small" aria-haspopup="menu" aria-expanded={isOpen}
                aria-label={label} onClick={() => setOpen(!isOpen)}>
                <Icon sign="more" />
            </button>
            {isOpen && (
                <ul class="menu__list" role="menu" aria-label={label}>
                    {deeds.map((deed) => (
                        <li key={deed.text} role="none">
                            <button type="button" role="menuitem" tabIndex={-1} class={`menu__item${deed.isDanger ? ' is-danger' : ''}`}
                                onClick={() => {
                                    close();
                                    deed.run();
                                }}>
                                {deed.text}
                            </button>
                        </li>
                    ))}
                </ul>
            )}
        </div>
    );
}
