// SPDX-License-Identifier: LGPL-2.1-or-later
/* Can we lose a server? The answer, and for each server what its loss would leave without a GPU. */
import { useState } from 'preact/hooks';
import { useResource } from '../live';
import type { HostLoss, Losses as Answer, Status } from '../types';
import { plural } from '../words';
import { Alert, Reasons } from './alert';
import { Button } from './button';
import { Icon } from './icon';
import { pageOf, ServerLink, VmLink } from './links';
import { Loaded, Section } from './page';

function Verdict({ answer }: { answer: Answer }) {
    const bound = answer.exact ? '' : ' (as far as could be computed in time)';
    if (answer.verdict === 'one-host') {
        return <Alert kind="warning" title="No: there is only one server. While it is down no VM runs." />;
    }
    if (answer.verdict === 'disarmed') {
        return (
            <Alert kind="danger" title="No: the cluster is disarmed. No host is fenced, and no VM restarts by itself.">
                Arm it again as soon as the work is done.
            </Alert>
        );
    }
    if (answer.verdict === 'no-proof') {
        return (
            <Alert kind="danger" title={`No: nothing can prove that ${answer.unproven.join(', ')} is off, so its VMs would not restart by themselves.`}>
                Arm its watchdog or give it a fence agent.
            </Alert>
        );
    }
    const isEnough = answer.losses >= Math.max(1, answer.wanted);
    if (answer.losses > 0) {
        const which = answer.losses === 1 ? 'Yes, any one' : `Yes, any ${answer.losses}`;
        return (
            <Alert kind={isEnough ? 'success' : 'warning'} title={`${which}: every VM would restart elsewhere${bound}.`}>
                {!isEnough && `The cluster is to survive the loss of ${plural(answer.wanted, 'server')}.`}
            </Alert>
        );
    }
    const weakest = answer.weakest.join(' and ');
    return <Alert kind="danger" title={`No: without ${weakest}, ${plural(answer.left_out, 'VM')} would have no place${bound}.`} />;
}

function Host({ host }: { host: HostLoss }) {
    const more = host.left_out_count - host.left_out.length;
    return (
        <li class="loss">
            <strong><ServerLink name={host.node} /></strong>
            {host.left_out_count === 0 ? (
                <span class="loss__text">
                    <Icon sign="check" /> {host.vms === 0 ? 'No VM runs there.' : `${host.vms === 1 ? 'Its VM restarts' : `Its ${host.vms} VMs restart`} elsewhere.`}
                </span>
            ) : (
                <details class="loss__text">
                    <summary>{host.left_out_count} of {plural(host.vms, 'VM')} left out: {host.left_out.map((each) => each.vm).join(', ')}{more > 0 && ` and ${more} more`}</summary>
                    {host.left_out.map((each) => (
                        <div key={each.vm}><strong><VmLink name={each.vm} /></strong><Reasons reasons={each.reasons} pageOfSubject={pageOf.server} /></div>
                    ))}
                </details>
            )}
        </li>
    );
}

function Hosts({ hosts }: { hosts: HostLoss[] }) {
    const bad = hosts.filter((host) => host.left_out_count > 0);
    const good = hosts.filter((host) => host.left_out_count === 0);
    return (
        <>
            {bad.length > 0 && <ul class="losses" aria-label="Servers whose loss would leave VMs out">{bad.map((host) => <Host key={host.node} host={host} />)}</ul>}
            {good.length > 0 && (
                <details>
                    <summary>{plural(good.length, 'server')} whose loss leaves no VM out</summary>
                    <ul class="losses" aria-label="Servers whose loss leaves no VM out">{good.map((host) => <Host key={host.node} host={host} />)}</ul>
                </details>
            )}
        </>
    );
}

/* Where there are so many VMs that the API does not compute it with each look, it is computed when asked for. */
export function Losses({ status }: { status: Status }) {
    const [isAsked, setAsked] = useState(false);
    const isQuick = status.survival !== undefined;
    const isIdle = status.vms.running + status.vms.starting + status.vms.stopping + status.vms.waiting + status.vms.away + status.vms.unknown === 0;
    const shown = useResource<Answer>(!isIdle && (isAsked || isQuick) ? '/v1/survival' : null);
    return (
        <Section title="Can we lose a server?">
            {isIdle ? <p class="quiet">No VM runs, so none can be left out.</p>
                : !isQuick && !isAsked ? <Button onClick={() => setAsked(true)}>Find out</Button>
                    : <Loaded shown={shown}>{(answer) => <><Verdict answer={answer} /><Hosts hosts={answer.hosts} /></>}</Loaded>}
        </Section>
    );
}
