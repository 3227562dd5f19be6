// SPDX-License-Identifier: LGPL-2.1-or-later
/* The screen or the serial console of a VM, as a tab of its page. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { messageOf, pathOfVm } from '../api';
import { openSocket, whyRefused } from '../sockets';
import { Alert } from '../ui/alert';
import { Button } from '../ui/button';
import { Section } from '../ui/page';
import type { Shown } from './open';

type Kind = 'screen' | 'console';

const titles: Record<Kind, string> = { screen: 'Screen', console: 'Serial console' };

export function ScreenTab({ vm, kind }: { vm: string; kind: Kind }) {
    const place = useRef<HTMLDivElement>(null);
    const shown = useRef<Shown>();
    const [state, setState] = useState<'opening' | 'open' | 'over'>('opening');
    const [why, setWhy] = useState('');
    const [round, setRound] = useState(0);
    useEffect(() => {
        const path = `${pathOfVm(vm)}/${kind}`;
        let isGone = false, wasOpen = false;
        setState('opening');
        const open = async () => {
            const { showScreen, showConsole } = await import('./open');
            if (isGone || !place.current) {
                return;
            }
            const socket = openSocket(path);
            socket.addEventListener('open', () => { wasOpen = true; });
            socket.addEventListener('close', (event) => {
                if (isGone) {
                    return;
                }
                setState('over');
                setWhy(event.reason);
                if (!wasOpen) {
                    void whyRefused(path).then((reason) => { if (!isGone) { setWhy(reason); } });
                }
            });
            shown.current = (kind === 'screen' ? showScreen : showConsole)(place.current, socket, () => setState('open'));
        };
        void open().catch((error: unknown) => {
            setState('over');
            setWhy(messageOf(error));
        });
        return () => {
            isGone = true;
            shown.current?.end();
            shown.current = undefined;
        };
    }, [vm, kind, round]);
    return (
        <Section title={titles[kind]} actions={(
            <>
                {kind === 'screen' && state === 'open' && <Button isSmall onClick={() => shown.current?.press?.()}>Send Ctrl-Alt-Del</Button>}
                {state === 'over' && <Button isSmall onClick={() => setRound(round + 1)}>Open again</Button>}
            </>
        )}>
            {state === 'opening' && <p role="status">Opening…</p>}
            {state === 'over' && <Alert kind={why ? 'warning' : 'info'} title={`The ${titles[kind].toLowerCase()} is closed`}>{why || 'The VM stopped or moved, or the connection was lost.'}</Alert>}
            <div key={round} ref={place} class={`screen screen--${kind}`} hidden={state === 'over'} role="group" aria-label={`${titles[kind]} of ${vm}`} />
        </Section>
    );
}
