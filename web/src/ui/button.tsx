// SPDX-License-Identifier: LGPL-2.1-or-later
import type { ComponentChildren, JSX } from 'preact';

type Kind = 'primary' | 'secondary' | 'danger' | 'link' | 'plain';

type Props = Omit<JSX.IntrinsicElements['button'], 'class'> & {
    kind?: Kind;
    isSmall?: boolean;
    children: ComponentChildren;
};

export function Button({ kind = 'secondary', isSmall, children, ...rest }: Props) {
    const look = `pf-v6-c-button pf-m-${kind}${isSmall ? ' pf-m-small' : ''}${rest.disabled ? ' pf-m-disabled' : ''}`;
    return (
        <button type="button" class={look} {...rest}>
            <span class="pf-v6-c-button__text">{children}</span>
        </button>
    );
}
