// SPDX-License-Identifier: LGPL-2.1-or-later
/* A picture that is imported is its address. */
declare module '*.svg' {
    const address: string;
    export default address;
}

/* noVNC comes without types: what the console uses of it. */
declare module '@novnc/novnc' {
    export default class RFB extends EventTarget {
        constructor(place: HTMLElement, channel: WebSocket);
        scaleViewport: boolean;
        background: string;
        focus(): void;
        disconnect(): void;
        sendCtrlAltDel(): void;
    }
}
