// SPDX-License-Identifier: LGPL-2.1-or-later
/** What axe-core finds wrong with the page as it stands, or with what 'selector' chooses of it, as sentences. */

import axe from 'axe-core';

export async function violations(page, selector = ':root') {
  await page.evaluate(axe.source); // by the debugger's door: the page's own policy stays in force
  const found = await page.evaluate((chosen) => globalThis.axe.run(chosen, { resultTypes: ['violations'] }), selector);
  return found.violations.flatMap(({ id, help, nodes }) =>
    nodes.map((node) => `${id}: ${help}: ${node.target.join(' ')}\n  ${node.failureSummary.replace(/\n/g, '\n  ')}`),
  );
}
