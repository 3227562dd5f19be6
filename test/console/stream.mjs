// SPDX-License-Identifier: LGPL-2.1-or-later
/** What the console shows while it cannot know, and that nothing is missing afterwards. */

import { counts, dialog, must, order, press, row, shows, stands } from './lib/gestures.mjs';
import { Scene } from './lib/scene.mjs';
import { main, test } from './lib/tap.mjs';

const lost = /Connection lost since/;

async function texts(locator) {
  return (await locator.allTextContents()).map((text) => text.trim());
}

test('a cut connection is said, and what happened meanwhile is caught up on, each event once', async (scene) => {
  const { stage } = scene;
  const list = await scene.open('/vms');
  const events = await scene.open('/events');
  const shown = events.getByRole('list', { name: 'Events', exact: true }).getByRole('listitem');
  await stands(row(list, 'Virtual machines', 'spare1'), 'Stopped');
  await shows(shown, 'VM spare1 was added');
  await stage.order('cut');
  await list.getByText(lost).waitFor();
  await events.getByText(lost).waitFor();
  for (let i = 0; i < 5; i++) {
    await stage.must('POST', '/v1/vms/spare1/assign', { pool: 'GpuChildPool', count: 1 });
    await stage.must('POST', '/v1/vms/spare1/unassign', { pool: 'GpuChildPool', count: 1 });
  }
  await stage.addVm('meanwhile1');
  await stage.order('join');
  await counts(list.getByText(lost), 0);
  await counts(events.getByText(lost), 0);
  await stands(row(list, 'Virtual machines', 'meanwhile1'), 'Stopped');
  const all = (await stage.get('/v1/events?limit=1000')).items;
  await shows(shown, 'VM meanwhile1 was added');
  await stage.until('the page shows every event of the log once', async () => {
    const have = await texts(shown.locator('.event__text'));
    const want = all.map((event) => event.text).reverse();
    return have.length === want.length && have.every((text, i) => text === want[i]);
  });
});

test('pages that are opened one after the other, more than there may be streams, all stay connected', async (scene) => {
  const page = await scene.open('/');
  const refused = [];
  page.on('response', (reply) => reply.status() >= 400 && refused.push(`${reply.status()} ${reply.url()}`));
  for (let i = 0; i < 12; i++) {
    const followed = page.waitForResponse((reply) => reply.url().includes('follow=1'));
    await page.goto(`${scene.stage.url}/what-if?servers=node${1 + (i % 3)}`);
    await followed;
  }
  must(refused.length === 0, refused.join('\n'));
  await counts(page.getByText(lost), 0);
});

test('a page that no one sees follows no events, and catches up as soon as it is seen', async (scene) => {
  const isStream = (request) => request.url().includes('follow=1');
  const page = await scene.open('/vms');
  await stands(row(page, 'Virtual machines', 'spare1'), 'Stopped');
  const look = (isHidden) => page.evaluate((value) => {
    Object.defineProperty(document, 'hidden', { configurable: true, value });
    document.dispatchEvent(new Event('visibilitychange'));
  }, isHidden);
  await Promise.all([page.waitForEvent('requestfailed', isStream), look(true)]);
  await scene.stage.addVm('unseen1');
  await Promise.all([page.waitForRequest(isStream), look(false)]);
  await stands(row(page, 'Virtual machines', 'unseen1'), 'Stopped');
  await counts(page.getByText(lost), 0);
});

test('a console that reaches no API says so, and opens by itself as soon as it does', async (scene) => {
  const page = await scene.open('/', { role: null });
  await page.getByRole('button', { name: 'Log in' }).waitFor();
  await page.route('**/v1/session', (route) => route.abort());
  await page.reload();
  const fault = page.getByRole('alert').filter({ hasText: 'The console cannot be opened' });
  await fault.waitFor();
  await page.unroute('**/v1/session');
  await page.getByRole('button', { name: 'Log in' }).waitFor();
  await counts(fault, 0);
});

test('what is typed into a dialog outlives a cut connection, and can be sent when it is back', async (scene) => {
  const { stage } = scene;
  const page = await scene.open('/servers');
  await order(page, 'node3', 'Pause…');
  const box = await dialog(page, 'Pause node3?');
  await stage.order('cut');
  await press(box, 'Pause');
  await box.getByRole('alert').waitFor();
  await stage.order('join');
  await counts(page.getByText(lost), 0);
  await press(box, 'Pause');
  await stands(row(page, 'Servers', 'node3'), 'Paused');
  await stage.must('POST', '/v1/nodes/node3/resume');
});

test('a silent store is said with what to do, and a change is refused until it is back', async (scene) => {
  const { stage } = scene;
  const page = await scene.open('/servers');
  await row(page, 'Servers', 'node3').waitFor();
  await stage.order('store off');
  await page.getByText(/store has been silent since/).waitFor();
  await order(page, 'node3', 'Pause…');
  const box = await dialog(page, 'Pause node3?');
  await press(box, 'Pause');
  await shows(box.getByRole('alert'), /store/);
  await stage.order('store on');
  await counts(page.getByText(/store has been silent since/), 0);
  await press(box, 'Cancel');
  await stands(row(page, 'Servers', 'node3'), 'Up');
});

await main(await Scene.begin());
