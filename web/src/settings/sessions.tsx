// SPDX-License-Identifier: LGPL-2.1-or-later
/* Who is logged in at the console of this host. */
import { change } from '../api';
import { useResource } from '../live';
import type { ConsoleSession, List } from '../types';
import { dateText, durationText } from '../words';
import { Button } from '../ui/button';
import { FormDialog, openDialog } from '../ui/dialog';
import { Loaded, Section } from '../ui/page';
import { Table } from '../ui/table';

function end(session: ConsoleSession): void {
    openDialog(
        <FormDialog title={`End the session of ${session.user}?`} submit="End session" size="sm" isDanger
            run={() => change('DELETE', `/v1/sessions/${encodeURIComponent(session.id)}`)}>
            <p>It was begun from {session.peer}. To keep its user out, remove the user or change the password.</p>
        </FormDialog>,
    );
}

export function Sessions() {
    const shown = useResource<List<ConsoleSession>>('/v1/sessions');
    return (
        <Section title="Sessions at this host">
            <p class="quiet">Each host that serves the console has sessions of its own.</p>
            <Loaded shown={shown}>
                {({ items }) => (
                    <Table label="Sessions" rows={items} keyOf={(each) => each.id} empty="No one is logged in." columns={[
                        { title: 'User', isHead: true, sort: (each) => each.user, cell: (each) => each.user },
                        { title: 'From', sort: (each) => each.peer, cell: (each) => each.peer },
                        { title: 'Begun', sort: (each) => each.begun_ms, cell: (each) => dateText(each.begun_ms) },
                        { title: 'Last used', sort: (each) => each.used_ms, cell: (each) => `${durationText(Date.now() - each.used_ms)} ago` },
                        {
                            title: 'Actions',
                            isActions: true,
                            cell: (each) => <Button isSmall aria-label={`End the session of ${each.user} from ${each.peer}`} onClick={() => end(each)}>End</Button>,
                        },
                    ]} />
                )}
            </Loaded>
        </Section>
    );
}
