// SPDX-License-Identifier: LGPL-2.1-or-later
/* Messages about problems go to a webhook and by mail. Where that is is set on the servers, so here it is only tried. */
import { useState } from 'preact/hooks';
import { change, messageOf } from '../api';
import { Button } from '../ui/button';
import { Section } from '../ui/page';
import { say } from '../ui/toast';

export function Notifications() {
    const [isBusy, setBusy] = useState(false);
    const send = () => {
        setBusy(true);
        change('POST', '/v1/notify/test')
            .then(() => say('The test message was accepted.', 'success'), (error: unknown) => say(messageOf(error), 'danger'))
            .finally(() => setBusy(false));
    };
    return (
        <Section title="Notifications">
            <p class="quiet">The server that coordinates tells problems that begin and end to a webhook and by mail. Where they go is set on the servers, as <code>webhook_file</code> and <code>mail_to</code> in <code>berth.conf</code>.</p>
            <Button disabled={isBusy} onClick={send}>Send test message</Button>
        </Section>
    );
}
