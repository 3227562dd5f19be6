// SPDX-License-Identifier: LGPL-2.1-or-later
/** Each page and each dialog, light and dark, on a desktop and on a phone: no fault that axe-core finds,
 *  nothing beside the screen; and a picture of each to look at. */

import { violations } from './lib/axe.mjs';
import { counts, dialog, must, order, press } from './lib/gestures.mjs';
import { desktop, phone, Scene } from './lib/scene.mjs';
import { main, test } from './lib/tap.mjs';

const looks = [
  ['light', { dark: false, size: desktop }],
  ['dark', { dark: true, size: desktop }],
  ['phone', { dark: true, size: phone }],
];

/** Name, address, what is there when it is whole, and its dialogs: name, title, what opens them. */
const pages = [
  ['overview', '/', 'Map of servers and GPUs', []],
  ['servers', '/servers', 'Servers', [
    ['pause', 'Pause node2?', (page) => order(page, 'node2', 'Pause…')],
    ['drain', 'Drain node2?', (page) => order(page, 'node2', 'Drain…')],
  ]],
  ['gpus', '/gpus', 'GPUs', [
    ['dismount', 'Dismount 1 GPU?', (page) => order(page, 'node1 0000:c1:00.0', 'Dismount…')],
  ]],
  ['pools', '/pools', 'GPUs of GpuChildPool', [
    ['create-pool', 'Create GPU pool', (page) => press(page, 'Create GPU pool')],
    ['add-gpus', 'Add GPUs to GpuChildPool', (page) => press(page, 'Add GPUs to GpuChildPool')],
    ['assign', 'Assign VM to GPU pool', (page) => press(page, 'Assign VM to GPU pool')],
    ['unassign', 'Unassign cad1 from GpuChildPool?', (page) => press(page, 'Unassign VM cad1 from GpuChildPool')],
    ['remove-pool', 'Remove GPU pool GpuChildPool?', (page) => press(page, 'Remove pool GpuChildPool')],
  ]],
  ['vms', '/vms', 'Virtual machines', [
    ['add-vm', 'Add virtual machine', (page) => press(page, 'Add virtual machine')],
    ['stop', 'Stop cad1?', (page) => order(page, 'cad1', 'Stop…')],
    ['move', 'Move cad1', (page) => order(page, 'cad1', 'Move…')],
    ['settings', 'Settings of cad1', (page) => order(page, 'cad1', 'Settings…')],
    ['remove-vm', 'Remove spare1?', (page) => order(page, 'spare1', 'Remove…')],
  ]],
  ['vm', '/vms/cad1', 'Parts of cad1', []],
  ['server', '/servers/node1', 'GPUs of node1', []],
  ['gpu', '/gpus/node1/0000:41:00.0', 'Parts of node1 41:00.0', []],
  ['pool', '/pools/GpuChildPool', 'GPUs of GpuChildPool', [
    ['pool-settings', 'Settings of GpuChildPool', (page) => press(page, 'Settings…')],
  ]],
  ['what-if', '/what-if?servers=node1', 'Who goes where, and who is left', []],
  ['validation', '/validation', 'Search findings', []],
  ['events', '/events', 'Events', []],
  ['settings', '/settings', 'Parts of the settings', [
    ['settings-change', 'Change settings of the cluster', (page) => press(page, 'Change settings of the cluster')],
    ['help', 'Help', (page) => press(page, 'Help')],
  ]],
];

/** The other parts of pages of one thing. */
const tabs = [
  ['vm-placement', '/vms/render2?tab=placement', 'Every server for render2, and why or why not'],
  ['vm-xml', '/vms/cad1?tab=xml', 'XML of cad1'],
  ['server-placement', '/servers/node1?tab=placement', 'Parts of node1'],
  ['pool-placement', '/pools/GpuChildPool?tab=placement', 'Servers of GpuChildPool'],
];

/** What reaches beside the screen or its own box, where a mouse would have to scroll sideways. */
function tooWide(page) {
  return page.evaluate(() => {
    const name = (element) => `${element.tagName} ${element.className} "${element.textContent.trim().slice(0, 40)}"`;
    const scrolls = (element) => element === document.documentElement
      || ['auto', 'scroll', 'hidden'].includes(getComputedStyle(element).overflowX);
    const isWide = (element) => element.clientWidth > 1 && element.scrollWidth > element.clientWidth + 1;
    const culprit = (box) => [...box.querySelectorAll('*')].reverse()
      .find((element) => element.getBoundingClientRect().right > box.getBoundingClientRect().right + 1);
    return [document.documentElement, ...document.querySelectorAll('body *:not(pre, textarea, .pf-v6-screen-reader)')]
      .filter((element) => scrolls(element) && isWide(element))
      .map((element) => `${name(element)} has ${element.scrollWidth} pixels in ${element.clientWidth}, by ${name(culprit(element) ?? element)}`);
  });
}

async function inspect(page, scene, name, problems, selector) {
  await counts(page.getByText(/^(Reading|Looking for places)…$/), 0);
  await scene.photograph(page, name);
  for (const fault of [...(await tooWide(page)), ...(await violations(page, selector))]) {
    problems.push(`${name}: ${fault}`);
  }
}

for (const [look, options] of looks) {
  for (const [name, path, sight, dialogs] of pages) {
    test(`the page ${name} and its dialogs have no fault and fit the screen, ${look}`, async (scene) => {
      const problems = [];
      const page = await scene.open(path, options);
      await page.locator(`[aria-label="${sight}"], h2:text-is("${sight}")`).first().waitFor();
      await inspect(page, scene, `${name}-${look}`, problems);
      for (const [of, title, open] of dialogs) {
        await open(page);
        const box = await dialog(page, title);
        await counts(box.getByText(/^(Reading|Looking for places)…$/), 0);
        await inspect(page, scene, `dialog-${of}-${look}`, problems, 'dialog');
        await page.keyboard.press('Escape');
        await counts(page.getByRole('dialog'), 0);
      }
      must(problems.length === 0, problems.join('\n'));
    });
  }
  test(`the tabs of a VM, a server and a pool have no fault and fit the screen, ${look}`, async (scene) => {
    const problems = [];
    const page = await scene.open('/', options);
    for (const [name, path, sight] of tabs) {
      await page.goto(scene.stage.url + path);
      await page.locator(`[aria-label="${sight}"], h2:text-is("${sight}")`).first().waitFor();
      await inspect(page, scene, `${name}-${look}`, problems);
    }
    must(problems.length === 0, problems.join('\n'));
  });
  test(`the login page has no fault and fits the screen, ${look}`, async (scene) => {
    const problems = [];
    const page = await scene.open('/', { ...options, role: null });
    await page.getByRole('heading', { name: 'Log in' }).waitFor();
    await inspect(page, scene, `login-${look}`, problems);
    must(problems.length === 0, problems.join('\n'));
  });
}

/** A laptop, the widths beside which the pages' list folds away, a tablet. */
for (const width of [1280, 1201, 1200, 1024]) {
  test(`GPUs are a table at ${width} pixels, and fit the screen`, async (scene) => {
    const page = await scene.open('/gpus', { size: { width, height: 800 } });
    const table = page.getByRole('table', { name: 'GPUs' });
    await table.waitFor();
    await scene.photograph(page, `gpus-${width}`);
    const display = await table.getByRole('row').nth(1).evaluate((element) => getComputedStyle(element).display);
    must(display === 'table-row', `its rows are ${display}`);
    const wide = await tooWide(page);
    must(wide.length === 0, wide.join('\n'));
  });
}

test('on a phone of 390 pixels a GPU is a card, and fits the screen', async (scene) => {
  const page = await scene.open('/gpus', { size: { width: 390, height: 844 } });
  const table = page.getByRole('table', { name: 'GPUs' });
  await table.waitFor();
  await scene.photograph(page, 'gpus-390');
  const display = await table.getByRole('row').nth(1).evaluate((element) => getComputedStyle(element).display);
  must(display === 'block', `its rows are ${display}`);
  const wide = await tooWide(page);
  must(wide.length === 0, wide.join('\n'));
});

test('a page with faults is found out', async (scene) => {
  const page = await scene.open('/');
  await page.locator('[aria-label="Map of servers and GPUs"]').first().waitFor();
  await page.evaluate(() => {
    const wide = document.createElement('button');
    wide.style.width = '3000px';
    document.querySelector('main').append(wide);
  });
  must((await tooWide(page)).length > 0, 'a button 3000 pixels wide is not found');
  const found = await violations(page);
  must(found.some((fault) => fault.startsWith('button-name')), `a button without a name is not found: ${found}`);
});

await main(await Scene.begin());
