// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Dialogs: the browser's own <dialog>, which keeps the focus inside and the rest inert. One at a time; it lives at
 * the root of the page, so that nothing that is drawn again behind it takes away what was typed.
 */
import { isValidElement, type ComponentChildren, type JSX, type VNode } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { ApiError } from '../api';
import { refresh } from '../live';
import { session } from '../session';
import { Source, useSource } from '../source';
import type { Done } from '../types';
import { Refusal } from './alert';
import { Button } from './button';
import { Icon } from './icon';
import { useOwnId } from './id';
import { say } from './toast';

const shown = new Source<VNode | null>(null);

export function openDialog(dialog: VNode): void {
    shown.value = dialog;
}

export function closeDialog(): void {
    shown.value = null;
}

export function DialogPlace() {
    return useSource(shown);
}

type FrameProps = { title: string; size?: 'sm' | 'md' | 'lg'; isBusy?: boolean; children: ComponentChildren };

/* Where one begins: the first field, else the button that does no harm. */
const firstToFocus = '.dialog__body :is(input, select, textarea), footer .pf-m-primary, footer .pf-m-secondary, footer .pf-m-link';

function Frame({ title, size = 'md', isBusy, children }: FrameProps) {
    const box = useRef<HTMLDialogElement>(null);
    const titleId = useOwnId();
    const isLoggedIn = !!useSource(session);
    useEffect(() => {
        if (!isLoggedIn) {
            return undefined; // out of the login's way, with all that was typed, until it is done
        }
        const before = document.activeElement;
        box.current?.showModal();
        box.current?.querySelector<HTMLElement>(firstToFocus)?.focus();
        return () => {
            box.current?.close();
            const target = before instanceof HTMLElement && before.isConnected && before !== document.body
                ? before : document.getElementById('content');
            setTimeout(() => target?.focus(), 0);
        };
    }, [isLoggedIn]);
    return (
        <dialog ref={box} class={`dialog pf-v6-c-modal-box pf-m-${size}`} aria-labelledby={titleId}
            onCancel={(event) => {
                event.preventDefault();
                if (!isBusy) {
                    closeDialog();
                }
            }}>
            <header class="pf-v6-c-modal-box__header">
                <h2 class="pf-v6-c-modal-box__title" id={titleId}><span class="pf-v6-c-modal-box__title-text">{title}</span></h2>
                <button type="button" class="pf-v6-c-button pf-m-plain" aria-label="Close" disabled={isBusy} onClick={closeDialog}>
                    <Icon sign="cross" />
                </button>
            </header>
            {children}
        </dialog>
    );
}

/* Something to read. */
export function InfoDialog({ title, size = 'lg', children }: Omit<FrameProps, 'isBusy'>) {
    return (
        <Frame title={title} size={size}>
            <div class="pf-v6-c-modal-box__body" tabIndex={0} role="group" aria-label={title}>{children}</div>
            <footer class="pf-v6-c-modal-box__footer"><Button kind="secondary" onClick={closeDialog}>Close</Button></footer>
        </Frame>
    );
}

type FormProps = {
    title: string;
    submit: string; // the button's word
    isDanger?: boolean;
    isBlocked?: boolean; // there is nothing that could be submitted
    progress?: string; // while it runs: how far it is
    size?: 'sm' | 'md' | 'lg';
    check?: () => boolean; // false: a field shows what is wrong
    run: () => Promise<Done | string | VNode>; // what to say when it is done; or a dialog that shows what came of it
    blame?: (error: ApiError) => boolean; // true: a field shows what was refused, so that it is not said twice
    children: ComponentChildren;
};

function tellDone(done: Done | string | VNode): void {
    if (typeof done === 'string') {
        say(done);
    } else if (isValidElement(done)) {
        openDialog(done);
    } else {
        const { message, unchanged, warnings } = done as Done;
        const more = warnings?.length ? `. ${warnings.map((each) => `${each.subject}: ${each.text}`).join('. ')}` : '';
        say(`${message}${more}`, more ? 'warning' : unchanged ? 'info' : 'success');
    }
}

/* Something to fill in or to agree to. A refusal is shown inside, and all that was typed stays. */
export function FormDialog({ title, submit, isDanger, isBlocked, progress, size, check, run, blame, children }: FormProps) {
    const [isBusy, setBusy] = useState(false);
    const [error, setError] = useState<unknown>(null);
    const form = useRef<HTMLFormElement>(null);
    /* Once it is drawn, also if it is folded away. */
    const goToFault = () => setTimeout(() => {
        const field = form.current?.querySelector<HTMLElement>('[aria-invalid="true"]');
        field?.closest('details')?.setAttribute('open', '');
        field?.focus();
    }, 0);
    const submitted = async (event: JSX.TargetedSubmitEvent<HTMLFormElement>) => {
        event.preventDefault();
        if (isBusy || isBlocked) {
            return;
        }
        setError(null);
        if (check && !check()) {
            goToFault();
            return;
        }
        setBusy(true);
        try {
            const done = await run();
            closeDialog();
            tellDone(done);
        } catch (fault) {
            setBusy(false);
            if (fault instanceof ApiError && blame?.(fault)) {
                goToFault();
            } else {
                setError(fault);
            }
        }
        refresh();
    };
    return (
        <Frame title={title} isBusy={isBusy} {...(size ? { size } : {})}>
            <form ref={form} class="dialog__form" noValidate onSubmit={(event) => void submitted(event)}>
                <div class="pf-v6-c-modal-box__body dialog__body">
                    {children}
                </div>
                {isBusy && progress && <p class="dialog__refusal" role="status">{progress}</p>}
                {error !== null && <div class="dialog__refusal"><Refusal error={error} onLeave={closeDialog} /></div>}
                <footer class="pf-v6-c-modal-box__footer">
                    <Button kind={isDanger ? 'danger' : 'primary'} type="submit" disabled={isBusy || isBlocked}>
                        {isBusy ? 'Working…' : submit}
                    </Button>
                    <Button kind="link" disabled={isBusy} onClick={closeDialog}>Cancel</Button>
                </footer>
            </form>
        </Frame>
    );
}
