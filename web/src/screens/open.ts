// SPDX-License-Identifier: LGPL-2.1-or-later
/* What draws a screen and a serial console: two large libraries, loaded only by who opens one. */
import RFB from '@novnc/novnc';
import { FitAddon } from '@xterm/addon-fit';
import { Terminal } from '@xterm/xterm';

/* One that is open. */
export interface Shown {
    end: () => void;
    press?: () => void; // Ctrl-Alt-Del, which the browser's own system would take
}

export function showScreen(place: HTMLElement, socket: WebSocket, whenOpen: () => void): Shown {
    const screen = new RFB(place, socket);
    screen.scaleViewport = true;
    screen.background = 'transparent';
    screen.addEventListener('connect', () => {
        whenOpen();
        screen.focus();
    });
    return { end: () => screen.disconnect(), press: () => screen.sendCtrlAltDel() };
}

/*
 * xterm.js writes style sheets into elements, which the page's Content-Security-Policy forbids. While 'run' is called, what
 * asks for such an element gets one that passes its text on to a sheet without an element.
 */
function withSheets(sheets: CSSStyleSheet[], run: () => void): void {
    const makeSheet = () => {
        const sheet = new CSSStyleSheet();
        const element = document.createElement('span');
        element.hidden = true;
        Object.defineProperty(element, 'textContent', { set: (text: string) => sheet.replaceSync(text) });
        sheets.push(sheet);
        document.adoptedStyleSheets.push(sheet);
        return element;
    };
    const create = document.createElement.bind(document);
    Object.defineProperty(document, 'createElement', {
        configurable: true,
        value: (tag: string) => (tag === 'style' ? makeSheet() : create(tag)),
    });
    try {
        run();
    } finally {
        delete (document as { createElement?: unknown }).createElement; // the browser's own is behind it
    }
}

export function showConsole(place: HTMLElement, socket: WebSocket, whenOpen: () => void): Shown {
    const sheets: CSSStyleSheet[] = [];
    const terminal = new Terminal({ screenReaderMode: true, cursorBlink: true });
    const fit = new FitAddon();
    const resize = new ResizeObserver(() => fit.fit());
    const bytes = new TextEncoder();
    socket.binaryType = 'arraybuffer';
    terminal.loadAddon(fit);
    withSheets(sheets, () => terminal.open(place));
    resize.observe(place);
    terminal.onData((text) => socket.send(bytes.encode(text)));
    socket.addEventListener('open', () => {
        whenOpen();
        terminal.focus();
    });
    socket.addEventListener('message', (event: MessageEvent<ArrayBuffer>) => terminal.write(new Uint8Array(event.data)));
    return {
        end: () => {
            resize.disconnect();
            socket.close();
            terminal.dispose();
            document.adoptedStyleSheets = document.adoptedStyleSheets.filter((sheet) => !sheets.includes(sheet));
        },
    };
}
