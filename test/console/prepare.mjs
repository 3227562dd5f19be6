// SPDX-License-Identifier: LGPL-2.1-or-later
/** From an empty cluster to VMs with GPUs without leaving the console, each step in one go; each test goes on where the
 *  one before has ended. */

import { violations } from './lib/axe.mjs';
import { counts, dialog, faulty, must, order, press, row, shows, stands, told } from './lib/gestures.mjs';
import { Scene } from './lib/scene.mjs';
import { main, test } from './lib/tap.mjs';

const model = '10de:2235';

test('an empty cluster shows the way: a pool takes its GPUs from their servers by itself', async (scene) => {
  const { stage } = scene;
  const page = await scene.open('/');
  const start = page.getByRole('region', { name: 'Get started' });
  await shows(start, '10 GPUs found, 0 taken');
  must((await violations(page)).length === 0, (await violations(page)).join('\n'));
  await press(start, 'Create GPU pool');
  const box = await dialog(page, 'Create GPU pool');
  await box.getByLabel('GPU pool name').fill('GpuChildPool');
  await box.getByRole('button', { name: /^Select all 6 of / }).click();
  await counts(box.getByText('will be dismounted from its server'), 7);
  await press(box, 'Save');
  await told(page, 'GPU pool GpuChildPool was created with 6 GPUs on node1 (2 GPUs), node2 (2 GPUs), node3 (2 GPUs)');
  const { items } = await stage.get('/v1/gpus?pool=GpuChildPool');
  must(items.length === 6 && items.every((gpu) => gpu.state === 'available' && gpu.model === model), `the pool has ${JSON.stringify(items)}`);
  await shows(start, '6 taken');
});

test('a VM is added by a form, which writes the XML, and gets its GPU', async (scene) => {
  const { stage } = scene;
  const page = await scene.open('/');
  await press(page.getByRole('region', { name: 'Get started' }), 'Add virtual machine');
  const box = await dialog(page, 'Add virtual machine');
  await press(box, 'Add');
  await faulty(box.getByLabel('Name', { exact: true }), 'Give the virtual machine a name.');
  await faulty(box.getByLabel('Disks'), 'Give a disk');
  await box.getByLabel('Name', { exact: true }).fill('train1');
  await box.getByLabel('Virtual CPUs').fill('6');
  await box.getByLabel('Memory (GiB)').fill('12');
  await box.getByLabel('Disks').fill('train1.qcow2');
  await press(box, 'Add');
  await faulty(box.getByLabel('Disks'), 'from its root on');
  await box.getByLabel('Disks').fill('/var/lib/libvirt/images/a & b/train1.qcow2\n/dev/vg0/data');
  await box.getByLabel('Install from (ISO image)').fill('/var/lib/libvirt/images/debian.iso');
  await box.getByLabel('Network').fill("lan'1");
  await box.getByLabel('GPU pool').selectOption('GpuChildPool (6 of 6 available)');
  await box.getByLabel('Start it').check();
  await press(box, 'Add');
  await shows(box.getByRole('alert'), 'the domain policy does not allow dev "/dev/vg0/data"');
  await box.getByLabel('Disks').fill('/var/lib/libvirt/images/a & b/train1.qcow2');
  await press(box, 'Add');
  await told(page, /VM train1 was added/);
  const vm = await stage.untilVm('train1', 'running');
  must(vm.cpus === 6 && vm.memory_mib === 12288 && vm.gpus.length === 1, `it is ${JSON.stringify(vm)}`);
  for (const part of ["<source file='/var/lib/libvirt/images/a &amp; b/train1.qcow2'/>", "type='qcow2'", "network='lan&apos;1'", "firmware='efi'", "device='cdrom'"]) {
    must(vm.xml.includes(part), `no ${part} in ${vm.xml}`);
  }
  await counts(page.getByRole('region', { name: 'Get started' }), 0);
});

test('a VM that runs is stopped, assigned another GPU and started again, in one go', async (scene) => {
  const page = await scene.open('/vms/train1');
  await page.getByRole('main').getByText('Running').first().waitFor();
  await press(page, 'Assign to GPU pool…');
  const box = await dialog(page, 'Assign train1 to a GPU pool');
  await box.getByLabel('GPU pool').selectOption('GpuChildPool (5 of 6 available)');
  await box.getByLabel('Stop it, assign, and start it again').check();
  await press(box, 'Stop, assign and start again');
  await told(page, /train1 was assigned 1 GPU/);
  const vm = await scene.stage.untilVm('train1', 'running');
  must(vm.gpus.length === 2, `it has ${JSON.stringify(vm.gpus)}`);
});

test('its definition is edited, and a restart lets that take effect', async (scene) => {
  const { stage } = scene;
  const page = await scene.open('/vms');
  await order(page, 'train1', 'Edit definition…');
  const box = await dialog(page, 'Edit the definition of train1');
  await box.getByLabel('Memory (MiB)').fill('8192');
  await press(box, 'Save');
  await box.waitFor({ state: 'detached' });
  const before = await stage.get('/v1/vms/train1');
  must(before.pending, 'the change is not pending');
  await order(page, 'train1', 'Restart…');
  await press(await dialog(page, 'Restart train1?'), 'Restart');
  await told(page, /train1 is to be started/);
  const vm = await stage.untilVm('train1', 'running');
  must(vm.epoch > before.epoch && vm.memory_mib === 8192 && !vm.pending, `it is ${JSON.stringify(vm)}`);
});

test('the command line restarts and resets, too', async (scene) => {
  const { stage } = scene;
  for (const verb of ['restart', 'reset']) {
    const { epoch } = await stage.get('/v1/vms/train1');
    const lines = await stage.order(`berth vm ${verb} train1`);
    must(/train1 is stopped/.test(lines.join('\n')) && /train1 is running on node/.test(lines.join('\n')), lines.join('\n'));
    must((await stage.get('/v1/vms/train1')).epoch > epoch, `${verb}: it is the same instance`);
  }
});

test('a VM is unassigned from the row of its GPU, and a running one is stopped first', async (scene) => {
  const { stage } = scene;
  const { node, gpus } = await stage.untilVm('train1', 'running');
  const page = await scene.open('/gpus');
  await order(page, `${node} ${gpus[0].address}`, 'Unassign VM…');
  const box = await dialog(page, 'Unassign train1 from GpuChildPool?');
  await box.getByLabel('How many').selectOption('1');
  await box.getByLabel('train1 is running: stop it first').check();
  await press(box, 'Stop, unassign and start again');
  await told(page, /unassigned/);
  const vm = await stage.untilVm('train1', 'running');
  must(vm.gpus.length === 1, `it has ${JSON.stringify(vm.gpus)}`);
  await page.goto(`${stage.url}/pools/GpuChildPool`);
  await page.getByRole('button', { name: /^Unassign VM train1 from node/ }).click();
  const last = await dialog(page, 'Unassign train1 from GpuChildPool?');
  await last.getByLabel('train1 is running: stop it first').check();
  await press(last, 'Stop and unassign VM');
  await counts(page.getByText('Assigned to train1'), 0);
  await stage.until('train1 is stopped and needs no GPU', async () => {
    const { state, needs } = await stage.get('/v1/vms/train1');
    return state === 'stopped' && needs.length === 0;
  });
  await counts(page.getByRole('dialog'), 0);
});

test('a GPU that cannot be dismounted does not keep the others out, and is named with the reason', async (scene) => {
  const { stage } = scene;
  await stage.must('DELETE', '/v1/pools/GpuChildPool');
  await stage.order('berth gpu mount node2 0000:41:00.0 0000:a1:00.0');
  await stage.until('node2 has them back', async () => (await stage.get('/v1/nodes/node2/gpus')).items.filter((gpu) => gpu.state === 'host').length >= 2);
  const page = await scene.open('/pools');
  await page.route('**/node2/gpus/*41*/dismount', (route) => route.fulfill({ status: 409, json: { code: 'in-use', message: 'the host uses it', reasons: [], parameters: {} } }));
  await press(page, 'Create GPU pool');
  const box = await dialog(page, 'Create GPU pool');
  await box.getByLabel('GPU pool name').fill('Others');
  await box.getByRole('button', { name: /^Select all 6 of / }).click();
  await press(box, 'Save');
  const outcome = await dialog(page, 'GPU pool Others was created with 5 GPUs on node1 (2 GPUs), node2 (1 GPU), node3 (2 GPUs)');
  await shows(outcome.getByRole('list', { name: 'What was refused' }).getByRole('listitem'), 'the host uses it');
  await outcome.getByRole('link', { name: 'node2 0000:41:00.0' }).click();
  await page.getByRole('heading', { level: 1, name: 'GPU node2 41:00.0' }).waitFor();
});

test('all cards of a model are divided at once, by one of the counts that are possible', async (scene) => {
  const { stage } = scene;
  await stage.must('DELETE', '/v1/pools/Others');
  const page = await scene.open('/gpus');
  await order(page, 'node1 0000:41:00.0', 'Configure partition count…');
  const box = await dialog(page, 'Configure partition count of node1 0000:41:00.0');
  await box.getByRole('checkbox', { name: /^All 6 cards of the model/ }).check();
  await counts(box.getByRole('list', { name: 'Cards' }).getByRole('listitem'), 6);
  await box.getByLabel('Partition count').selectOption('4');
  await press(box, 'Save');
  await told(page, '6 GPUs will be divided into 4 partitions each');
  await stage.until('all are divided', async () => (await stage.get('/v1/gpus')).items.filter((gpu) => gpu.state === 'partitioned').length === 6);
});

await main(await Scene.begin('--bare', '--patient'));
