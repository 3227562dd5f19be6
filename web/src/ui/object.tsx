// SPDX-License-Identifier: LGPL-2.1-or-later
/* The page of one thing: what can be done with it, then its parts as tabs. The tab is in the address, so that it can be linked to. */
import type { ComponentChildren } from 'preact';
import type { Shown } from '../live';
import { Link, usePlace } from '../router';
import { Button } from './button';
import { Menu, type Deed } from './menu';
import { Loaded } from './page';

export interface Tab {
    name: string; // in the address
    title: string;
    show: () => ComponentChildren;
}

/* So many stand as buttons; the others are in a menu beside them. */
const buttonsMax = 4;

function Actions({ name, deeds }: { name: string; deeds: Deed[] }) {
    const first = deeds.filter((deed) => !deed.isDanger).slice(0, buttonsMax);
    const rest = deeds.filter((deed) => !first.includes(deed));
    return (
        <div class="buttons" role="group" aria-label={`Actions for ${name}`}>
            {first.map((deed) => <Button key={deed.text} isSmall onClick={deed.run}>{deed.text}</Button>)}
            {rest.length > 0 && <Menu label={`More actions for ${name}`} deeds={rest} />}
        </div>
    );
}

export function Tabs({ name, tabs }: { name: string; tabs: Tab[] }) {
    const { pathname, searchParams } = usePlace();
    const current = tabs.find((tab) => tab.name === searchParams.get('tab')) ?? tabs[0];
    return (
        <>
            <nav class="tabs" aria-label={`Parts of ${name}`}>
                <ul role="list">
                    {tabs.map((tab) => (
                        <li key={tab.name}>
                            <Link to={tab === tabs[0] ? pathname : `${pathname}?tab=${tab.name}`} class="tabs__tab"
                                {...(tab === current ? { 'aria-current': 'page' as const } : {})}>
                                {tab.title}
                            </Link>
                        </li>
                    ))}
                </ul>
            </nav>
            <div key={current?.name}>{current?.show()}</div>
        </>
    );
}

type Props<T> = {
    kind: string; // "virtual machine"
    name: string;
    list: { path: string; title: string };
    shown: Shown<T>;
    head: (data: T) => ComponentChildren; // how it is, at one look
    deeds: (data: T) => Deed[];
    tabs: (data: T) => Tab[];
};

export function ObjectPage<T>({ kind, name, list, shown, head, deeds, tabs }: Props<T>) {
    if (shown.data === undefined && shown.error?.status === 404) {
        return (
            <div class="empty">
                <p>There is no {kind} {name}. It may have been removed.</p>
                <p><Link to={list.path}>{list.title}</Link> · <Link to={`/events?subject=${encodeURIComponent(name)}`}>Events about {name}</Link></p>
            </div>
        );
    }
    return (
        <Loaded shown={shown}>
            {(data) => (
                <>
                    <div class="object__head">
                        <div class="object__state">{head(data)}</div>
                        <Actions name={name} deeds={deeds(data)} />
                    </div>
                    <Tabs name={name} tabs={tabs(data)} />
                </>
            )}
        </Loaded>
    );
}
