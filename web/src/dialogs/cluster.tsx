// SPDX-License-Identifier: LGPL-2.1-or-later
/* Arming and disarming the cluster. */
import { useState } from 'preact/hooks';
import { change } from '../api';
import { Alert } from '../ui/alert';
import { FormDialog, openDialog } from '../ui/dialog';
import { SelectField } from '../ui/field';

export function arm(): void {
    openDialog(
        <FormDialog title="Arm the cluster?" submit="Arm" size="sm" run={() => change('POST', '/v1/cluster/arm')}>
            <p>Berth protects the virtual machines again: it fences servers that fail, and restarts what ran there.</p>
            <p>A server that does not answer soon after that is fenced.</p>
        </FormDialog>,
    );
}

const hour = 3_600_000;
const spans: [string, string][] = [[String(hour / 2), '30 minutes'], [String(hour), '1 hour'], [String(4 * hour), '4 hours'], ['', 'Until someone arms it']];

function DisarmDialog() {
    const [span, setSpan] = useState(spans[0]![0]);
    return (
        <FormDialog title="Disarm the cluster?" submit="Disarm" size="sm" isDanger
            run={() => change('POST', '/v1/cluster/disarm', span ? { for_ms: Number(span) } : {})}>
            <Alert kind="warning" title="Nothing is protected while the cluster is disarmed">
                Berth fences no server, and restarts no virtual machine by itself. What you order is still done.
            </Alert>
            <p>For work on the network or the store that makes servers fall silent.</p>
            <SelectField label="For how long" value={span} onChange={setSpan} choices={spans} />
        </FormDialog>
    );
}

export function disarm(): void {
    openDialog(<DisarmDialog />);
}
