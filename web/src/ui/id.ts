// SPDX-License-Identifier: LGPL-2.1-or-later
/* Names for elements that labels refer to. Preact's own useId counts within a tree, and gives the same again to
 * what is drawn later in a dialog. */
import { useState } from 'preact/hooks';

let last = 0;

export function useOwnId(): string {
    return useState(() => `e${++last}`)[0];
}
