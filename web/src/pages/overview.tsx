// SPDX-License-Identifier: LGPL-2.1-or-later
/* The cluster at one look. */
import type { ComponentChildren } from 'preact';
import { events, useResource } from '../live';
import { Link } from '../router';
import { useMay } from '../session';
import { useSource } from '../source';
import type { Gpu, List, Status } from '../types';
import type { Tone } from '../words';
import { EventRows } from '../ui/eventrows';
import { GettingStarted } from '../ui/gettingstarted';
import { Losses } from '../ui/losses';
import { ServerMap } from '../ui/map';
import { Loaded, Section } from '../ui/page';
import { Problems } from '../ui/problems';

function Figure({ to, title, value, of, tone, children }: {
    to: string; title: string; value: number; of?: number; tone: Tone; children: ComponentChildren;
}) {
    return (
        <Link to={to} class={`pf-v6-c-card figure figure--${tone}`}>
            <span class="figure__title">{title}</span>
            <span class="figure__value">{value}{of !== undefined && <span class="figure__of"> of {of}</span>}</span>
            <span class="figure__text">{children}</span>
        </Link>
    );
}

function Figures({ status }: { status: Status }) {
    const up = status.nodes.filter((node) => node.state === 'up').length;
    const sum = (of: (pool: Status['pools'][number]) => number) => status.pools.reduce((all, pool) => all + of(pool), 0);
    const { running, waiting, failed, unknown } = status.vms;
    const all = Object.values(status.vms).reduce((a, b) => a + b, 0);
    const isAnyLost = status.nodes.some((node) => ['silent', 'fencing', 'fenced'].includes(node.state));
    const bad = sum((pool) => pool.quarantined) + sum((pool) => pool.away);
    return (
        <div class="figures">
            <Figure to="/servers" title="Servers up" value={up} of={status.nodes.length}
                tone={isAnyLost ? 'bad' : up < status.nodes.length ? 'warn' : 'good'}>
                {status.coordinator ? `Coordinator: ${status.coordinator}` : 'No coordinator yet'}
            </Figure>
            <Figure to="/pools" title="GPUs in use" value={sum((pool) => pool.used)} of={sum((pool) => pool.total)} tone={bad ? 'warn' : 'good'}>
                {`${sum((pool) => pool.free)} available`}{bad > 0 && `, ${bad} cannot be handed out`}
            </Figure>
            <Figure to="/vms" title="VMs running" value={running} of={all} tone={failed + unknown ? 'bad' : waiting ? 'warn' : 'good'}>
                {waiting + failed + unknown === 0
                    ? 'None waits, none failed'
                    : [waiting && `${waiting} waiting`, failed && `${failed} failed`, unknown && `${unknown} unknown`].filter(Boolean).join(', ')}
            </Figure>
        </div>
    );
}

function Recent() {
    const recent = useSource(events).slice(-8).reverse();
    return (
        <Section title="Recent events" actions={<Link to="/events">All events</Link>}>
            {recent.length === 0 ? <p class="quiet">Nothing has happened yet.</p> : <EventRows events={recent} label="Recent events" />}
        </Section>
    );
}

const isEmpty = ({ pools, vms }: Status) => pools.length === 0 || Object.values(vms).every((count) => count === 0);

export function Overview() {
    const mayAdminister = useMay('administrator');
    const status = useResource<Status>('/v1/status');
    const gpus = useResource<List<Gpu>>('/v1/gpus');
    return (
        <Loaded shown={status}>
            {(all) => (
                <div class="overview">
                    {mayAdminister && isEmpty(all) && <GettingStarted status={all} gpus={gpus.data?.items ?? []} />}
                    <Problems status={all} />
                    <Figures status={all} />
                    <Losses status={all} />
                    <Section title="Servers and GPUs"><ServerMap nodes={all.nodes} gpus={gpus.data?.items ?? []} /></Section>
                    <Recent />
                </div>
            )}
        </Loaded>
    );
}
