// SPDX-License-Identifier: LGPL-2.1-or-later
/* WebSockets to berth-api. */
import { ApiError, get, messageOf } from './api';

export const openSocket = (path: string) => new WebSocket(location.origin.replace(/^http/, 'ws') + path);

/* A browser does not tell why a WebSocket was refused: asked for without one, the API says it. */
export const whyRefused = (path: string) => get(path).then(() => '', (error: unknown) =>
    error instanceof ApiError && error.code === 'websocket-needed' ? '' : messageOf(error));

/* The whole text that comes until it closes. */
export function readSocket(path: string): Promise<string> {
    const socket = openSocket(path);
    const parts: Blob[] = [];
    let wasOpen = false;
    return new Promise((resolve, reject) => {
        socket.addEventListener('open', () => { wasOpen = true; });
        socket.addEventListener('message', (event: MessageEvent<Blob>) => parts.push(event.data));
        socket.addEventListener('close', (event) => {
            if (event.code === 1000) {
                resolve(new Blob(parts).text());
            } else if (wasOpen) {
                reject(new Error(event.reason || 'The connection was lost.'));
            } else {
                void whyRefused(path).then((reason) => reject(new Error(reason || 'The connection was refused.')));
            }
        });
    });
}
