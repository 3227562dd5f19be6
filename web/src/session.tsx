// SPDX-License-Identifier: LGPL-2.1-or-later
/* Who is logged in, and what that role may do. */
import { currentSession, logIn, logOut, untouchedMs, whenLoggedOut } from './api';
import { startLive, stopLive } from './live';
import { Source, useSource } from './source';
import type { Role, Session } from './types';
import { durationText } from './words';

/* undefined: not known yet; null: no one. */
export const session = new Source<Session | null | undefined>(undefined);
/* Why the login page is shown, if it came by itself. */
export const endedBecause = new Source('');

const ranks: Record<Role, number> = { none: -1, viewer: 0, operator: 1, administrator: 2 };

export function useMay(role: Role): boolean {
    const who = useSource(session);
    return !!who && ranks[who.role] >= ranks[role];
}

function enter(who: Session): void {
    endedBecause.value = '';
    session.value = who;
    startLive();
}

export async function resumeSession(): Promise<void> {
    whenLoggedOut(() => {
        if (session.value) {
            const idle = untouchedMs();
            endedBecause.value = `Your session has ended${idle < 5000 ? '' : `: this page was not used for ${durationText(idle)}`}. `
                + 'Log in again to go on where you were.';
        }
        leave();
    });
    const who = await currentSession();
    if (who) {
        enter(who);
    } else {
        session.value = null;
    }
}

export async function beginSession(user: string, password: string, code: string): Promise<void> {
    enter(await logIn(user, password, code));
}

function leave(): void {
    stopLive();
    session.value = null;
}

export async function endSession(): Promise<void> {
    await logOut();
    leave();
}
