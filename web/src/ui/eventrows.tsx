// SPDX-License-Identifier: LGPL-2.1-or-later
/* Events, newest first. */
import { Link } from '../router';
import type { ClusterEvent } from '../types';
import { dateText, lookOf, severityLooks } from '../words';
import { pageOfEvent } from './links';
import { State } from './state';

function Subject({ event }: { event: ClusterEvent }) {
    const page = pageOfEvent(event);
    return page ? <Link to={page}>{event.subject}</Link> : <span>{event.subject}</span>;
}

export function EventRows({ events, label }: { events: ClusterEvent[]; label: string }) {
    return (
        <ol class="events" aria-label={label} reversed>
            {events.map((event) => (
                <li key={event.id} class="event">
                    <time class="event__time" dateTime={new Date(event.time_ms).toISOString()}>{dateText(event.time_ms)}</time>
                    <span class="event__state"><State look={lookOf(severityLooks, event.severity)} /></span>
                    <span class="event__text">{event.text}</span>
                    <span class="event__about">
                        <Subject event={event} /> <code>{event.code}</code> <span class="quiet">by {event.actor}</span>
                    </span>
                </li>
            ))}
        </ol>
    );
}
