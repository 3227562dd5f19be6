// SPDX-License-Identifier: LGPL-2.1-or-later
/** Each page and each dialog, light and dark, on a desktop and on a phone: no fault that axe-core finds,
 *  nothing beside the screen; and a picture of each to look at. */

import { violations } from './lib/axe.mjs';
import { dialog, must, order, press } from './lib/gestures.mjs';
import { desktop, phone, Scene } from './lib/scene.mjs';
import { main, test } from './lib/tap.mjs';

const pages = [
  ['overview', '/', 'Map of servers and GPUs'],
  ['servers', '/servers', 'Servers'],
  ['gpus', '/gpus', 'GPUs'],
  ['pools', '/pools', 'GPUs of GpuChildPool'],
  ['vms', '/vms', 'Virtual machines'],
  ['events', '/events', 'Events'],
];

const looks = [
  ['light', { dark: false, size: desktop }],
  ['dark', { dark: true, size: desktop }],
  ['phone', { dark: false, size: phone }],
  ['phone-dark', { dark: true, size: phone }],
];

/** What opens each dialog, and its title. */
const dialogs = [
  ['pause', '/servers', (page) => order(page, 'node2', 'Pause…'), 'Pause node2?'],
  ['drain', '/servers', (page) => order(page, 'node2', 'Drain…'), 'Drain node2?'],
  ['server', '/servers', (page) => press(page, 'Details of node1'), 'Server node1'],
  ['dismount', '/gpus', (page) => order(page, 'node1 0000:c1:00.0', 'Dismount…'), 'Dismount 1 GPU?'],
  ['gpu', '/gpus', (page) => press(page, 'Details of node1 0000:41:00.0'), 'GPU node1 0000:41:00.0'],
  ['create-pool', '/pools', (page) => press(page, 'Create GPU pool'), 'Create GPU pool'],
  ['add-gpus', '/pools', (page) => press(page, 'Add GPUs to GpuChildPool'), 'Add GPUs to GpuChildPool'],
  ['assign', '/pools', (page) => press(page, 'Assign VM to GPU pool'), 'Assign VM to GPU pool'],
  ['unassign', '/pools', (page) => press(page, 'Unassign cad1 from GpuChildPool'), 'Unassign cad1 from GpuChildPool?'],
  ['remove-pool', '/pools', (page) => press(page, 'Remove GPU pool GpuChildPool'), 'Remove GPU pool GpuChildPool?'],
];

function none(problems) {
  must(problems.length === 0, problems.join('\n'));
}

async function fitsWidth(page) {
  const [has, wants] = await page.evaluate(() => [document.documentElement.clientWidth, document.documentElement.scrollWidth]);
  must(wants <= has, `the page is ${wants} pixels wide on a screen of ${has}`);
}

for (const [look, options] of looks) {
  for (const [name, path, label] of pages) {
    test(`the page ${name} has no fault and fits its screen, ${look}`, async (scene) => {
      const page = await scene.open(path, options);
      await page.locator(`[aria-label="${label}"]`).first().waitFor();
      await page.waitForLoadState('load');
      await scene.photograph(page, `${name}-${look}`);
      await fitsWidth(page);
      none(await violations(page));
    });
  }
}

for (const [look, options] of looks) {
  for (const [name, path, open, title] of dialogs) {
    test(`the dialog ${name} has no fault and fits its screen, ${look}`, async (scene) => {
      const page = await scene.open(path, options);
      await open(page);
      await dialog(page, title);
      await scene.photograph(page, `dialog-${name}-${look}`);
      await fitsWidth(page);
      none(await violations(page));
    });
  }
}

await main(await Scene.begin());
