// SPDX-License-Identifier: LGPL-2.1-or-later
/* How the cluster is set up, who may come in, and one's own login. */
import { session, useMay } from '../session';
import { Access } from '../settings/access';
import { Account } from '../settings/account';
import { Certificates } from '../settings/certificates';
import { Cluster } from '../settings/cluster';
import { Fencing } from '../settings/fencing';
import { Notifications } from '../settings/notifications';
import { Sessions } from '../settings/sessions';
import { useSource } from '../source';
import { Tabs, type Tab } from '../ui/object';

export function Settings() {
    const mayAdminister = useMay('administrator');
    const who = useSource(session);
    const forAdministrators: Tab[] = [
        { name: 'notifications', title: 'Notifications', show: () => <Notifications /> },
        { name: 'users', title: 'Users', show: () => <Access kind="user" /> },
        { name: 'tokens', title: 'Tokens', show: () => <Access kind="token" /> },
        { name: 'sessions', title: 'Sessions', show: () => <Sessions /> },
    ];
    return (
        <Tabs name="the settings" tabs={[
            { name: 'cluster', title: 'Cluster', show: () => <Cluster /> },
            { name: 'fencing', title: 'Fencing', show: () => <Fencing /> },
            { name: 'certificates', title: 'Certificates', show: () => <Certificates /> },
            ...(mayAdminister ? forAdministrators : []),
            ...(who?.csrf ? [{ name: 'account', title: 'Your account', show: () => <Account who={who} /> }] : []),
        ]} />
    );
}
