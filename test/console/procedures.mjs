// SPDX-License-Identifier: LGPL-2.1-or-later
/** The three procedures that administrators know from Windows' clusters, click by click; each goes on
 *  where the one before has ended. */

import { counts, dialog, goTo, must, order, press, row, shows, stands, told } from './lib/gestures.mjs';
import { Scene } from './lib/scene.mjs';
import { main, test } from './lib/tap.mjs';

const pair = ['node1', 'node2', 'node3'].flatMap((node) => [`${node} 0000:41:00.0`, `${node} 0000:a1:00.0`]);

test('prepare: GPUs are dismounted and become a pool, and the message names its servers', async (scene) => {
  const page = await scene.open('/gpus');
  for (const gpu of pair) {
    await page.getByRole('checkbox', { name: `Select ${gpu}` }).check();
  }
  await press(page, 'Dismount selected');
  await press(await dialog(page, 'Dismount 6 GPUs?'), 'Dismount');
  await told(page, '6 GPUs will be dismounted');
  await counts(page.getByRole('table', { name: 'GPUs' }).getByText('Ready for DDA assignment'), 6);

  await goTo(page, 'GPU pools');
  await press(page, 'Create GPU pool');
  const box = await dialog(page, 'Create GPU pool');
  await box.getByLabel('GPU pool name').fill('GpuChildPool');
  for (const gpu of pair) {
    await box.getByRole('checkbox', { name: gpu.replace('0000:', '') }).check();
  }
  await press(box, 'Save');
  await told(page, 'GPU pool GpuChildPool was created with 6 GPUs on node1 (2 GPUs), node2 (2 GPUs), node3 (2 GPUs)');
  await counts(page.getByRole('table', { name: 'GPUs of GpuChildPool' }).getByText('Available (Not assigned)'), 6);
});

test('assign: a VM is assigned to the pool, gets GPUs when it starts, and gives them back', async (scene) => {
  await scene.stage.addVm('train1');
  const page = await scene.open('/pools');
  await press(page, 'Assign VM to GPU pool');
  const box = await dialog(page, 'Assign VM to GPU pool');
  await box.getByLabel('Virtual machine').selectOption('train1');
  await box.getByLabel('GPU pool').selectOption('GpuChildPool');
  await press(box, 'Assign');
  await told(page, /VM train1 .* GpuChildPool/);
  await row(page, 'VMs assigned to GpuChildPool', 'train1').waitFor();

  await goTo(page, 'Virtual machines');
  await order(page, 'train1', 'Start');
  await stands(row(page, 'Virtual machines', 'train1'), 'Running');
  await goTo(page, 'GPU pools');
  await counts(page.getByText('Assigned to train1'), 1);
  await counts(page.getByText('Available (Not assigned)'), 5);

  await goTo(page, 'Virtual machines');
  await order(page, 'train1', 'Stop…');
  await press(await dialog(page, 'Stop train1?'), 'Stop');
  await stands(row(page, 'Virtual machines', 'train1'), 'Stopped');
  await goTo(page, 'GPU pools');
  await press(page, 'Unassign VM train1 from GpuChildPool');
  await press(await dialog(page, 'Unassign train1 from GpuChildPool?'), 'Unassign VM');
  await told(page, /train1 .*unassigned/);
  await counts(page.getByText('Available (Not assigned)'), 6);
  await counts(row(page, 'VMs assigned to GpuChildPool', 'train1'), 0);
});

test('drain: what moves where is shown before, and the server ends in maintenance and resumes', async (scene) => {
  const { stage } = scene;
  await stage.must('POST', '/v1/vms/train1/assign', { pool: 'GpuChildPool', count: 1 });
  await stage.must('POST', '/v1/vms/train1/start');
  const { node } = await stage.untilVm('train1', 'running');
  const page = await scene.open('/servers');
  await order(page, node, 'Drain…');
  const box = await dialog(page, `Drain ${node}?`);
  const to = await row(page, 'What moves where', 'train1').getByRole('cell').first().textContent();
  must(to !== node && /^node\d$/.test(to), `train1 would move from ${node} to ${to}`);
  await press(box, 'Drain');
  await stands(row(page, 'Servers', node), 'In maintenance, Drain completed');
  await stage.untilVm('train1', 'running', to);
  await goTo(page, 'Virtual machines');
  await shows(row(page, 'Virtual machines', 'train1'), to);

  await goTo(page, 'Servers');
  await order(page, node, 'Resume…');
  await press(await dialog(page, `Resume ${node}?`), 'Resume');
  await stands(row(page, 'Servers', node), 'Up');
});

test('fail over: a server dies, and the map and the list show it and the VM elsewhere without a reload', async (scene) => {
  const { stage } = scene;
  const { node } = await stage.untilVm('train1', 'running');
  const map = await scene.open('/');
  const list = await scene.open('/vms');
  const server = (name) => map.getByRole('list', { name: 'Map of servers and GPUs' })
    .getByRole('listitem', { name: `Server ${name}`, exact: true });
  await server(node).getByRole('link', { name: /assigned to train1/ }).first().waitFor();
  await map.evaluate(() => (globalThis.isSamePage = true));
  await stage.order(`off ${node}`);
  await stands(server(node), 'Down, proven off');
  const { node: now } = await stage.untilVm('train1', 'running');
  must(now !== node, `train1 is still on ${node}`);
  await server(now).getByRole('link', { name: /assigned to train1/ }).first().waitFor();
  await shows(row(list, 'Virtual machines', 'train1'), now);
  await stands(row(list, 'Virtual machines', 'train1'), 'Running');
  must(await map.evaluate(() => globalThis.isSamePage), 'the page was loaded anew');
  const guests = await stage.order('guests');
  must(guests.length === 1 && guests[0].startsWith(`vm train1 ${now} `), `in truth: ${guests}`);
  await stage.order(`on ${node}`);
  await stands(server(node), 'Up');
});

await main(await Scene.begin('--bare'));
