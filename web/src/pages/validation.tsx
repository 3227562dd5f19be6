// SPDX-License-Identifier: LGPL-2.1-or-later
/* Whether the cluster is built right: what was checked, what was found, and what to do. */
import { wayOf } from '../hints';
import { useResource } from '../live';
import { Link, useQuery } from '../router';
import { findingLooks as looks } from '../settings/findings';
import type { Finding, Validation as Report } from '../types';
import { dateText, plural } from '../words';
import { Alert } from '../ui/alert';
import { Filter, Loaded, matches, Search, Section, Toolbar } from '../ui/page';
import { PoolLink, pageOf } from '../ui/links';
import { State } from '../ui/state';
import { Table } from '../ui/table';

const ranks: Record<Finding['result'], number> = { failed: 0, warning: 1, ok: 2 };

function Verdict({ report }: { report: Report }) {
    const { failed = 0, warning = 0, ok = 0 } = report.counts;
    const counts = `${failed} failed, ${plural(warning, 'warning')}, ${ok} OK`;
    return report.result === 'ok' ? <Alert kind="success" title={`All checks passed: ${counts}`} />
        : report.result === 'failed' ? <Alert kind="danger" title={`Some checks failed: ${counts}`} />
            : <Alert kind="warning" title={`Some checks warn: ${counts}`} />;
}

/* Where the subject of a finding is shown: its group says what it is. */
function pageOfSubject(group: string, subject: string): string {
    const [node = '', address = ''] = subject.split('/');
    return group === 'GPUs' ? pageOf.gpu(node, address) : group === 'GPU pools' ? pageOf.pool(subject)
        : group === 'VMs' ? pageOf.vm(subject) : pageOf.server(subject);
}

function Advice({ finding }: { finding: Finding }) {
    const way = wayOf(finding.hint);
    return <>{finding.text} {way && <Link to={way.to}>{way.text}</Link>}</>;
}

export function Validation() {
    const shown = useResource<Report>('/v1/validate');
    const [query] = useQuery('q');
    const [result] = useQuery('result');
    const isWanted = (finding: Finding) => (!result || finding.result === result)
        && matches(query, finding.subject, finding.check, finding.text);
    return (
        <Loaded shown={shown}>
            {(report) => (
                <>
                    <Section title={`Report of ${dateText(report.time_ms)}`}>
                        <Verdict report={report} />
                        <Toolbar>
                            <Search label="Search findings" />
                            <Filter label="Result" parameter="result" choices={Object.entries(looks).map(([key, look]) => [key, look.text])} />
                        </Toolbar>
                    </Section>
                    {report.groups.map(({ name, about, checks }) => ({ name, about, found: checks.map((each, id) => ({ ...each, id })).filter(isWanted) }))
                        .filter(({ found }) => found.length > 0).map(({ name, about, found }) => (
                            <Section key={name} title={about}>
                                <Table label={about} rows={found} keyOf={(each) => String(each.id)} pageSize={20} empty=""
                                    sortFirst={{ column: 1, isDown: false }} columns={[
                                        { title: 'Subject', isHead: true, sort: (each) => each.subject, cell: (each) => (each.subject ? <Link to={pageOfSubject(name, each.subject)}>{each.subject}</Link> : 'Cluster') },
                                        { title: 'Result', sort: (each) => ranks[each.result], cell: (each) => <State look={looks[each.result]} /> },
                                        { title: 'Check', sort: (each) => each.check, cell: (each) => (name === 'GPUs' ? <PoolLink name={each.check} /> : each.check) },
                                        { title: 'Finding', cell: (each) => <Advice finding={each} /> },
                                    ]} />
                            </Section>
                        ))}
                </>
            )}
        </Loaded>
    );
}
