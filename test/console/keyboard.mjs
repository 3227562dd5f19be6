// SPDX-License-Identifier: LGPL-2.1-or-later
/** A whole procedure without a mouse: from the login to a VM that runs. */

import { counts, must, row, stands, told } from './lib/gestures.mjs';
import { Scene } from './lib/scene.mjs';
import { main, test } from './lib/tap.mjs';

const stepsMax = 200;

/** What holds the keyboard, as a screen reader would tell: its name. */
function focused(page) {
  return page.evaluate(() => {
    const element = document.activeElement;
    if (element === document.body) {
      return '';
    }
    const label = element.labels?.[0]?.textContent;
    return (element.getAttribute('aria-label') ?? label ?? element.textContent ?? '').trim();
  });
}

/** Whether a ring or a change of colour shows who holds the keyboard. */
function isSeen(page) {
  return page.evaluate(() => {
    const look = (element) => {
      const { top } = element.getBoundingClientRect(); // what comes up from behind the edge
      const { outlineStyle, outlineWidth, boxShadow, backgroundColor, borderColor } = getComputedStyle(element);
      const outline = outlineStyle === 'none' ? '' : outlineWidth;
      return [top, outline, boxShadow, backgroundColor, borderColor].join();
    };
    const element = document.activeElement;
    const around = element.closest('.pf-v6-c-form-control') ?? element;
    const before = [look(element), look(around), getComputedStyle(around, '::after').borderColor].join();
    element.blur();
    const after = [look(element), look(around), getComputedStyle(around, '::after').borderColor].join();
    element.focus({ focusVisible: true });
    return before !== after;
  });
}

/** Tab after Tab until what holds the keyboard has a name that begins with 'name'. */
async function reach(page, name, key = 'Tab') {
  const passed = [];
  for (let i = 0; i < stepsMax; i++) {
    const now = await focused(page);
    if (now.startsWith(name)) {
      must(await isSeen(page), `${name} does not show that it holds the keyboard`);
      return;
    }
    passed.push(now.slice(0, 30));
    await page.keyboard.press(key);
  }
  throw new Error(`${name} is not reached; passed: ${passed.join(' | ')}`);
}

async function type(page, field, text) {
  await reach(page, field);
  await page.keyboard.type(text);
}

async function enter(page, name, key = 'Enter') {
  await reach(page, name);
  await page.keyboard.press(key);
}

/** The same where a dialog or menu then takes the keyboard. */
async function enterInto(page, name, role) {
  await enter(page, name);
  await page.locator(`${role}:focus, ${role} :focus`).waitFor();
}

test('the keyboard alone leads from the login to a pool and a VM that runs with its GPU', async (scene) => {
  const { stage } = scene;
  const login = scene.login('administrator');
  const page = await scene.open('/gpus', { role: null });
  await page.getByRole('heading', { name: 'Log in' }).waitFor();
  await type(page, 'User name', login.user);
  await type(page, 'Password', login.password);
  await page.keyboard.press('Enter');
  await row(page, 'GPUs', 'node1 41:00.0').waitFor();

  for (const gpu of ['node1 0000:41:00.0', 'node2 0000:41:00.0']) {
    await enter(page, `Select ${gpu}`, 'Space');
  }
  await enterInto(page, 'Dismount selected', 'dialog');
  await enter(page, 'Dismount');
  await counts(page.getByRole('table', { name: 'GPUs' }).getByText('Ready for DDA assignment'), 2);

  await enter(page, 'GPU pools');
  await enterInto(page, 'Create GPU pool', 'dialog');
  await type(page, 'GPU pool name', 'KeyPool');
  for (const gpu of ['node1 41:00.0', 'node2 41:00.0']) {
    await enter(page, gpu, 'Space');
  }
  await enter(page, 'Save');
  await told(page, 'GPU pool KeyPool was created with 2 GPUs');

  await stage.addVm('train1');
  await enterInto(page, 'Assign VM to GPU pool', 'dialog');
  for (const choice of ['train1', /^KeyPool/]) { // an arrow chooses what is there, not what comes
    await page.getByRole('option', { name: choice }).waitFor({ state: 'attached' });
  }
  await reach(page, 'Virtual machine');
  await page.keyboard.press('ArrowDown');
  await reach(page, 'GPU pool');
  await page.keyboard.press('ArrowDown');
  await enter(page, 'Assign');
  await row(page, 'VMs assigned to KeyPool', 'train1').waitFor();

  await enter(page, 'Virtual machines');
  await row(page, 'Virtual machines', 'train1').waitFor();
  await enterInto(page, 'Actions for train1', '[role=menu]');
  await enter(page, 'Start');
  await stands(row(page, 'Virtual machines', 'train1'), 'Running');
});

test('a dialog keeps the keyboard inside, Escape closes it, and the keyboard is back where it was', async (scene) => {
  const page = await scene.open('/pools');
  await page.getByText('KeyPool').first().waitFor();
  await enterInto(page, 'Create GPU pool', 'dialog');
  const box = page.getByRole('dialog', { name: 'Create GPU pool' });
  await box.waitFor();
  for (let i = 0; i < 30; i++) {
    await page.keyboard.press('Tab');
    const isOutside = await page.evaluate(() => {
      const element = document.activeElement;
      return element !== document.body && !element.closest('dialog');
    });
    must(!isOutside, `after ${i + 1} Tabs the keyboard is at ${await focused(page)}`);
  }
  await page.keyboard.press('Escape');
  await counts(page.getByRole('dialog'), 0);
  await scene.stage.until('the keyboard is back', async () => (await focused(page)) === 'Create GPU pool');
});

test('a menu is walked by arrows and closed by Escape', async (scene) => {
  const page = await scene.open('/servers');
  await row(page, 'Servers', 'node1').waitFor();
  await enterInto(page, 'Actions for node1', '[role=menu]');
  await page.getByRole('menu').waitFor();
  const first = await focused(page);
  await page.keyboard.press('ArrowDown');
  must((await focused(page)) !== first, `still at ${first}`);
  await page.keyboard.press('Home');
  must((await focused(page)) === first, `at ${await focused(page)}, not ${first}`);
  await page.keyboard.press('Escape');
  await counts(page.getByRole('menu'), 0);
  must((await focused(page)) === 'Actions for node1', `at ${await focused(page)}`);
});

test('the first Tab leads to a link past the navigation', async (scene) => {
  const page = await scene.open('/vms');
  await page.getByRole('heading', { name: 'Virtual machines' }).waitFor();
  await reach(page, 'Skip to the content');
  await page.keyboard.press('Enter');
  const place = await page.evaluate(() => document.activeElement.tagName);
  must(place === 'MAIN', `the keyboard is at ${place}`);
});

await main(await Scene.begin('--bare'));
