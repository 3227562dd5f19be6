// SPDX-License-Identifier: LGPL-2.1-or-later
/* Light or dark: as the system has it, until someone chooses here. */
import { Source } from './source';

const key = 'berth-theme';
const system = matchMedia('(prefers-color-scheme: dark)');

function wanted(): boolean {
    const chosen = localStorage.getItem(key);
    return chosen ? chosen === 'dark' : system.matches;
}

export const isDark = new Source(wanted());

export function applyTheme(): void {
    isDark.value = wanted();
    document.documentElement.classList.toggle('pf-v6-theme-dark', isDark.value);
}

export function toggleTheme(): void {
    localStorage.setItem(key, isDark.value ? 'light' : 'dark');
    applyTheme();
}

system.addEventListener('change', applyTheme);
