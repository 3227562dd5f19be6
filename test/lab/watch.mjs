// SPDX-License-Identifier: LGPL-2.1-or-later
/** Logs in by hand and watches the map on the Overview while a server dies, without ever loading the page anew. Each
 *  thing seen is a line (browser.py reads them):
 *
 *      watching             the VM is on its server, which is up
 *      gone STATE           the map shows its server in another state
 *      back SERVER          the map shows the VM on another server */

import { Scene } from '../console/lib/scene.mjs';

const { url, user, password, vm, node } = JSON.parse(process.env.WATCH);
const patience_ms = 180000;

const scene = await Scene.before({ url, logins: [], end() {} });
try {
  await watch(await scene.open('/', { role: null }));
  scene.check();
} catch (problem) {
  process.stdout.write(`${problem.stack}\n${await scene.failed('watching a server die')}\n`);
  process.exitCode = 1;
}
await scene.end();

async function watch(page) {
  await page.getByLabel('User name').fill(user);
  await page.getByLabel('Password', { exact: true }).fill(password);
  await page.getByRole('button', { name: 'Log in' }).click();
  const map = page.getByRole('list', { name: 'Map of servers and GPUs' });
  const server = (name) => map.getByRole('listitem', { name: `Server ${name}` });
  const held = { name: new RegExp(`assigned to ${vm}\\b`) };
  await server(node).getByText('Up', { exact: true }).waitFor();
  await server(node).getByRole('link', held).waitFor();
  await page.evaluate(() => {
    window.isFirstLoad = true;
  });
  await scene.photograph(page, 'lab-1-before');
  say('watching');

  await server(node).getByText('Up', { exact: true }).waitFor({ state: 'detached', timeout: patience_ms });
  await scene.photograph(page, 'lab-2-gone');
  say(`gone ${await server(node).locator('.map__name').innerText()}`);

  const others = map.getByRole('listitem', { name: /^Server / }).filter({ has: page.getByRole('link', held) });
  const elsewhere = others.filter({ hasNotText: node });
  await elsewhere.waitFor({ timeout: patience_ms });
  await scene.photograph(page, 'lab-3-back');
  if (!(await page.evaluate(() => window.isFirstLoad))) {
    throw new Error('the page was loaded anew');
  }
  say(`back ${await elsewhere.getAttribute('aria-label')}`);
}

function say(line) {
  process.stdout.write(`${line.replaceAll('\n', ' ')}\n`);
}
