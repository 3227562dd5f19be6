// SPDX-License-Identifier: LGPL-2.1-or-later
/* What needs attention: what, since when, why, and what to do about it as a button. */
import { remedyOf } from '../remedies';
import { Link } from '../router';
import { useMay } from '../session';
import type { Problem, Status } from '../types';
import { durationText, lookOf, plural, severityLooks } from '../words';
import { Reasons } from './alert';
import { Button } from './button';
import { pageOf } from './links';
import { Section } from './page';
import { State } from './state';

function Action({ problem }: { problem: Problem }) {
    const remedy = remedyOf(problem.hint);
    const may = useMay(remedy?.role ?? 'viewer');
    return remedy && may ? (
        <Button isSmall aria-label={`${remedy.text}: ${problem.subject || 'cluster'}`} onClick={remedy.run}>{remedy.text}</Button>
    ) : null;
}

/* Where the thing is shown with all that is known of it. */
function placeOf({ of, subject }: Problem): string | null {
    const [node = '', address = ''] = subject.split('/');
    return { vm: pageOf.vm(subject), node: pageOf.server(subject), gpu: pageOf.gpu(node, address), cluster: null }[of];
}

const capital = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);

function Row({ problem }: { problem: Problem }) {
    const page = placeOf(problem);
    return (
        <li class="problem">
            <div class="problem__head">
                <State look={lookOf(severityLooks, problem.severity)} />
                <strong>{capital(problem.text)}</strong>
                {problem.since_ms !== undefined && <span class="quiet">for {durationText(Date.now() - problem.since_ms)}</span>}
            </div>
            {problem.cause && <p>{capital(problem.cause)}</p>}
            {problem.reasons.length > 0 && (
                <details open={problem.reasons.length <= 4}>
                    <summary>Why not, server by server</summary>
                    <Reasons reasons={problem.reasons} pageOfSubject={pageOf.server} />
                </details>
            )}
            <div class="problem__deeds">
                {problem.advice && <span>{problem.advice}</span>}
                <Action problem={problem} />
                {page && <Link to={page}>Show {problem.subject}</Link>}
            </div>
        </li>
    );
}

export function Problems({ status }: { status: Status }) {
    const { error, warning } = status.problem_counts;
    const more = error + warning - status.problems.length;
    const title = error + warning === 0 ? 'What needs attention'
        : `What needs attention: ${[error && plural(error, 'error'), warning && plural(warning, 'warning')].filter(Boolean).join(', ')}`;
    return (
        <Section title={title}>
            {error + warning === 0 ? <p class="quiet">Nothing: all servers, GPUs and virtual machines are as they should be.</p> : (
                <ul class="problems" aria-label="Problems">
                    {status.problems.map((problem) => <Row key={`${problem.code} ${problem.subject} ${problem.text}`} problem={problem} />)}
                </ul>
            )}
            {more > 0 && <p class="quiet">and {plural(more, 'more', 'more')}: the lists of servers, GPUs and virtual machines show them.</p>}
        </Section>
    );
}
