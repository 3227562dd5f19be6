// SPDX-License-Identifier: LGPL-2.1-or-later
/** A session that nobody uses ends although a page stays open, and goes on where it was. */

import { counts, dialog, goTo, must, order, press, row, stands } from './lib/gestures.mjs';
import { Scene } from './lib/scene.mjs';
import { main, test } from './lib/tap.mjs';

async function logIn(scene, page, role) {
  const { user, password } = scene.login(role);
  await page.getByLabel('User name').fill(user);
  await page.getByLabel('Password').fill(password);
  await press(page, 'Log in');
}

const ended = /Your session has ended: this page was not used for \d+ seconds\. Log in again/;
const spare = (page) => row(page, 'Virtual machines', 'spare1');

test('a page that nobody touches ends its session, says why, and is there again after the login', async (scene) => {
  const page = await scene.open('/vms?q=spare', { role: null });
  await logIn(scene, page, 'administrator');
  await stands(spare(page), 'Stopped');
  await page.getByText(ended).waitFor();
  await counts(page.getByText('spare1'), 0);
  await logIn(scene, page, 'administrator');
  await stands(spare(page), 'Stopped');
  must(page.url().endsWith('/vms?q=spare'), `it is at ${page.url()} now`);
});

test('an open dialog leaves the way to the login free, and is there again with what was typed', async (scene) => {
  const page = await scene.open('/vms', { role: null });
  await logIn(scene, page, 'administrator');
  await order(page, 'spare1', 'Settings…');
  const box = await dialog(page, 'Settings of spare1');
  await box.getByLabel('Preferred owners').fill('node2');
  await page.getByText(ended).waitFor();
  await counts(page.getByRole('dialog'), 0);
  await logIn(scene, page, 'administrator');
  await box.waitFor();
  must((await box.getByLabel('Preferred owners').inputValue()) === 'node2', 'what was typed was lost');
  await press(box, 'Save');
  await counts(page.getByRole('dialog'), 0);
  const { spec } = await scene.stage.get('/v1/vms/spare1');
  must(spec.preferred_owners?.join() === 'node2', 'it was not saved');
});

test('an open dialog is not shown to somebody else', async (scene) => {
  const page = await scene.open('/vms', { role: null });
  await logIn(scene, page, 'administrator');
  await order(page, 'spare1', 'Remove…');
  await dialog(page, 'Remove spare1?');
  await page.getByText(ended).waitFor();
  await logIn(scene, page, 'viewer');
  await stands(spare(page), 'Stopped');
  await counts(page.getByRole('dialog'), 0);
});

test('what a page reads by itself is marked so, and what a person asks for is not', async (scene) => {
  const page = await scene.open('/vms');
  const isMarked = (request) => request.headers()['x-berth-background'] !== undefined;
  await page.waitForRequest((request) => request.url().endsWith('/v1/vms') && isMarked(request));
  const asked = page.waitForRequest((request) => request.url().includes('/v1/') && !isMarked(request));
  await goTo(page, 'Servers');
  await asked;
});

const scene = await Scene.begin('--bare', '--session-idle', '10');
await scene.stage.addVm('spare1');
await main(scene);
