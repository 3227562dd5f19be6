// SPDX-License-Identifier: LGPL-2.1-or-later
/* Users, who log in at the console, and tokens, which programs send. */
import { useResource } from '../live';
import type { Access as Entry, List } from '../types';
import { dateText } from '../words';
import { Button } from '../ui/button';
import { Menu } from '../ui/menu';
import { Loaded, Section } from '../ui/page';
import { Table } from '../ui/table';
import { addAccess, changeAccess, changePassword, removeAccess } from './accessdialogs';
import { removeTotp } from './totp';

const day = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium' });

function expiryText(entry: Entry): string {
    return entry.expires_ms === undefined ? 'Never' : `${day.format(entry.expires_ms)}${entry.expired ? ' (expired)' : ''}`;
}

export function Access({ kind }: { kind: Entry['kind'] }) {
    const shown = useResource<List<Entry>>('/v1/access');
    const isUser = kind === 'user';
    const title = isUser ? 'Users' : 'Tokens';
    const deeds = (entry: Entry) => [
        { text: 'Change…', run: () => changeAccess(entry) },
        ...(isUser ? [{ text: 'Set password…', run: () => changePassword(entry) }] : []),
        ...(entry.totp ? [{ text: 'Remove second factor…', run: () => removeTotp(entry), isDanger: true }] : []),
        { text: isUser ? 'Remove…' : 'Revoke…', run: () => removeAccess(entry), isDanger: true },
    ];
    return (
        <Section title={title} actions={<Button kind="primary" onClick={() => addAccess(kind)}>{isUser ? 'Add user' : 'Add token'}</Button>}>
            <p class="quiet">{isUser ? 'People, who log in here with a password.' : 'For programs: a token is sent with each request to the API.'}</p>
            <Loaded shown={shown}>
                {({ items }) => (
                    <Table label={title} rows={items.filter((each) => each.kind === kind)} keyOf={(each) => each.name}
                        empty={isUser ? 'There is no user yet.' : 'There is no token yet.'} columns={[
                            { title: 'Name', isHead: true, sort: (each) => each.name, cell: (each) => each.name },
                            { title: 'Role', sort: (each) => each.role, cell: (each) => each.role },
                            ...(isUser ? [{ title: 'Second factor', cell: (each: Entry) => (each.totp ? 'Yes' : 'No') }] : []),
                            { title: 'Expires', sort: (each) => each.expires_ms ?? Infinity, cell: expiryText },
                            { title: 'Added', sort: (each) => each.created_ms, cell: (each) => <>{dateText(each.created_ms)} <span class="quiet">by {each.by}</span></> },
                            { title: 'Note', cell: (each) => each.note || '–' },
                            { title: 'Actions', isActions: true, cell: (each) => <Menu label={`Actions for ${each.name}`} deeds={deeds(each)} /> },
                        ]} />
                )}
            </Loaded>
        </Section>
    );
}
