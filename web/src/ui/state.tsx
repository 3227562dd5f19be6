// SPDX-License-Identifier: LGPL-2.1-or-later
/* A state as a coloured label with a sign and its word. */
import type { Look, Tone } from '../words';
import { Icon } from './icon';

const colours: Record<Tone, string> = {
    good: 'pf-m-green', busy: 'pf-m-blue', calm: 'pf-m-purple', warn: 'pf-m-orange', bad: 'pf-m-red', idle: '',
};

export function State({ look, text }: { look: Look; text?: string }) {
    return (
        <span class={`pf-v6-c-label pf-m-compact ${colours[look.tone]}`}>
            <span class="pf-v6-c-label__content">
                <span class="pf-v6-c-label__icon"><Icon sign={look.sign} /></span>
                <span class="pf-v6-c-label__text">{text ?? look.text}</span>
            </span>
        </span>
    );
}
