// SPDX-License-Identifier: LGPL-2.1-or-later
/* What a validation found, and how that looks. */
import type { Finding, Validation } from '../types';
import type { Look } from '../words';

export const findingLooks: Record<Finding['result'], Look> = {
    ok: { text: 'OK', tone: 'good', sign: 'check' },
    warning: { text: 'Warning', tone: 'warn', sign: 'alert' },
    failed: { text: 'Failed', tone: 'bad', sign: 'cross' },
};

/* Those of one check, of all groups. */
export function findingsOf(report: Validation, check: string): Finding[] {
    return report.groups.flatMap((group) => group.checks).filter((each) => each.check === check);
}
