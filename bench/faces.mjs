// SPDX-License-Identifier: LGPL-2.1-or-later
/** The console before a large cluster: bench/faces starts it, with where the API is as JSON in BENCH_STAGE. */

import { Scene } from '../test/console/lib/scene.mjs';

const stage = { ...JSON.parse(process.env.BENCH_STAGE), end: async () => {} };
const changesFor_ms = 10000;
const pages = ['/', '/servers', '/vms', '/gpus', '/pools'];

/** Until something of the cluster stands there. */
async function isFilled(page, path) {
  await page.getByRole('heading', { level: 1 }).waitFor();
  if (path === '/') {
    await page.getByText(/\d servers? up/).first().waitFor();
  } else {
    await page.getByRole('table').getByRole('rowheader').first().waitFor();
  }
}

async function metrics(session) {
  const { metrics: list } = await session.send('Performance.getMetrics');
  return Object.fromEntries(list.map(({ name, value }) => [name, value]));
}

const scene = await Scene.before(stage);
for (const path of pages) {
  const page = await scene.open('/events', { role: 'viewer' });
  await page.getByRole('heading', { level: 1 }).waitFor();
  const begin = performance.now();
  await page.goto(stage.url + path);
  await isFilled(page, path);
  const open_ms = performance.now() - begin;
  const session = await page.context().newCDPSession(page);
  await session.send('Performance.enable');
  await session.send('HeapProfiler.collectGarbage');
  const before = await metrics(session);
  await page.waitForTimeout(changesFor_ms); // bench/faces changes VMs all the time
  const after = await metrics(session);
  console.log(JSON.stringify({
    path, open_ms: Math.round(open_ms), heap_mib: Math.round(after.JSHeapUsedSize / 2 ** 20),
    elements: await page.evaluate(() => document.querySelectorAll('*').length),
    busy: (after.TaskDuration - before.TaskDuration) * 1000 / changesFor_ms,
  }));
  await scene.reset();
}
await scene.end();
