// SPDX-License-Identifier: LGPL-2.1-or-later
/* What if: some servers fail, or are drained, together. Changes nothing. */
import { useResource } from '../live';
import { useQuery } from '../router';
import type { List, Node } from '../types';
import { isAway, lookOf, natural, nodeLooks, plural } from '../words';
import { Alert } from '../ui/alert';
import { ChoicesField, SelectField } from '../ui/field';
import { Loaded, Section } from '../ui/page';
import { Answer } from '../ui/preview';

const order = natural((node: Node) => node.name);

/* Which servers, and what becomes of them, is in the address: the answer can be shown to others. */
export function WhatIf() {
    const shown = useResource<List<Node>>('/v1/nodes');
    const [names, setNames] = useQuery('servers');
    const [wanted, setFate] = useQuery('fate');
    const fate = wanted === 'drain' ? 'drain' : 'fail';
    return (
        <Loaded shown={shown}>
            {({ items }) => {
                const there = items.filter((node) => !isAway(node)).sort(order);
                const away = items.filter(isAway).sort(order);
                const chosen = names.split(',').filter((name) => there.some((node) => node.name === name));
                return (
                    <>
                        <Section title="Which servers">
                            <p class="quiet">Nothing is changed. Berth computes what it would do with the virtual machines as they are now.</p>
                            <SelectField label="What happens to them" value={fate} onChange={(next) => setFate(next === 'fail' ? '' : next)}
                                choices={[['fail', 'They fail'], ['drain', 'They are drained']]} />
                            <ChoicesField label="Servers" chosen={chosen} onChange={(next) => setNames(next.join(','))} none="No server is up."
                                choices={there.map((node) => [node.name, <>{node.name} <span class="quiet">{plural(node.vm_count, 'VM')}</span></>])} />
                            {away.length > 0 && (
                                <p class="quiet">Not counted on in any case: {away.map((node) => `${node.name} (${lookOf(nodeLooks, node.state).text})`).join(', ')}</p>
                            )}
                        </Section>
                        <Section title="Who goes where, and who is left">
                            {chosen.length === 0 ? <p class="quiet">Tick at least one server.</p>
                                : chosen.length === there.length ? <Alert kind="danger" title="No server would be left to run anything" />
                                    : <Answer question={{ [fate]: chosen }} none="No VM runs there: nothing has to move." />}
                        </Section>
                    </>
                );
            }}
        </Loaded>
    );
}
