// SPDX-License-Identifier: LGPL-2.1-or-later
/** What axe-core finds wrong with the page as it stands, as sentences. */

import axe from 'axe-core';

export async function violations(page) {
  await page.evaluate(axe.source); // by the debugger's door: the page's own policy stays in force
  const found = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ['violations'] }));
  return found.violations.flatMap(({ id, help, nodes }) =>
    nodes.map((node) => `${id}: ${help}: ${node.target.join(' ')}\n  ${node.failureSummary.replace(/\n/g, '\n  ')}`),
  );
}
