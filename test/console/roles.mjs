// SPDX-License-Identifier: LGPL-2.1-or-later
/** Who may see which buttons, and who gets in at all. */

import { counts, goTo, must, press, row, stands } from './lib/gestures.mjs';
import { Scene } from './lib/scene.mjs';
import { main, test } from './lib/tap.mjs';

const pages = [
  ['/', 'Servers and GPUs'], ['/servers', 'node1'], ['/gpus', 'node1 04:00.0'], ['/pools', 'Assigned VMs'], ['/vms', 'train1'],
  ['/events', 'VM train1 is to be started'],
];

/** Every deed that the pages offer to a role: names of buttons and, below them, of menus' entries. */
async function deeds(scene, role) {
  const found = new Set();
  for (const [path, sight] of pages) {
    const page = await scene.open(path, { role });
    await page.locator('main').getByText(sight).first().waitFor();
    await page.locator('main').getByText('Reading…').first().waitFor({ state: 'detached' });
    for (const button of await page.locator('main button:not(th button)').all()) {
      const name = (await button.getAttribute('aria-label')) ?? (await button.textContent());
      if (!name.startsWith('Actions for ')) {
        found.add(name.trim());
        continue;
      }
      await button.click();
      for (const item of await page.getByRole('menuitem').all()) {
        found.add(`${name.replace('Actions for ', '')}: ${(await item.textContent()).trim()}`);
      }
      await page.keyboard.press('Escape');
    }
    await page.context().close();
  }
  return [...found];
}

const changesAnything = /Pause|Drain|Resume|Confirm|[Dd]ismount|[Mm]ount|Release|Create|Add|Remove|[Aa]ssign|Start|Restart|Stop|Move|Settings|Edit|Configure/;
const isForAdministrators = /Confirm|[Dd]ismount|[Mm]ount|Release|Create|Add|Remove|[Aa]ssign|Settings|Edit|Configure/;

test('an administrator is offered every deed', async (scene) => {
  const all = await deeds(scene, 'administrator');
  const wanted = [
    'node1: Pause…', 'node1: Drain…', 'node1 0000:c1:00.0: Dismount…', 'Create GPU pool', 'Assign VM to GPU pool',
    'Unassign VM cad1 from GpuChildPool', 'Remove pool GpuChildPool', 'Add virtual machine', 'spare1: Start', 'cad1: Stop…',
    'cad1: Restart…', 'cad1: Move…', 'cad1: Settings…', 'cad1: Edit definition…', 'cad1: Remove…',
  ];
  const missing = wanted.filter((deed) => !all.includes(deed));
  must(missing.length === 0, `missing: ${missing.join(', ')}\nof: ${all.join(', ')}`);
});

test('a viewer is offered nothing that changes anything', async (scene) => {
  const all = await deeds(scene, 'viewer');
  must(all.includes('cad1: Why here?'), `no Why here? among: ${all.join(', ')}`);
  const wrong = all.filter((deed) => changesAnything.test(deed));
  must(wrong.length === 0, wrong.join(', '));
});

test('an operator runs servers and VMs, and is offered nothing of how the cluster is made up', async (scene) => {
  const all = await deeds(scene, 'operator');
  for (const deed of ['node1: Pause…', 'node1: Drain…', 'spare1: Start', 'cad1: Stop…', 'cad1: Move…']) {
    must(all.includes(deed), `no ${deed} among: ${all.join(', ')}`);
  }
  const wrong = all.filter((deed) => isForAdministrators.test(deed));
  must(wrong.length === 0, wrong.join(', '));
});

async function logIn(page, user, password) {
  await page.getByLabel('User name').fill(user);
  await page.getByLabel('Password').fill(password);
  await press(page, 'Log in');
}

test('whoever is not logged in sees the login page and nothing of the cluster', async (scene) => {
  const page = await scene.open('/vms', { role: null });
  await page.getByRole('heading', { name: 'Log in' }).waitFor();
  await counts(page.getByText('train1'), 0);
  const reply = await page.request.get(`${scene.stage.url}/v1/vms`);
  must(reply.status() === 401, `GET /v1/vms without a login: ${reply.status()}`);
});

test('a wrong password is refused without telling which of the two was wrong, and the name stays', async (scene) => {
  const said = [];
  const { user } = scene.login('viewer');
  for (const name of ['nobody', user]) {
    const page = await scene.open('/vms', { role: null });
    await logIn(page, name, 'a wrong one');
    said.push(await page.getByRole('alert').textContent());
    must((await page.getByLabel('User name').inputValue()) === name, 'the name was lost');
  }
  must(said[0] === said[1], `"${said[0]}" for a name that does not exist, "${said[1]}" for one that does`);
});

test('who logs in goes on where the address pointed, and out again', async (scene) => {
  const login = scene.login('operator');
  const page = await scene.open('/vms', { role: null });
  await logIn(page, login.user, login.password);
  await stands(row(page, 'Virtual machines', 'cad1'), 'Running');
  await page.getByText('operator').first().waitFor();
  await press(page, 'Log out');
  await page.getByRole('heading', { name: 'Log in' }).waitFor();
  await page.reload();
  await page.getByRole('heading', { name: 'Log in' }).waitFor();
});

test('a session that ends meanwhile leads to the login page, which says so', async (scene) => {
  const page = await scene.open('/vms');
  await stands(row(page, 'Virtual machines', 'cad1'), 'Running');
  await scene.stage.order('api off');
  await page.getByText(/Connection lost since/).waitFor();
  await scene.stage.order('api on');
  await page.getByText('Your session has ended').waitFor();
  const login = scene.login('administrator');
  await logIn(page, login.user, login.password);
  await stands(row(page, 'Virtual machines', 'cad1'), 'Running');
  await goTo(page, 'Events');
});

test('an answer that comes late, to a session that has ended, does not end the next one', async (scene) => {
  const page = await scene.open('/vms');
  const cad1 = row(page, 'Virtual machines', 'cad1');
  await stands(cad1, 'Running');
  await scene.stage.order('api off');
  await page.getByText(/Connection lost since/).waitFor();
  // The VMs' answer is held; until it is there, so are the others, which would end the session before it is asked for.
  let held, answer, askedFor;
  const asked = new Promise((resolve) => (askedFor = resolve));
  const isFollowed = (url) => url.searchParams.has('follow');
  await page.route((url) => url.pathname.startsWith('/v1/') && !isFollowed(url), async (route) => {
    const reply = route.request().method() === 'GET' ? await route.fetch().catch(() => null) : undefined;
    if (reply === undefined) {
      await route.continue();
    } else if (reply === null) {
      await route.abort();
    } else if (!held && reply.status() === 401 && new URL(reply.url()).pathname === '/v1/vms') {
      held = new Promise((resolve) => (answer = resolve)).then(() => route.fulfill({ response: reply }));
      askedFor();
    } else {
      await (reply.status() === 401 && asked);
      await route.fulfill({ response: reply });
    }
  });
  await scene.stage.order('api on');
  await scene.stage.until('the VMs were asked for', () => answer);
  await page.getByText('Your session has ended').waitFor();
  const login = scene.login('administrator');
  await logIn(page, login.user, login.password);
  await stands(cad1, 'Running');
  answer();
  await held;
  await goTo(page, 'Events');
  await goTo(page, 'Virtual machines');
  await stands(cad1, 'Running');
});

test('after many wrong passwords even the right one has to wait, and the page says how long', async (scene) => {
  const login = scene.login('viewer');
  const page = await scene.open('/', { role: null });
  const said = page.getByRole('alert').filter({ hasText: /try again in \d+ s/ });
  const secondsToWait = async () => ((await said.count()) > 0 ? Number((await said.textContent()).match(/(\d+) s/)[1]) : 0);
  // The wait doubles with each wrong one: long enough for the next one to come in time.
  await scene.stage.until('the logins are limited', async () => {
    await logIn(page, login.user, 'wrong');
    await page.getByRole('button', { name: 'Log in' }).and(page.locator(':enabled')).waitFor();
    return (await secondsToWait()) > 8;
  });
  await logIn(page, login.user, login.password);
  await page.getByRole('button', { name: 'Log in' }).and(page.locator(':enabled')).waitFor();
  must((await secondsToWait()) > 0, 'the right password had not to wait');
});

await main(await Scene.begin());
