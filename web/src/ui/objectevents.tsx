// SPDX-License-Identifier: LGPL-2.1-or-later
/* What happened to one thing. */
import { useState } from 'preact/hooks';
import { useResource } from '../live';
import type { ClusterEvent, List } from '../types';
import { Button } from './button';
import { EventRows } from './eventrows';
import { Loaded, Section } from './page';

const step = 100;
const most = 1000; // the API gives no more at once

export function ObjectEvents({ subject, isWanted = () => true }: { subject: string; isWanted?: (event: ClusterEvent) => boolean }) {
    const [limit, setLimit] = useState(step);
    const shown = useResource<List<ClusterEvent>>(`/v1/events?limit=${limit}&subject=${encodeURIComponent(subject)}`);
    return (
        <Section title="Events, newest first">
            <Loaded shown={shown}>
                {({ items }) => {
                    const found = items.filter(isWanted).reverse();
                    return (
                        <>
                            {found.length === 0 ? <p class="quiet">No event about it is in the log.</p> : <EventRows events={found} label="Events" />}
                            {items.length === limit && limit < most
                                && <Button onClick={() => setLimit(Math.min(most, limit + 3 * step))}>Show older events</Button>}
                        </>
                    );
                }}
            </Loaded>
        </Section>
    );
}
