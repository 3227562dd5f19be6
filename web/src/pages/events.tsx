// SPDX-License-Identifier: LGPL-2.1-or-later
import { useState } from 'preact/hooks';
import { messageOf } from '../api';
import { events, hasOlder, loadOlder } from '../live';
import { useQuery } from '../router';
import { useSource } from '../source';
import { severityLooks } from '../words';
import { Button } from '../ui/button';
import { EventRows } from '../ui/eventrows';
import { CheckField } from '../ui/field';
import { Filter, matches, Search, Section, Toolbar } from '../ui/page';
import { say } from '../ui/toast';

const drawnMax = 500; // more of them are found by the search

export function Events() {
    const all = useSource(events);
    const mayBeOlder = useSource(hasOlder);
    const [query] = useQuery('q');
    const [subject] = useQuery('subject');
    const [severity] = useQuery('severity');
    const [heldAt, setHeldAt] = useState<string | null>(null); // the newest that is shown while not following
    const [isLoading, setLoading] = useState(false);

    const found = all.filter((event) => (heldAt === null || event.id <= heldAt)
        && (!severity || event.severity === severity)
        && (!subject || event.subject.toLowerCase().includes(subject.toLowerCase()))
        && matches(query, event.subject, event.code, event.text, event.actor));
    const newer = heldAt === null ? 0 : all.filter((event) => event.id > heldAt).length;
    const older = () => {
        setLoading(true);
        loadOlder().catch((error: unknown) => say(messageOf(error), 'danger')).finally(() => setLoading(false));
    };
    return (
        <Section title="What happened, newest first">
            <Toolbar>
                <Search label="Search text, code, actor" />
                <Search label="Subject" parameter="subject" />
                <Filter label="Severity" parameter="severity" choices={Object.entries(severityLooks).map(([key, look]) => [key, look.text])} />
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
