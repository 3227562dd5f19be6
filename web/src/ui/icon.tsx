// SPDX-License-Identifier: LGPL-2.1-or-later
/* Small line drawings, 16 × 16, in the colour of the text around them. They never stand for a word alone. */

const paths = {
    check: 'M3 8.5l3.2 3.2L13 5',
    pause: 'M5.5 3.5v9M10.5 3.5v9',
    arrow: 'M2 8h11M9 4l4 4-4 4',
    alert: 'M8 2.5v7M8 12.6v.6',
    cross: 'M4 4l8 8M12 4l-8 8',
    dots: 'M3 8h.6M8 8h.6M13 8h.1',
    dash: 'M3.5 8h9',
    square: 'M4 4h8v8H4z',
    circle: 'M8 3.2a4.8 4.8 0 100 9.6 4.8 4.8 0 000-9.6z',
    down: 'M8 2v11M4 9l4 4 4-4',
    up: 'M8 14V3M4 7l4-4 4 4',
    home: 'M2 8l6-5.5L14 8M4 7v6.5h8V7',
    grid: 'M3 3h10v10H3zM8 3v10M3 8h10',
    question: 'M5.4 5.6a2.6 2.6 0 114 2.2c-1 .7-1.4 1-1.4 2M8 12.6v.6',
    info: 'M8 7v5.5M8 3.4V4',
    menu: 'M2 4h12M2 8h12M2 12h12',
    chevron: 'M4 6l4 4 4-4',
    more: 'M8 3.4V4M8 7.7v.6M8 12v.6',
    overview: 'M2.5 2.5h4.5v6H2.5zM9 2.5h4.5v3H9zM9 7.5h4.5v6H9zM2.5 10.5H7v3H2.5z',
    server: 'M2.5 3h11v4h-11zM2.5 9h11v4h-11zM5 5h.4M5 11h.4',
    gpu: 'M2 4.5h12v7H2zM4.5 11.5V14M7.5 11.5V14M8 8a1.6 1.6 0 103.2 0A1.6 1.6 0 008 8zM4.5 7v2',
    pool: 'M8 2l6 3-6 3-6-3zM2 8l6 3 6-3M2 11l6 3 6-3',
    vm: 'M2 3h12v8H2zM6 14h4M8 11v3',
    event: 'M3 3h10M3 6.5h10M3 10h6M3 13.5h4',
    settings: 'M2 4.5h7M12 4.5h2M2 11.5h2M7 11.5h7M10.5 3a1.5 1.5 0 100 3 1.5 1.5 0 000-3zM5.5 10a1.5 1.5 0 100 3 1.5 1.5 0 000-3z',
    moon: 'M12.5 10A5.5 5.5 0 016 3.2 5.5 5.5 0 1012.5 10z',
    sun: 'M8 5a3 3 0 100 6 3 3 0 000-6zM8 1v1.5M8 13.5V15M1 8h1.5M13.5 8H15M3 3l1 1M12 12l1 1M13 3l-1 1M4 12l-1 1',
    search: 'M7 2.5a4.5 4.5 0 100 9 4.5 4.5 0 000-9zM10.3 10.3L14 14',
} as const;

export type Sign = keyof typeof paths;

export function Icon({ sign }: { sign: Sign }) {
    return (
        <svg class="icon" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true" focusable="false">
            <path d={paths[sign]} />
        </svg>
    );
}
