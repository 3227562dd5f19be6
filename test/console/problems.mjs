// SPDX-License-Identifier: LGPL-2.1-or-later
/** What is wrong is the first thing on the overview, with a button that opens what helps; nothing that is broken looks
 *  well anywhere. */

import { counts, dialog, goTo, must, order, press, row, shows, stands, told } from './lib/gestures.mjs';
import { Scene } from './lib/scene.mjs';
import { main, test } from './lib/tap.mjs';

const problem = (page, text) => page.getByRole('list', { name: 'Problems' }).getByRole('listitem').filter({ hasText: text }).first();

test('a healthy cluster needs no attention', async (scene) => {
  const page = await scene.open('/');
  await page.getByText('Nothing: all servers, GPUs and virtual machines are as they should be.').waitFor();
});

test('a GPU that leaves the bus under a VM is red on the map, and the VM is no longer plainly running', async (scene) => {
  const { stage } = scene;
  const { node, gpus } = await stage.untilVm('cad1', 'running');
  const page = await scene.open('/');
  await stage.order(`fail gpu ${node} ${gpus[0].address}`);
  await problem(page, `GPU ${node}/${gpus[0].address} is quarantined`).waitFor();
  const tile = page.getByRole('list', { name: `GPUs of ${node}` }).getByRole('link', { name: /failed|Quarantined/ }).first();
  must((await tile.getAttribute('class')).includes('tile--bad'), 'the tile is not red');
});

test('a waiting VM that is unassigned is stopped, and not started without a GPU', async (scene) => {
  const { stage } = scene;
  await stage.addVm('big1');
  const page = await scene.open('/vms');
  await order(page, 'big1', 'Assign to GPU pool…');
  const box = await dialog(page, 'Assign big1 to a GPU pool');
  await box.getByLabel('GPU pool').selectOption('GpuChildPool');
  await box.getByText(/\d of 3 servers can give 1 GPU/).waitFor();
  await box.getByLabel('Number of GPUs').fill('3');
  await box.getByText('No server can ever give 3 GPUs of GpuChildPool: the most on one server is 2').waitFor();
  await press(box, 'Assign');
  await told(page, /no host has 3 of its GPUs/);
  await order(page, 'big1', 'Start');
  await told(page, /no host can run it right now: it waits/);
  await stands(row(page, 'Virtual machines', 'big1'), 'Waiting');

  await goTo(page, 'Overview');
  await press(problem(page, 'VM big1 waits'), 'Why not?: big1');
  await shows(page.getByRole('table', { name: /^Every server for big1/ }), 'only 2 GPUs in GpuChildPool (needs 3)');

  await goTo(page, 'Virtual machines');
  await order(page, 'big1', 'Unassign…');
  await press(await dialog(page, 'Unassign big1 from its GPU pools?'), 'Unassign VM');
  await stands(row(page, 'Virtual machines', 'big1'), 'Stopped');
  await page.waitForTimeout(2000);
  const { state, desired } = await stage.get('/v1/vms/big1');
  must(state === 'stopped' && desired === 'stopped', `big1 is ${state} and shall be ${desired}`);
});

test('GPUs of a server that died are never shown as available', async (scene) => {
  const { stage } = scene;
  const { node } = await stage.untilVm('cad1', 'running');
  const dead = ['node1', 'node2', 'node3'].find((name) => name !== node);
  const gpus = await scene.open(`/gpus?q=${dead}`);
  await gpus.getByRole('table', { name: 'GPUs' }).getByText('Available (Not assigned)').first().waitFor();
  await stage.order(`off ${dead}`);
  await counts(gpus.getByRole('table', { name: 'GPUs' }).getByText('Available (Not assigned)'), 0);
  await gpus.getByRole('table', { name: 'GPUs' }).getByText('Server down').first().waitFor();
  const page = await scene.open('/');
  await problem(page, `${dead} is down (proven off)`).waitFor();
  await stage.order(`on ${dead}`);
  await counts(problem(page, `${dead} is down (proven off)`), 0);
});

test('of several GPUs the list tells which were done and which were refused', async (scene) => {
  await scene.stage.must('DELETE', '/v1/pools/GpuChildPool/members/node3/0000:41:00.0');
  await scene.stage.must('POST', '/v1/nodes/node3/gpus/0000:41:00.0/mount');
  const page = await scene.open('/gpus?q=node3');
  await stands(row(page, 'GPUs', 'node3 41:00.0'), 'Used by the host');
  for (const box of await page.getByRole('checkbox', { name: /^Select node3/ }).all()) {
    await box.check();
  }
  await press(page, 'Dismount selected');
  await press(await dialog(page, 'Dismount 2 GPUs?'), 'Dismount');
  const outcome = await dialog(page, '1 GPU of 2 will be dismounted');
  await shows(outcome.getByRole('list', { name: 'What was done' }).getByRole('listitem'), 'node3 0000:41:00.0');
  await shows(outcome.getByRole('list', { name: 'What was refused' }).getByRole('listitem'), 'cannot be dismounted');
});

test('a disarmed cluster is armed by the button beside the problem', async (scene) => {
  await scene.stage.must('POST', '/v1/cluster/disarm');
  const page = await scene.open('/');
  await press(problem(page, 'The cluster is disarmed'), 'Arm the cluster: cluster');
  await press(await dialog(page, 'Arm the cluster?'), 'Arm');
  await counts(problem(page, 'The cluster is disarmed'), 0);
  const viewer = await scene.open('/', { role: 'viewer' });
  await scene.stage.must('POST', '/v1/cluster/disarm');
  await problem(viewer, 'The cluster is disarmed').waitFor();
  await counts(viewer.getByRole('button', { name: 'Arm the cluster: cluster' }), 0);
  await scene.stage.must('POST', '/v1/cluster/arm');
});

const scene = await Scene.begin('--bare');
await scene.stage.order('berth gpu dismount --all --model 10de:2235');
await scene.stage.must('POST', '/v1/pools', { name: 'GpuChildPool', all: true, model: '10de:2235' });
await scene.stage.addVm('cad1', 'GpuChildPool');
await scene.stage.must('POST', '/v1/vms/cad1/start');
await scene.stage.untilVm('cad1', 'running');
await main(scene);
