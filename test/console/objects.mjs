// SPDX-License-Identifier: LGPL-2.1-or-later
/** Each server, GPU, pool and VM has a page with an address of its own; lists are filtered by the address, and several
 *  VMs are ordered about at once. */

import { counts, dialog, must, press, row, shows, stands, told } from './lib/gestures.mjs';
import { Scene } from './lib/scene.mjs';
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
