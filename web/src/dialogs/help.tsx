// SPDX-License-Identifier: LGPL-2.1-or-later
/* Which version this is, and where what is written about it. */
import { session } from '../session';
import { Link } from '../router';
import { closeDialog, InfoDialog, openDialog } from '../ui/dialog';
import { Facts } from '../ui/page';

export function openHelp(): void {
    openDialog(
        <InfoDialog title="Help" size="md">
            <Facts facts={[['Version', session.value?.version || 'unknown']]} />
            <p>On every host of the cluster:</p>
            <ul class="reasons">
                <li><code>berth help</code> and <code>man berth</code>: every command</li>
                <li><code>man berth.conf</code>, <code>man berthd</code>, <code>man berth-api</code>: how a host is set up</li>
                <li><code>berth validate</code>, here <Link to="/validation" onClick={closeDialog}>Validation</Link>: what is not right yet, and what to do</li>
                <li><a href="/openapi.json">/openapi.json</a>: the API, for programs</li>
            </ul>
        </InfoDialog>,
    );
}
