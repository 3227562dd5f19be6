// SPDX-License-Identifier: LGPL-2.1-or-later
/* One deed done to several things: what was done and what was refused is told for each. */
import type { VNode } from 'preact';
import { ApiError, messageOf } from '../api';
import type { Reason } from '../types';
import { Link } from '../router';
import { closeDialog, InfoDialog } from '../ui/dialog';
import { State } from '../ui/state';

/* Where the thing of that name is shown. */
export type PageOfName = (name: string) => string;

export function Outcome({ title, good, refused, pageOfName }: { title: string; good: string[]; refused: Reason[]; pageOfName: PageOfName }) {
    const link = (name: string) => <strong><Link to={pageOfName(name)} onClick={closeDialog}>{name}</Link></strong>;
    return (
        <InfoDialog title={title}>
            <ul class="reasons" aria-label="What was done">
                {good.map((name) => (
                    <li key={name}><State look={{ text: 'Done', tone: 'good', sign: 'check' }} /> {link(name)}</li>
                ))}
            </ul>
            <ul class="reasons" aria-label="What was refused">
                {refused.map((each) => (
                    <li key={each.subject}><State look={{ text: 'Refused', tone: 'bad', sign: 'cross' }} /> {link(each.subject)} {each.text}</li>
                ))}
            </ul>
        </InfoDialog>
    );
}

/*
 * One after the other: a refusal of one does not keep the others from being done. 'summary' says it of so many things
 * out of so many: "2 GPUs will be dismounted", "1 GPU of 2 will be dismounted".
 */
export async function forEach<T>(things: T[], nameOf: (thing: T) => string, deed: (thing: T) => Promise<unknown>,
    summary: (done: number, all: number) => string, pageOfName: PageOfName): Promise<string | VNode> {
    const refused: Reason[] = [];
    for (const thing of things) {
        try {
            await deed(thing);
        } catch (error) {
            refused.push({ subject: nameOf(thing), text: messageOf(error) });
        }
    }
    const good = things.map(nameOf).filter((name) => !refused.some((each) => each.subject === name));
    if (good.length === 0) {
        throw new ApiError(409, 'refused', 'Nothing was changed:', refused);
    }
    return refused.length > 0 ? <Outcome title={summary(good.length, things.length)} good={good} refused={refused} pageOfName={pageOfName} />
        : `${summary(good.length, things.length)}: ${good.join(', ')}`;
}
