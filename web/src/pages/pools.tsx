// SPDX-License-Identifier: LGPL-2.1-or-later
import type { ComponentChildren } from 'preact';
import { addMembers, assignVm, createPool, removePool } from '../dialogs/pool';
import { useResource } from '../live';
import { Link, useQuery } from '../router';
import { useMay } from '../session';
import type { List, Pool, WholePool } from '../types';
import { natural } from '../words';
import { Button } from '../ui/button';
import { pageOf } from '../ui/links';
import { Loaded, matches, Search, Section, Toolbar } from '../ui/page';
import { Counts, PoolGpus, PoolVms } from '../ui/poolparts';

function PoolCard({ pool }: { pool: Pool }) {
    const shown = useResource<WholePool>(`/v1/pools/${encodeURIComponent(pool.name)}`);
    const mayAdminister = useMay('administrator');
    const part = (title: string, children: ComponentChildren) => (
        <div class="part"><h3 class="pf-v6-c-title pf-m-md">{title}</h3>{children}</div>
    );
    const buttons = mayAdminister && (
        <>
            <Button isSmall aria-label={`Add GPUs to ${pool.name}`} onClick={() => addMembers(pool)}>Add GPUs</Button>
            <Button isSmall kind="link" aria-label={`Remove pool ${pool.name}`} onClick={() => removePool(pool)}>Remove pool</Button>
        </>
    );
    return (
        <Section title={pool.name} to={pageOf.pool(pool.name)} actions={buttons}>
            <Counts pool={pool} />
            <Loaded shown={shown}>
                {(all) => (
                    <>
                        {part('GPUs', <PoolGpus pool={all} mayAdminister={mayAdminister} />)}
                        {part('Assigned VMs', <PoolVms pool={all} mayAdminister={mayAdminister} />)}
                    </>
                )}
            </Loaded>
        </Section>
    );
}

export function Pools() {
    const shown = useResource<List<Pool>>('/v1/pools');
    const [query] = useQuery('q');
    const mayAdminister = useMay('administrator');
    return (
        <>
            <Toolbar>
                <Search label="Search GPU pools" />
                {mayAdminister && <Button kind="primary" onClick={createPool}>Create GPU pool</Button>}
                {mayAdminister && <Button onClick={assignVm}>Assign VM to GPU pool</Button>}
            </Toolbar>
            <Loaded shown={shown}>
                {({ items }) => {
                    const found = items.filter((pool) => matches(query, pool.name, pool.model, pool.type)).sort(natural((pool) => pool.name));
                    return found.length > 0 ? <>{found.map((pool) => <PoolCard key={pool.name} pool={pool} />)}</> : (
                        <Section title="No GPU pool">
                            <p>
                                {items.length ? 'No GPU pool matches.'
                                    : 'A GPU pool holds GPUs of one model, of any number of servers. Create one: it takes the GPUs from their servers.'}
                            </p>
                            {items.length === 0 && <p><Link to="/gpus">Go to the GPUs</Link></p>}
                        </Section>
                    );
                }}
            </Loaded>
        </>
    );
}
