// SPDX-License-Identifier: LGPL-2.1-or-later
/* What would become of VMs: where each goes, and which would have no place. */
import { useEffect, useState } from 'preact/hooks';
import { ask } from '../api';
import type { Plan } from '../types';
import { plural, shortAddress } from '../words';
import { Alert, Reasons, Refusal } from './alert';
import { GpuLink, Listed, pageOf, ServerLink, VmLink } from './links';
import { Table } from './table';

/* Live, or by a restart and why; nothing of what has no place now. */
function wayOf(planned: Plan['placements'][number]): string {
    return planned.migration === 'live' ? 'Live' : planned.migration === 'restart' ? `Restart: ${planned.why ?? ''}` : '';
}

export function Preview({ plan, none = 'No VM runs there: nothing has to move.' }: { plan: Plan; none?: string }) {
    return (
        <>
            {plan.placements.length > 0 && (
                <>
                    <h3 class="pf-v6-c-title pf-m-md">What moves where</h3>
                    <Table label="What moves where" rows={plan.placements} keyOf={(each) => each.vm} pageSize={20} empty="" columns={[
                        { title: 'Virtual machine', isHead: true, sort: (each) => each.vm, cell: (each) => <VmLink name={each.vm} /> },
                        { title: 'To', sort: (each) => each.to, cell: (each) => <ServerLink name={each.to} /> },
                        { title: 'How', cell: (each) => wayOf(each) },
                        {
                            title: 'GPUs there',
                            cell: (each) => <Listed items={each.gpus} keyOf={(gpu) => gpu} show={(gpu) => <GpuLink node={each.to} address={gpu}>{shortAddress(gpu)}</GpuLink>} />,
                        },
                    ]} />
                </>
            )}
            {plan.left_out.length > 0 && (
                <Alert kind="warning" title={`${plural(plan.left_out.length, 'VM has', 'VMs have')} no place elsewhere`}>
                    {plan.left_out.map((each) => (
                        <div key={each.vm}><strong><VmLink name={each.vm} /></strong><Reasons reasons={each.reasons} pageOfSubject={pageOf.server} /></div>
                    ))}
                </Alert>
            )}
            {plan.placements.length + plan.left_out.length === 0 && <p>{none}</p>}
        </>
    );
}

export interface Question {
    fail?: string[];
    drain?: string[];
    start?: string[];
}

/* The answer to 'question' as things are now; asked again when the question changes. */
export function Answer({ question, none }: { question: Question; none?: string }) {
    const [plan, setPlan] = useState<Plan | null>(null);
    const [fault, setFault] = useState<unknown>(null);
    const text = JSON.stringify(question);
    useEffect(() => {
        let isWanted = true; // an answer that comes late is of an older question
        setPlan(null);
        setFault(null);
        ask<Plan>('/v1/plan', question).then((answer) => isWanted && setPlan(answer), (error: unknown) => isWanted && setFault(error));
        return () => {
            isWanted = false;
        };
    }, [text]);
    return fault !== null ? <Refusal error={fault} />
        : plan ? <Preview plan={plan} {...(none ? { none } : {})} /> : <p class="quiet" role="status">Looking for places…</p>;
}
