// SPDX-License-Identifier: LGPL-2.1-or-later
/* A picture that is imported is its address. */
declare module '*.svg' {
    const address: string;
    export default address;
}
