// SPDX-License-Identifier: LGPL-2.1-or-later
/* The whole: login or frame, and in the frame the page of the address. */
import { Fragment, type ComponentChildren, type ComponentType } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { messageOf } from './api';
import { Events } from './pages/events';
import { GpuPage } from './pages/gpu';
import { Gpus } from './pages/gpus';
import { Login } from './pages/login';
import { Overview } from './pages/overview';
import { PoolPage } from './pages/pool';
import { Pools } from './pages/pools';
import { ServerPage } from './pages/server';
import { Servers } from './pages/servers';
import { Settings } from './pages/settings';
import { Validation } from './pages/validation';
import { VmPage } from './pages/vm';
import { Vms } from './pages/vms';
import { WhatIf } from './pages/whatif';
import { Link, partsOf, usePlace } from './router';
import { resumeSession, session } from './session';
import { useSource } from './source';
import { shortAddress } from './words';
import { Alert } from './ui/alert';
import { Button } from './ui/button';
import { closeDialog, DialogPlace } from './ui/dialog';
import { Frame, type Place } from './ui/frame';
import { Toasts } from './ui/toast';

type List = Place & { page: ComponentType };

const lists: List[] = [
    { path: '/', title: 'Overview', sign: 'overview', page: Overview },
    { path: '/servers', title: 'Servers', sign: 'server', page: Servers },
    { path: '/gpus', title: 'GPUs', sign: 'gpu', page: Gpus },
    { path: '/pools', title: 'GPU pools', sign: 'pool', page: Pools },
    { path: '/vms', title: 'Virtual machines', sign: 'vm', page: Vms },
    { path: '/what-if', title: 'What if', sign: 'question', page: WhatIf },
    { path: '/validation', title: 'Validation', sign: 'check', page: Validation },
    { path: '/events', title: 'Events', sign: 'event', page: Events },
    { path: '/settings', title: 'Settings', sign: 'settings', page: Settings },
];

/* What is below a list: one thing, named by the parts of the path. */
interface Thing {
    list: string;
    parts: number;
    title: (...names: string[]) => string;
    page: (...names: string[]) => ComponentChildren;
}

const things: Thing[] = [
    { list: '/servers', parts: 1, title: (name) => `Server ${name}`, page: (name = '') => <ServerPage name={name} /> },
    {
        list: '/gpus',
        parts: 2,
        title: (node, address = '') => `GPU ${node} ${shortAddress(address)}`,
        page: (node = '', address = '') => <GpuPage node={node} address={address} />,
    },
    { list: '/pools', parts: 1, title: (name) => `GPU pool ${name}`, page: (name = '') => <PoolPage name={name} /> },
    { list: '/vms', parts: 1, title: (name) => `Virtual machine ${name}`, page: (name = '') => <VmPage name={name} /> },
];

function NotFound() {
    return <p class="empty">There is no such page. <Link to="/">Go to the overview</Link></p>;
}

interface Found {
    list?: List;
    title: string;
    isThing?: boolean;
    page: ComponentChildren;
}

/* What 'path' shows. */
function find(path: string): Found {
    const list = lists.find((each) => each.path === path) ?? (path === '/login' ? lists[0] : undefined);
    if (list) {
        return { list, title: list.title, page: <list.page key={path} /> };
    }
    const [, first = '', ...names] = partsOf(path);
    const thing = things.find((each) => each.list === `/${first}` && each.parts === names.length && names.every(Boolean));
    const above = lists.find((each) => each.path === thing?.list);
    return thing && above ? { list: above, title: thing.title(...names), isThing: true, page: <Fragment key={path}>{thing.page(...names)}</Fragment> }
        : { title: 'Not found', page: <NotFound /> };
}

function Inside() {
    const path = usePlace().pathname;
    const { list, title, isThing, page } = find(path);
    const shownTitle = useRef(title);
    useEffect(() => {
        document.title = `${title} · Berth`;
        if (title !== shownTitle.current) {
            shownTitle.current = title;
            closeDialog();
        }
    }, [title]);
    return (
        <Frame places={lists} current={list?.path ?? ''} path={path} title={title} {...(isThing && list ? { above: list } : {})}>
            {page}
        </Frame>
    );
}

const retryMs = 3000;

function Unreachable({ fault, again }: { fault: string; again: () => void }) {
    useEffect(() => {
        const timer = setInterval(again, retryMs);
        return () => clearInterval(timer);
    }, []);
    return (
        <main class="alone">
            <Alert kind="danger" title="The console cannot be opened" isUrgent>
                {fault} It opens by itself as soon as it can.
            </Alert>
            <Button kind="primary" onClick={again}>Try again</Button>
        </main>
    );
}

export function App() {
    const who = useSource(session);
    const [fault, setFault] = useState('');
    const begin = () => void resumeSession().then(
        () => setFault(''),
        (error: unknown) => setFault(messageOf(error)),
    );
    useEffect(begin, []);
    const lastActor = useRef('');
    useEffect(() => { // a dialog outlives the end of a session, but not for someone else
        if (who && lastActor.current && who.actor !== lastActor.current) {
            closeDialog();
        }
        lastActor.current = who?.actor ?? lastActor.current;
    }, [who]);
    if (fault) {
        return <Unreachable fault={fault} again={begin} />;
    }
    if (who === undefined) {
        return <main class="alone"><p role="status">Opening the console…</p></main>;
    }
    return (
        <>
            {who ? <Inside /> : <Login />}
            <Toasts />
            <DialogPlace />
        </>
    );
}
