// SPDX-License-Identifier: LGPL-2.1-or-later
/* Each thing has a page of its own, and its name leads there wherever it is shown. */
import { Fragment } from 'preact';
import type { ComponentChildren } from 'preact';
import { Link } from '../router';
import { shortAddress } from '../words';

const part = encodeURIComponent;

export const pageOf = {
    vm: (name: string, tab = '') => `/vms/${part(name)}${tab && `?tab=${tab}`}`,
    server: (name: string, tab = '') => `/servers/${part(name)}${tab && `?tab=${tab}`}`,
    gpu: (node: string, address: string) => `/gpus/${part(node)}/${part(address)}`,
    pool: (name: string) => `/pools/${part(name)}`,
};

export const VmLink = ({ name }: { name: string }) => <Link to={pageOf.vm(name)}>{name}</Link>;
export const ServerLink = ({ name }: { name: string }) => <Link to={pageOf.server(name)}>{name}</Link>;
export const PoolLink = ({ name }: { name: string }) => <Link to={pageOf.pool(name)}>{name}</Link>;

/* By default as short as it is unambiguous on the page of its server. */
export function GpuLink({ node, address, children }: { node: string; address: string; children?: ComponentChildren }) {
    return <Link to={pageOf.gpu(node, address)}>{children ?? shortAddress(address)}</Link>;
}

/* "a, b, c"; 'none' where there is nothing. */
export function Listed<T>({ items, keyOf, show, none = '–' }: {
    items: T[]; keyOf: (item: T) => string; show: (item: T) => ComponentChildren; none?: string;
}) {
    return items.length === 0 ? <>{none}</>
        : <>{items.map((item, i) => <Fragment key={keyOf(item)}>{i > 0 && ', '}{show(item)}</Fragment>)}</>;
}

/* "1 × GpuChildPool, 2 × Others" with links. */
export function Needs({ needs, none }: { needs: { pool: string; count: number }[]; none?: string }) {
    return (
        <Listed items={needs} keyOf={(need) => need.pool} {...(none ? { none } : {})}
            show={(need) => <>{need.count > 1 && `${need.count} × `}<PoolLink name={need.pool} /></>} />
    );
}

/* What an event is about: its code says of which kind it is. Null: of nothing that has a page. */
export function pageOfEvent({ code, subject, parameters }: { code: string; subject: string; parameters: { device?: string } }): string | null {
    if (!subject || /^(cluster|access|login|session|endpoint|store)-/.test(code)) {
        return null;
    }
    if (code.startsWith('vm-')) {
        return pageOf.vm(subject);
    }
    if (code.startsWith('pool-')) {
        return pageOf.pool(subject);
    }
    return code.startsWith('gpu-') && parameters.device ? pageOf.gpu(subject, parameters.device)
        : /^(node|gpu|device|heartbeat|watchdog|power)-|^(fenced|coordinator|self-stop|left-armed|shutdown-limit)$/.test(code)
            ? pageOf.server(subject) : null;
}
