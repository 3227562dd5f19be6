// SPDX-License-Identifier: LGPL-2.1-or-later
/** The settings: of the cluster, of fencing, who may come in, who is in, and one's own password. */

import { writeFileSync } from 'node:fs';
import { createHmac } from 'node:crypto';
import http from 'node:http';

import { violations } from './lib/axe.mjs';
import { counts, dialog, faulty, must, order, press, row, shows, stands, told } from './lib/gestures.mjs';
import { Scene } from './lib/scene.mjs';
import { main, test } from './lib/tap.mjs';

const tab = (page, name) => page.getByRole('navigation', { name: 'Parts of the settings' }).getByRole('link', { name, exact: true });

async function logIn(page, user, password) {
  await page.getByLabel('User name').fill(user);
  await page.getByLabel('Password').fill(password);
  await press(page, 'Log in');
}

test('settings of the cluster are shown with what they mean, changed, and refused where they contradict each other', async (scene) => {
  const { stage } = scene;
  const page = await scene.open('/settings');
  await press(page, 'Change settings of the cluster');
  const box = await dialog(page, 'Change settings of the cluster');
  await box.getByLabel('Reserve', { exact: true }).fill('one');
  await press(box, 'Save');
  await faulty(box.getByLabel('Reserve', { exact: true }), 'Give a whole number.');
  await box.getByLabel('Reserve', { exact: true }).fill('1');
  await box.getByLabel('A start that breaks the reserve').selectOption('Is refused');
  await box.getByLabel('Wait after an outage (s)').fill('90');
  await box.getByLabel('Preemption').check();
  await press(box, 'Save');
  await box.waitFor({ state: 'detached' });
  const now = await stage.get('/v1/cluster');
  must(now.reserve === 1 && now.reserve_policy === 'refuse' && now.cold_start_ms === 90000 && now.preemption, `the settings are ${JSON.stringify(now)}`);
  await page.getByRole('definition').filter({ hasText: 'Is refused' }).waitFor();
  await press(page, 'Change times of fencing');
  const times = await dialog(page, 'Change times of fencing');
  await times.getByLabel('Self-stop (ms)').fill('1');
  await press(times, 'Save');
  await times.getByRole('alert').waitFor();
  await page.keyboard.press('Escape');
  must((await stage.get('/v1/cluster')).self_stop_ms === now.self_stop_ms, 'the time was changed');
});

test('users and tokens are added, changed and removed; a token is shown once, and works', async (scene) => {
  const { stage } = scene;
  const page = await scene.open('/settings?tab=users');
  await press(page, 'Add user');
  const box = await dialog(page, 'Add user');
  await box.getByLabel('Name').fill('wendy');
  await box.getByLabel('Password').fill('short');
  await press(box, 'Add');
  await faulty(box.getByLabel('Password'), 'at least 8 characters');
  await box.getByLabel('Password').fill('berth-wendy-1');
  await press(box, 'Add');
  await stands(row(page, 'Users', 'wendy'), 'viewer');
  await order(page, 'wendy', 'Change…');
  const changed = await dialog(page, 'Change user wendy');
  await changed.getByLabel('Role').selectOption('operator');
  await press(changed, 'Save');
  await stands(row(page, 'Users', 'wendy'), 'operator');

  await tab(page, 'Tokens').click();
  await page.getByText('There is no token yet.').waitFor();
  await press(page, 'Add token');
  const added = await dialog(page, 'Add token');
  await added.getByLabel('Name').fill('ci');
  await press(added, 'Add');
  const once = await dialog(page, 'Token ci was added');
  const token = await once.getByRole('group', { name: 'Token', exact: true }).textContent();
  const ask = () => page.context().request.get(`${stage.url}/v1/vms`, { headers: { Authorization: `Bearer ${token}`, Cookie: '' } });
  must((await ask()).status() === 200, 'the token that was shown does not work');
  await press(once.locator('footer'), 'Close');
  await order(page, 'ci', 'Revoke…');
  await press(await dialog(page, 'Revoke token ci?'), 'Revoke token');
  await page.getByText('There is no token yet.').waitFor();
  must((await ask()).status() === 401, 'a token that was revoked works');
});

test('sessions are listed, and one that is ended leads to the login', async (scene) => {
  const page = await scene.open('/settings?tab=sessions');
  const theirs = await scene.open('/', { role: null });
  await logIn(theirs, 'wendy', 'berth-wendy-1');
  await theirs.getByText('Servers and GPUs').waitFor();
  await row(page, 'Sessions', 'wendy').waitFor();
  await row(page, 'Sessions', 'wendy').getByRole('button', { name: /^End the session/ }).click();
  await press(await dialog(page, 'End the session of wendy?'), 'End session');
  await theirs.getByText('Your session has ended').waitFor();
  await counts(row(page, 'Sessions', 'wendy'), 0);
});

test('a viewer sees settings but no users, and changes their own password with the present one', async (scene) => {
  const page = await scene.open('/settings', { role: null });
  await logIn(page, 'wendy', 'berth-wendy-1');
  await page.getByRole('heading', { name: 'Settings of the cluster' }).waitFor();
  await tab(page, 'Your account').click();
  await counts(tab(page, 'Users'), 0);
  await press(page, 'Change password');
  const box = await dialog(page, 'Change your password');
  await box.getByLabel('Present password').fill('a wrong one');
  await box.getByLabel('New password', { exact: true }).fill('berth-wendy-2');
  await box.getByLabel('New password again').fill('berth-wendy-3');
  await press(box, 'Change password');
  await faulty(box.getByLabel('New password again'), 'not the same');
  await box.getByLabel('New password again').fill('berth-wendy-2');
  await press(box, 'Change password');
  await faulty(box.getByLabel('Present password'), 'is wrong');
  await box.getByLabel('Present password').fill('berth-wendy-1');
  await press(box, 'Change password');
  await page.getByRole('heading', { name: 'Log in' }).waitFor();
  await logIn(page, 'wendy', 'berth-wendy-2');
  await stands(page.getByRole('main'), 'wendy');
});

/** The code of an authenticator app (RFC 6238), written once more. */
function codeOf(key, step) {
  const bits = Array.from(key.replaceAll(' ', ''), (digit) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(digit).toString(2).padStart(5, '0')).join('');
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(step));
  const digest = createHmac('sha1', Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)))).update(counter).digest();
  return String((digest.readUInt32BE(digest[19] & 15) & 0x7fffffff) % 1e6).padStart(6, '0');
}

test('a second factor is set up with an app, asked for at the login, and taken away by an administrator', async (scene) => {
  const page = await scene.open('/settings?tab=account', { role: null });
  await logIn(page, 'wendy', 'berth-wendy-2');
  await press(page, 'Set up second factor');
  const box = await dialog(page, 'Set up a second factor');
  const key = await box.getByRole('group', { name: 'Key', exact: true }).textContent();
  const link = await box.getByRole('link', { name: 'open it in the app' }).getAttribute('href');
  must(link.startsWith('otpauth://totp/Berth%20') && link.includes(`secret=${key.replaceAll(' ', '')}&`), `the link is ${link}`);
  must((await violations(page)).length === 0, 'the dialog has faults');
  await press(box, 'Save');
  await faulty(box.getByLabel('Code that the app shows'), 'six digits');
  const step = Math.floor(Date.now() / 30000);
  await box.getByLabel('Code that the app shows').fill(codeOf(key, step + 50));
  await box.getByLabel('Your password').fill('berth-wendy-2');
  await press(box, 'Save');
  await faulty(box.getByLabel('Code that the app shows'), 'not the code of the secret');
  await box.getByLabel('Code that the app shows').fill(codeOf(key, step));
  await press(box, 'Save');
  await page.getByRole('heading', { name: 'Log in' }).waitFor();
  await logIn(page, 'wendy', 'berth-wendy-2');
  const code = page.getByLabel('Code of your authenticator app');
  await code.waitFor();
  must(await code.evaluate((input) => input === document.activeElement), 'the code is not where one types');
  await code.fill('000000');
  await press(page, 'Log in');
  await page.getByRole('alert').filter({ hasText: 'wrong or was used' }).waitFor();
  await code.fill(codeOf(key, step + 1));
  await press(page, 'Log in');
  await stands(page.getByRole('main'), 'Authenticator app');

  const admin = await scene.open('/settings?tab=users');
  await stands(row(admin, 'Users', 'wendy'), 'Yes');
  await order(admin, 'wendy', 'Remove second factor…');
  await press(await dialog(admin, 'Remove the second factor of wendy?'), 'Remove second factor');
  await stands(row(admin, 'Users', 'wendy'), 'No');
});

test('fencing is configured server by server, and secrets are not shown again', async (scene) => {
  const { stage } = scene;
  const page = await scene.open('/settings?tab=fencing');
  await stands(row(page, 'Fencing', 'node2'), 'Watchdog');
  await order(page, 'node2', 'Configure fencing…');
  const box = await dialog(page, 'Fencing of node2');
  await box.getByLabel('Method').selectOption('Power controller');
  await press(box, 'Save');
  await faulty(box.getByLabel('Fence agent'), 'Give the name');
  await box.getByLabel('Fence agent').fill('fence_ipmilan');
  await box.getByLabel('Parameters').fill('ip=10.0.1.2\npassword=hush');
  await press(box, 'Save');
  await stands(row(page, 'Fencing', 'node2'), 'fence_ipmilan');
  await order(page, 'node2', 'Configure fencing…');
  const again = await dialog(page, 'Fencing of node2');
  must((await again.getByLabel('Parameters').inputValue()).includes('password=(hidden)'), 'the secret is shown');
  await again.getByLabel('Parameters').fill('ip=10.0.1.3\npassword=(hidden)');
  await press(again, 'Save');
  await faulty(again.getByLabel('Parameters'), 'Type the secrets again');
  await again.getByLabel('Parameters').fill('ip=10.0.1.3\npassword=hush');
  await press(again, 'Save');
  await again.waitFor({ state: 'detached' });
  const { configuration } = await stage.get('/v1/cluster/export?secrets=1');
  const spec = configuration.nodes.node2;
  must(spec.fence_parameters.ip === '10.0.1.3' && spec.fence_parameters.password === '(sealed)' && spec.fence_box,
    `the parameters are ${JSON.stringify(spec)}`);

  /* What is set is tried: another server asks the agents, and nothing is turned off. */
  const answer = (level) => row(page, 'Answers of the fence agents', level);
  await order(page, 'node2', 'Configure fencing…');
  const unchanged = await dialog(page, 'Fencing of node2');
  await press(unchanged, 'Test');
  const works = await dialog(page, 'Test of the fencing of node2');
  await stands(answer('1'), 'Works');
  await shows(answer('1'), 'fence_ipmilan says on');
  await press(works.locator('footer'), 'Close');
  await stage.request('PATCH', '/v1/nodes/node2', { fence_agent: 'fence_off', fence_parameters: { plug: '7' }, fence_level_2: { agent: 'fence_dead', parameters: {} } });
  await shows(row(page, 'Fencing', 'node2'), 'fence_off');
  await order(page, 'node2', 'Test fencing');
  const wrong = await dialog(page, 'Test of the fencing of node2');
  await stands(answer('1'), 'Does not work');
  await shows(answer('1'), 'node2 is on: it looks at another machine');
  await shows(answer('2'), 'connection timed out');
  const found = await violations(page);
  must(found.length === 0, found.join('\n'));
  await press(wrong.locator('footer'), 'Close');
  must((await stage.get('/v1/nodes/node2')).state === 'up', 'a test turned node2 off');
});

test('a test message goes to the webhook, or it is said why not', async (scene) => {
  const { stage } = scene;
  const heard = [];
  const receiver = http.createServer((request, reply) => {
    let text = '';
    request.on('data', (piece) => (text += piece));
    request.on('end', () => {
      heard.push(JSON.parse(text));
      reply.writeHead(204).end();
    });
  });
  const page = await scene.open('/settings?tab=notifications');
  await press(page, 'Send test message');
  await told(page, 'cannot read webhook_file');
  await new Promise((resolve) => receiver.listen(0, '127.0.0.1', resolve));
  writeFileSync(`${stage.directory}/webhook`, `http://127.0.0.1:${receiver.address().port}/berth\n`);
  await press(page, 'Send test message');
  await told(page, 'The test message was accepted.');
  receiver.close();
  must(heard.length >= 1 && heard.some((each) => each.text.includes('a test message from node1')), JSON.stringify(heard));
});

test('no part of the settings breaks a rule of accessibility', async (scene) => {
  const page = await scene.open('/settings');
  for (const [name, sight] of [['Cluster', 'Times of fencing'], ['Fencing', 'Last test'], ['Certificates', 'berth-refresh'], ['Notifications', 'Send test message'],
    ['Users', 'wendy'], ['Tokens', 'There is no token yet.'], ['Sessions', 'Last used'], ['Your account', 'Change password']]) {
    await tab(page, name).click();
    await shows(page.getByRole('main'), sight);
    const found = await violations(page);
    must(found.length === 0, `${name}: ${found.join('\n')}`);
  }
});

await main(await Scene.begin('--bare', '--patient', '--webhook'));
