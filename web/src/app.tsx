// SPDX-License-Identifier: LGPL-2.1-or-later
/* The whole: login or frame, and in the frame the page of the address. */
import type { ComponentType } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { messageOf } from './api';
import { Events } from './pages/events';
import { Gpus } from './pages/gpus';
import { Login } from './pages/login';
import { Overview } from './pages/overview';
import { Pools } from './pages/pools';
import { Servers } from './pages/servers';
import { Vms } from './pages/vms';
import { Link, usePlace } from './router';
import { resumeSession, session } from './session';
import { useSource } from './source';
import { Alert } from './ui/alert';
import { Button } from './ui/button';
import { closeDialog, DialogPlace } from './ui/dialog';
import { Frame, type Place } from './ui/frame';
import { Toasts } from './ui/toast';

const places: (Place & { page: ComponentType })[] = [
    { path: '/', title: 'Overview', sign: 'overview', page: Overview },
    { path: '/servers', title: 'Servers', sign: 'server', page: Servers },
    { path: '/gpus', title: 'GPUs', sign: 'gpu', page: Gpus },
    { path: '/pools', title: 'GPU pools', sign: 'pool', page: Pools },
    { path: '/vms', title: 'Virtual machines', sign: 'vm', page: Vms },
    { path: '/events', title: 'Events', sign: 'event', page: Events },
];

function NotFound() {
    return <p class="empty">There is no such page. <Link to="/">Go to the overview</Link></p>;
}

function Inside() {
    const path = usePlace().pathname;
    const place = places.find((each) => each.path === path) ?? (path === '/login' ? places[0] : undefined);
    const title = place?.title ?? 'Not found';
    const Page = place?.page ?? NotFound;
    const shownTitle = useRef(title);
    useEffect(() => {
        document.title = `${title} · Berth`;
        if (title !== shownTitle.current) {
            shownTitle.current = title;
            closeDialog();
        }
    }, [title]);
    return <Frame places={places} path={place?.path ?? path} title={title}><Page key={path} /></Frame>;
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
