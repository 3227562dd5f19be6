// SPDX-License-Identifier: LGPL-2.1-or-later
/* Deeds of several steps, each of which waits for what the one before it has begun. */
import { change, get, pathOfVm } from '../api';
import type { Done, Vm } from '../types';

const look_ms = 500;

/* Where a deed stands, for who waits for it. */
export type Tell = (progress: string) => void;

/* Reads 'path' again and again, until 'isSo' or for 'limit_ms'; the last answer. */
export async function waitFor<T>(path: string, isSo: (answer: T) => boolean, limit_ms: number): Promise<T> {
    const end = performance.now() + limit_ms;
    for (;;) {
        const answer = await get<T>(path);
        if (isSo(answer) || performance.now() > end) {
            return answer;
        }
        await new Promise((resolve) => setTimeout(resolve, look_ms));
    }
}

const stopLimit_ms = 15 * 60_000; // guests may take their time; each has a limit of its own

/* 'isForced': turned off at once. */
export async function stopAndWait(vm: Vm, tell: Tell, isForced = false): Promise<void> {
    const path = pathOfVm(vm.name);
    tell(`Stopping ${vm.name}…`);
    await change('POST', `${path}/stop`, { force: isForced });
    const now = await waitFor<Vm>(path, (each) => each.state === 'stopped', stopLimit_ms);
    if (now.state !== 'stopped') {
        throw new Error(`${vm.name} was told to stop, and has not stopped yet: nothing else was done. It stays stopped once it is.`);
    }
}

/* Stops 'vm', does 'deed' to it and starts it again: also if that was refused, for it ran before. 'needsGpus': it will then need one. */
export async function whileStopped(vm: Vm, tell: Tell, deed: () => Promise<Done>, needsGpus = true): Promise<string> {
    const start = () => change('POST', `${pathOfVm(vm.name)}/start`);
    await stopAndWait(vm, tell);
    try {
        const done = await deed();
        return `${done.message}. ${needsGpus ? (await start()).message : `${vm.name} stays stopped: it needs no GPU any more`}`;
    } catch (error) {
        await start().catch(() => undefined); // what was refused is what there is to say
        throw error;
    }
}
