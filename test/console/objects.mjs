// SPDX-License-Identifier: LGPL-2.1-or-later
/** Each server, GPU, pool and VM has a page with an address of its own; lists are filtered by the address, and several
 *  VMs are ordered about at once. */

import { readFile } from 'node:fs/promises';

import { counts, dialog, must, press, row, shows, stands, told } from './lib/gestures.mjs';
import { violations } from './lib/axe.mjs';
import { desktop, Scene } from './lib/scene.mjs';
import { main, test } from './lib/tap.mjs';

const title = (page, name) => page.getByRole('heading', { level: 1, name, exact: true });
const tab = (page, of, name) => page.getByRole('navigation', { name: `Parts of ${of}`, exact: true }).getByRole('link', { name, exact: true });

async function follow(page, within, name) {
  await within.getByRole('link', { name, exact: true }).first().click();
}

test('a VM has a page: its tabs have addresses that survive a reload, and every name on it leads further', async (scene) => {
  const { node, gpus } = await scene.stage.untilVm('cad1', 'running');
  const page = await scene.open('/vms');
  await follow(page, row(page, 'Virtual machines', 'cad1'), 'cad1');
  await title(page, 'Virtual machine cad1').waitFor();
  await page.getByRole('img', { name: 'CPU in the last hour: at most 25 % of 8 CPUs' }).waitFor();
  await page.getByText('12 GiB of 16 GiB'.replaceAll(' GiB', '\u00a0GiB')).waitFor();
  await tab(page, 'cad1', 'Placement').click();
  await stands(row(page, 'Every server for cad1, and why or why not', node), 'It is here');
  must(page.url().endsWith('/vms/cad1?tab=placement'), `the address is ${page.url()}`);
  await page.reload();
  await stands(row(page, 'Every server for cad1, and why or why not', node), 'It is here');
  await tab(page, 'cad1', 'XML').click();
  await shows(page.getByRole('group', { name: 'XML of cad1' }), '<name>cad1</name>');
  await tab(page, 'cad1', 'Settings').click();
  await page.getByText('Offline action', { exact: true }).waitFor();
  await tab(page, 'cad1', 'Events').click();
  await shows(page.getByRole('list', { name: 'Events' }).getByRole('listitem'), 'vm-running');

  await tab(page, 'cad1', 'Summary').click();
  await follow(page, page.getByRole('main'), node);
  await title(page, `Server ${node}`).waitFor();
  await page.getByRole('img', { name: /^CPU in the last hour: at most \d+ % of 64 CPUs/ }).waitFor();
  for (const [name, size, dark] of [['server-use', { width: 1366, height: 900 }, false], ['server-use-phone-dark', { width: 390, height: 844 }, true]]) {
    await page.setViewportSize(size);
    await page.emulateMedia({ colorScheme: dark ? 'dark' : 'light' });
    const wrong = await violations(page);
    must(wrong.length === 0, wrong.join('\n'));
    await scene.photograph(page, name);
  }
  await page.setViewportSize(desktop);
  await page.emulateMedia({ colorScheme: 'light' });
  await stands(row(page, `Virtual machines of ${node}`, 'cad1'), 'Running');
  await tab(page, node, 'Placement').click();
  await row(page, 'What moves where', 'cad1').first().waitFor();
  await tab(page, node, 'Summary').click();
  await follow(page, page.getByRole('table', { name: `GPUs of ${node}` }), gpus[0].address.replace('0000:', ''));
  await title(page, `GPU ${node} ${gpus[0].address.replace('0000:', '')}`).waitFor();
  await page.reload();
  await stands(page.getByRole('main'), 'Assigned to cad1');
  await follow(page, page.getByRole('main'), 'GpuChildPool');
  await title(page, 'GPU pool GpuChildPool').waitFor();
  await tab(page, 'GpuChildPool', 'Placement').click();
  await row(page, 'Where virtual machines of GpuChildPool fit', 'cad1').waitFor();
  await page.goBack();
  await page.goBack();
  await title(page, `GPU ${node} ${gpus[0].address.replace('0000:', '')}`).waitFor();
});

test('what can be done with a VM is done on its page, and a viewer is offered nothing there', async (scene) => {
  const page = await scene.open('/vms/cad1');
  await press(page, 'Stop…');
  await press(await dialog(page, 'Stop cad1?'), 'Stop');
  await stands(page.getByRole('main'), 'Stopped');
  await press(page, 'Start');
  await stands(page.getByRole('main'), 'Running');
  const viewer = await scene.open('/vms/cad1', { role: 'viewer' });
  await stands(viewer.getByRole('main'), 'Running');
  await counts(viewer.getByRole('group', { name: 'Actions for cad1' }).getByRole('button'), 0);
});

test('a page that does not exist says so in the console, and programs still get JSON', async (scene) => {
  const { stage } = scene;
  const page = await scene.open('/');
  const reply = await page.goto(`${stage.url}/nonsense/here`);
  must(reply.status() === 404, `/nonsense/here is answered with ${reply.status()}`);
  await title(page, 'Not found').waitFor();
  await page.goto(`${stage.url}/vms/nobody`);
  await page.getByText('There is no virtual machine nobody. It may have been removed.').waitFor();
  const { request } = page.context();
  for (const [path, accept] of [['/v1/nonsense', 'text/html'], ['/nonsense', '*/*']]) {
    const answer = await request.get(stage.url + path, { headers: { Accept: accept } });
    must(answer.status() === 404 && (await answer.json()).code, `${path} for ${accept}: ${answer.status()}`);
  }
});

test('a list is filtered by server, pool, state and priority, and its address keeps that', async (scene) => {
  const { node } = await scene.stage.untilVm('cad1', 'running');
  const page = await scene.open('/vms');
  const names = page.getByRole('table', { name: 'Virtual machines' }).getByRole('rowheader');
  await counts(names, 3);
  await page.getByLabel('Server').selectOption(node);
  await counts(names, 1);
  await page.getByLabel('State').selectOption('Running');
  must(page.url().endsWith(`/vms?server=${node}&state=running`), `the address is ${page.url()}`);
  await page.reload();
  await counts(names, 1);
  await page.goto(`${scene.stage.url}/vms?pool=-`);
  await counts(names, 2);
  await scene.stage.must('PATCH', '/v1/vms/spare10', { priority: 3000 });
  await page.getByLabel('Priority').selectOption('High');
  await counts(names, 1);
  await page.goto(`${scene.stage.url}/vms`);
  await counts(names, 3);
  const order = await names.allTextContents();
  must(order.join() === 'cad1,spare2,spare10', `the order is ${order}`);
});

test('what if: ticked servers fail, and the page shows who goes where and who is left', async (scene) => {
  const { node } = await scene.stage.untilVm('cad1', 'running');
  const others = ['node1', 'node2', 'node3'].filter((name) => name !== node);
  const page = await scene.open('/what-if', { role: 'viewer' });
  await page.getByText('Tick at least one server.').waitFor();
  await page.getByRole('checkbox', { name: new RegExp(`^${node} `) }).check();
  const to = await row(page, 'What moves where', 'cad1').getByRole('cell').first().textContent();
  must(others.includes(to), `cad1 would go from ${node} to ${to}`);
  await page.reload();
  await page.getByRole('checkbox', { name: new RegExp(`^${to} `) }).check();
  const last = others.find((name) => name !== to);
  await shows(row(page, 'What moves where', 'cad1'), last);
  must(page.url().endsWith(`/what-if?servers=${encodeURIComponent(`${node},${to}`)}`), `the address is ${page.url()}`);
  await page.getByRole('checkbox', { name: new RegExp(`^${last} `) }).check();
  await page.getByText('No server would be left to run anything').waitFor();
  const { node: still } = await scene.stage.get('/v1/vms/cad1');
  must(still === node, `cad1 has moved to ${still}`);
});

test('validation: the report is a page, and the findings of one result can be linked to', async (scene) => {
  const { counts: found, result } = await scene.stage.get('/v1/validate');
  const page = await scene.open('/validation', { role: 'viewer' });
  await page.getByText(`${found.failed ?? 0} failed, ${found.warning ?? 0} warning`).waitFor();
  await page.getByLabel('Result').selectOption('OK');
  await page.waitForURL(/\/validation\?result=ok$/);
  await counts(page.getByRole('main').getByRole('cell').getByText(/^(Failed|Warning)$/), 0);
  must(result !== 'ok' || !found.failed, 'the report contradicts itself');
});

test('events: a time range stands in the address, and what is found is exported', async (scene) => {
  const page = await scene.open('/events?since=2020-01-01T00:00&severity=info');
  const list = page.getByRole('list', { name: 'Events' });
  await shows(list.getByRole('listitem'), 'vm-running');
  const [file] = await Promise.all([page.waitForEvent('download'), press(page, 'Export as CSV')]);
  const text = await readFile(await file.path(), 'utf8');
  must(text.startsWith('"time","severity","subject","code","actor","text"\r\n') && /"info","cad1","vm-running"/.test(text), `the file has: ${text.slice(0, 300)}`);
  must(!/"(warning|error)"/.test(text), 'the file has events of other severities');
  await page.getByLabel('Until').fill('2020-01-02T00:00');
  await page.getByText('No event matches.').waitFor();
  must(page.url().includes('until=2020-01-02T00%3A00'), `the address is ${page.url()}`);
});

test('several VMs are ordered about at once, and what was refused stands beside what was done', async (scene) => {
  const { stage } = scene;
  const page = await scene.open('/vms');
  for (const name of ['cad1', 'spare2']) {
    await page.getByRole('checkbox', { name: `Select ${name}` }).check();
  }
  await press(page, 'Assign selected');
  const assign = await dialog(page, 'Assign 2 VMs to a GPU pool');
  await assign.getByLabel('GPU pool').selectOption('GpuChildPool');
  await press(assign, 'Assign');
  const outcome = await dialog(page, '1 VM of 2 assigned to GpuChildPool');
  await shows(outcome.getByRole('list', { name: 'What was done' }).getByRole('listitem'), 'spare2');
  await shows(outcome.getByRole('list', { name: 'What was refused' }).getByRole('listitem'), 'cad1');
  await page.keyboard.press('Escape');
  await press(page, 'Start selected'); // only spare2 can be
  await press(await dialog(page, 'Start 1 VM?'), 'Start');
  await told(page, '1 VM will be started: spare2');
  await stage.untilVm('spare2', 'running');
  await stands(row(page, 'Virtual machines', 'spare2'), 'Running');
  await press(page, 'Stop selected');
  await press(await dialog(page, 'Stop 2 VMs?'), 'Stop');
  await stage.untilVm('cad1', 'stopped');
  await stage.untilVm('spare2', 'stopped');
});

const scene = await Scene.begin('--bare', '--patient');
await scene.stage.makePool();
await scene.stage.addVm('cad1', 'GpuChildPool');
await scene.stage.addVm('spare2');
await scene.stage.addVm('spare10');
await scene.stage.must('POST', '/v1/vms/cad1/start');
await scene.stage.untilVm('cad1', 'running');
await main(scene);
