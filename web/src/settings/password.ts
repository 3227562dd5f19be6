// SPDX-License-Identifier: LGPL-2.1-or-later
/* What a password must be; the API says the same. */
const lengthMin = 8;

export function passwordFault(password: string): string {
    return password.length >= lengthMin ? '' : `Give at least ${lengthMin} characters.`;
}
