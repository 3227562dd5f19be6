// SPDX-License-Identifier: LGPL-2.1-or-later
/* How long the certificates of the servers are good for: as each server reports of its own. */
import { useResource } from '../live';
import type { Validation } from '../types';
import { Link } from '../router';
import { ServerLink } from '../ui/links';
import { Loaded, Section } from '../ui/page';
import { State } from '../ui/state';
import { Table } from '../ui/table';
import { findingLooks, findingsOf } from './findings';

export function Certificates() {
    const shown = useResource<Validation>('/v1/validate');
    return (
        <Section title="Certificates">
            <Loaded shown={shown}>
                {(report) => (
                    <Table label="Certificates" rows={findingsOf(report, 'certificate')} keyOf={(each) => each.subject + each.text}
                        empty={<>No server has reported a certificate: the store is spoken to without TLS, or the servers have just started. <Link to="/validation?q=certificate">Look at the validation</Link></>}
                        columns={[
                            { title: 'Server', isHead: true, sort: (each) => each.subject, cell: (each) => (each.subject ? <ServerLink name={each.subject} /> : 'Cluster') },
                            { title: 'State', sort: (each) => each.result, cell: (each) => <State look={findingLooks[each.result]} /> },
                            { title: 'Certificate', cell: (each) => each.text },
                        ]} />
                )}
            </Loaded>
            <p class="quiet">Hosts renew their certificates by themselves, every day that it is needed, with the timer <code>berth-refresh</code>.</p>
        </Section>
    );
}
