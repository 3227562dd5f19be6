// SPDX-License-Identifier: LGPL-2.1-or-later
import { useEffect, useState } from 'preact/hooks';
import { messageOf } from '../api';
import { events, hasOlder, loadOlder } from '../live';
import { useQuery } from '../router';
import { useSource } from '../source';
import type { ClusterEvent } from '../types';
import { severityLooks } from '../words';
import { Button } from '../ui/button';
import { EventRows } from '../ui/eventrows';
import { CheckField } from '../ui/field';
import { Filter, matches, Moment, Search, Section, Toolbar } from '../ui/page';
import { say } from '../ui/toast';

const drawnMax = 500; // more of them are found by the search

/* A spreadsheet must take no field for a formula: some of it was written by others. */
const field = (value: string) => `"${(/^[=+\-@\t\r]/.test(value) ? `'${value}` : value).replaceAll('"', '""')}"`;

function csvOf(list: ClusterEvent[]): string {
    const rows = list.map((event) => [new Date(event.time_ms).toISOString(), event.severity, event.subject, event.code, event.actor, event.text]);
    return [['time', 'severity', 'subject', 'code', 'actor', 'text'], ...rows].map((row) => `${row.map(field).join(',')}\r\n`).join('');
}

function download(list: ClusterEvent[]): void {
    const link = document.createElement('a');
    link.href = URL.createObjectURL(new Blob([csvOf(list)], { type: 'text/csv' }));
    link.download = 'berth-events.csv';
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 0);
}

/* What the address asks for. */
function useWanted(): { isWanted: (event: ClusterEvent) => boolean; sinceMs: number } {
    const [query] = useQuery('q');
    const [subject] = useQuery('subject');
    const [severity] = useQuery('severity');
    const [since] = useQuery('since');
    const [until] = useQuery('until');
    const sinceMs = since ? Date.parse(since) : NaN;
    const untilMs = until ? Date.parse(until) : NaN;
    const isWanted = (event: ClusterEvent) => (!severity || event.severity === severity)
        && !(event.time_ms < sinceMs) && !(event.time_ms > untilMs)
        && (!subject || event.subject.toLowerCase().includes(subject.toLowerCase()))
        && matches(query, event.subject, event.code, event.text, event.actor);
    return { isWanted, sinceMs };
}

export function Events() {
    const all = useSource(events);
    const mayBeOlder = useSource(hasOlder);
    const [heldAt, setHeldAt] = useState<string | null>(null); // the newest that is shown while not following
    const [isLoading, setLoading] = useState(false);
    const { isWanted, sinceMs } = useWanted();

    const found = all.filter((event) => (heldAt === null || event.id <= heldAt) && isWanted(event));
    const newer = heldAt === null ? 0 : all.filter((event) => event.id > heldAt).length;
    const older = () => {
        setLoading(true);
        loadOlder().catch((error: unknown) => say(messageOf(error), 'danger')).finally(() => setLoading(false));
    };
    const oldestMs = all[0]?.time_ms;
    useEffect(() => { // back to where the wanted time begins
        if (mayBeOlder && !isLoading && oldestMs !== undefined && oldestMs > sinceMs) {
            older();
        }
    }, [oldestMs, sinceMs, mayBeOlder]);
    return (
        <Section title="What happened, newest first"
            actions={<Button isSmall disabled={found.length === 0} onClick={() => download(found)}>Export as CSV</Button>}>
            <Toolbar>
                <Search label="Search text, code, actor" />
                <Search label="Subject" parameter="subject" />
                <Filter label="Severity" parameter="severity" choices={Object.entries(severityLooks).map(([key, look]) => [key, look.text])} />
                <Moment label="From" parameter="since" />
                <Moment label="Until" parameter="until" />
                <CheckField label={newer > 0 ? `Follow (${newer} new)` : 'Follow'} isChecked={heldAt === null}
                    onChange={(isOn) => setHeldAt(isOn ? null : all[all.length - 1]?.id ?? '')} />
            </Toolbar>
            {found.length === 0
                ? <p class="empty">{all.length ? 'No event matches.' : 'Nothing has happened yet.'}</p>
                : <EventRows events={found.slice(-drawnMax).reverse()} label="Events" />}
            {found.length > drawnMax && <p class="quiet">The newest {drawnMax} of {found.length} are shown: search to find others.</p>}
            {mayBeOlder
                ? <Button disabled={isLoading} onClick={older}>{isLoading ? 'Reading…' : 'Load older events'}</Button>
                : <p class="quiet">That is the beginning of the log.</p>}
        </Section>
    );
}
