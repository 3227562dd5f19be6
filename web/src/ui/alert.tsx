// SPDX-License-Identifier: LGPL-2.1-or-later
import type { ComponentChildren } from 'preact';
import { hintOf, messageOf, reasonsOf } from '../api';
import { wayOf } from '../hints';
import { Link } from '../router';
import type { Hint, Reason } from '../types';
import { Icon, type Sign } from './icon';

export type AlertKind = 'success' | 'info' | 'warning' | 'danger';

const signs: Record<AlertKind, Sign> = { success: 'check', info: 'info', warning: 'alert', danger: 'cross' };
const spoken: Record<AlertKind, string> = { success: 'Success', info: 'Info', warning: 'Warning', danger: 'Error' };

type Props = { kind: AlertKind; title: ComponentChildren; children?: ComponentChildren; onClose?: () => void; isUrgent?: boolean };

export function Alert({ kind, title, children, onClose, isUrgent }: Props) {
    return (
        <div class={`pf-v6-c-alert pf-m-inline pf-m-${kind}`} {...(isUrgent ? { role: 'alert' } : {})}>
            <div class="pf-v6-c-alert__icon"><Icon sign={signs[kind]} /></div>
            <p class="pf-v6-c-alert__title"><span class="pf-v6-screen-reader">{spoken[kind]}: </span>{title}</p>
            {onClose && (
                <div class="pf-v6-c-alert__action">
                    <button type="button" class="pf-v6-c-button pf-m-plain" aria-label="Close this message" onClick={onClose}>
                        <Icon sign="cross" />
                    </button>
                </div>
            )}
            {children && <div class="pf-v6-c-alert__description">{children}</div>}
        </div>
    );
}

/* What to do about it, as a link to where it is done; nothing where the console has no such action. */
function Advice({ hint, onLeave }: { hint: Hint | undefined; onLeave: (() => void) | undefined }) {
    const way = wayOf(hint);
    return way && <Link to={way.to} onClick={() => onLeave?.()}>{way.text}</Link>;
}

/* "node2: 1 of 2 GPUs free ..." line by line; 'pageOfSubject': where that is shown. */
export function Reasons({ reasons, onLeave, pageOfSubject }: {
    reasons: Reason[]; onLeave?: (() => void) | undefined; pageOfSubject?: (subject: string) => string;
}) {
    return (
        <ul class="reasons">
            {reasons.map((reason) => (
                <li key={reason.subject + reason.text}>
                    {reason.subject && <strong>{pageOfSubject ? <Link to={pageOfSubject(reason.subject)}>{reason.subject}</Link> : reason.subject}: </strong>}{reason.text} <Advice hint={reason.hint} onLeave={onLeave} />
                </li>
            ))}
        </ul>
    );
}

/* What the API refused, why, and what to do about it. 'onLeave': what is shown goes away when a link is followed. */
export function Refusal({ error, onLeave }: { error: unknown; onLeave?: () => void }) {
    const reasons = reasonsOf(error);
    const hint = hintOf(error);
    return (
        <Alert kind="danger" title={messageOf(error)} isUrgent>
            {reasons.length > 0 && <Reasons reasons={reasons} onLeave={onLeave} />}
            {wayOf(hint) && <p><Advice hint={hint} onLeave={onLeave} /></p>}
        </Alert>
    );
}
