// SPDX-License-Identifier: LGPL-2.1-or-later
/** Wrong input in the dialogs of servers, GPUs and pools: what is wrong is said where it is, and nothing that
 *  was typed is lost. */

import { counts, dialog, faulty, holdsKeyboard, must, order, press, row, shows, stands, told } from './lib/gestures.mjs';
import { Scene } from './lib/scene.mjs';
import { main, test } from './lib/tap.mjs';

test('a pool without a name, with a bad one or without GPUs is not sent', async (scene) => {
  const page = await scene.open('/pools');
  await press(page, 'Create GPU pool');
  const box = await dialog(page, 'Create GPU pool');
  const name = box.getByLabel('GPU pool name');
  await press(box, 'Save');
  await faulty(name, 'Give the pool a name.');
  await holdsKeyboard(name);
  await box.getByText('Choose at least one GPU.').waitFor();
  for (const [bad, why] of [['-a', 'begins with a letter'], ['a b', 'no blanks'], ['a'.repeat(64), 'up to 63']]) {
    await name.fill(bad);
    await press(box, 'Save');
    await faulty(name, why);
    must((await name.inputValue()) === bad, `${bad} was lost`);
  }
  const pools = (await scene.stage.get('/v1/pools')).items;
  must(pools.length === 1, `there are now ${pools.length} pools`);
});

test('a GPU of another model is refused with the difference, and the choice stays', async (scene) => {
  const { stage } = scene;
  await stage.order('berth gpu dismount node1 0000:c1:00.0');
  const page = await scene.open('/pools');
  await press(page, 'Create GPU pool');
  const box = await dialog(page, 'Create GPU pool');
  await box.getByLabel('GPU pool name').fill('OddPool');
  const chosen = ['node1 c1:00.0', 'node3 a1:00.0'].map((gpu) => box.getByRole('checkbox', { name: gpu }));
  for (const each of chosen) {
    await each.check();
  }
  await press(box, 'Save');
  const refusal = box.getByRole('alert');
  await shows(refusal, /Navi 21.*GA102GL|GA102GL.*Navi 21/);
  must((await box.getByLabel('GPU pool name').inputValue()) === 'OddPool', 'the name was lost');
  must((await Promise.all(chosen.map((each) => each.isChecked()))).every(Boolean), 'the choice was lost');
  await box.getByRole('checkbox', { name: /^Mixed/ }).check();
  await press(box, 'Save');
  await told(page, 'GPU pool OddPool was created with 2 GPUs on node1 (1 GPU), node3 (1 GPU)');
});

test('a name that is taken is refused at its field', async (scene) => {
  const page = await scene.open('/pools');
  await scene.stage.must('DELETE', '/v1/pools/OddPool');
  await press(page, 'Create GPU pool');
  const box = await dialog(page, 'Create GPU pool');
  const name = box.getByLabel('GPU pool name');
  await name.fill('GpuChildPool');
  await box.getByRole('checkbox', { name: 'node3 a1:00.0' }).check();
  await press(box, 'Save');
  await faulty(name, 'there is a GPU pool "GpuChildPool" already: give this one another name.');
  await holdsKeyboard(name);
  must((await name.inputValue()) === 'GpuChildPool', 'the name was lost');
  must(await box.getByRole('checkbox', { name: 'node3 a1:00.0' }).isChecked(), 'the choice was lost');
});

test('no GPU, or one of another model, does not join a pool', async (scene) => {
  const page = await scene.open('/pools');
  await press(page, 'Add GPUs to GpuChildPool');
  const box = await dialog(page, 'Add GPUs to GpuChildPool');
  await press(box, 'Add');
  await box.getByText('Choose at least one GPU.').waitFor();
  const odd = box.getByRole('checkbox', { name: 'node1 c1:00.0' });
  await odd.check();
  await press(box, 'Add');
  await shows(box.getByRole('alert'), /node1.*c1:00\.0.*(Navi 21|GA102GL)/);
  must(await odd.isChecked(), 'the choice was lost');
  const { total } = await scene.stage.get('/v1/pools/GpuChildPool');
  must(total === 4, `the pool has now ${total} GPUs`);
});

test('a GPU that a VM holds cannot be removed from its pool: its row offers to unassign the VM', async (scene) => {
  const { gpus, node } = await scene.stage.get('/v1/vms/cad1');
  const gpu = `${node} ${gpus[0].address}`;
  const page = await scene.open('/pools');
  await press(page, `Unassign VM cad1 from ${gpu}`);
  must((await page.getByRole('button', { name: `Remove ${gpu} from GpuChildPool` }).count()) === 0, 'it can be removed');
  const box = await dialog(page, 'Unassign cad1 from GpuChildPool?');
  await press(box, 'Cancel');
  const { total } = await scene.stage.get('/v1/pools/GpuChildPool');
  must(total === 4, `the pool has now ${total} GPUs`);
});

test('a card that the host needs is not dismounted, and it is said why', async (scene) => {
  const page = await scene.open('/gpus');
  await order(page, 'node1 0000:04:00.0', 'Dismount…');
  const box = await dialog(page, 'Dismount 1 GPU?');
  await press(box, 'Dismount');
  await shows(box.getByRole('alert'), /Nothing was changed.*node1 0000:04:00\.0.*shows the host's console/);
  await press(box, 'Cancel');
  const { driver } = await scene.stage.get('/v1/nodes/node1/gpus/0000:04:00.0');
  must(driver === 'ast', `its driver is ${driver}`);
});

test('an assignment without VM or pool, of no GPU or with a bad aperture is not sent', async (scene) => {
  const page = await scene.open('/pools');
  await press(page, 'Assign VM to GPU pool');
  const box = await dialog(page, 'Assign VM to GPU pool');
  await box.getByLabel('GPUs', { exact: false }).first().fill('0');
  await box.getByText('Advanced').click();
  await box.getByLabel('Memory-mapped IO space (MiB)').fill('much');
  await press(box, 'Assign');
  await faulty(box.getByLabel('Virtual machine'), 'Choose a virtual machine.');
  await faulty(box.getByLabel('Number of GPUs'), 'Give a number from 1 to 16.');
  await faulty(box.getByLabel('GPU pool', { exact: false }).first(), 'Choose a GPU pool.');
  await faulty(box.getByLabel('Memory-mapped IO space (MiB)'), 'Give a number of MiB');
  await holdsKeyboard(box.getByLabel('Virtual machine'));
  must((await box.getByLabel('Memory-mapped IO space (MiB)').inputValue()) === 'much', 'what was typed was lost');
});

test('more GPUs than a VM can have are refused at their number', async (scene) => {
  await scene.stage.must('POST', '/v1/vms/spare2/assign', { pool: 'GpuChildPool', count: 10 });
  const page = await scene.open('/pools');
  await press(page, 'Assign VM to GPU pool');
  const box = await dialog(page, 'Assign VM to GPU pool');
  await box.getByLabel('Virtual machine').selectOption('spare2');
  await box.getByLabel('GPU pool', { exact: false }).first().selectOption('GpuChildPool');
  const count = box.getByLabel('Number of GPUs');
  for (const [bad, why] of [['17', 'from 1 to 16'], ['1.5', 'from 1 to 16'], ['', 'from 1 to 16'], ['7', /16 GPUs at most; spare2 has 10/]]) {
    await count.fill(bad);
    await press(box, 'Assign');
    await faulty(count, why);
    await holdsKeyboard(count);
    must((await count.inputValue()) === bad, `${bad} was lost`);
  }
  must((await box.getByLabel('Virtual machine').inputValue()) === 'spare2', 'the VM was lost');
  const [need] = (await scene.stage.get('/v1/vms/spare2')).needs;
  must(need.count === 10, `spare2 needs ${need.count} GPUs now`);
});

test('a VM that runs cannot be assigned, which the dialog says before and at its field', async (scene) => {
  const page = await scene.open('/pools');
  await press(page, 'Assign VM to GPU pool');
  const box = await dialog(page, 'Assign VM to GPU pool');
  const vm = box.getByLabel('Virtual machine');
  await vm.selectOption('cad1');
  await box.getByText('cad1 is running: its GPUs can change only while it is stopped.').waitFor();
  await box.getByLabel('GPU pool', { exact: false }).first().selectOption('GpuChildPool');
  await press(box, 'Assign');
  await faulty(vm, 'stop it first');
  await holdsKeyboard(vm);
});

test('the GPUs of a VM that runs cannot change, and the refusal says what to do first', async (scene) => {
  const page = await scene.open('/pools');
  await press(page, 'Unassign VM cad1 from GpuChildPool');
  const box = await dialog(page, 'Unassign cad1 from GpuChildPool?');
  await press(box, 'Unassign VM');
  await shows(box.getByRole('alert'), /stop it first/i);
  await row(page, 'VMs assigned to GpuChildPool', 'cad1').waitFor();
});

test('a pool that VMs need cannot be removed, and the refusal names them', async (scene) => {
  const page = await scene.open('/pools');
  await press(page, 'Remove pool GpuChildPool');
  const box = await dialog(page, 'Remove GPU pool GpuChildPool?');
  await press(box, 'Remove pool');
  await shows(box.getByRole('alert'), 'cad1');
});

test('only the exact name of a silent server confirms that it is off', async (scene) => {
  const { stage } = scene;
  await stage.must('PATCH', '/v1/nodes/node2', { fencing: 'manual' });
  await stage.order('off node2');
  const page = await scene.open('/servers');
  await shows(row(page, 'Servers', 'node2'), /Silent/);
  await order(page, 'node2', 'Confirm that it is off…');
  const box = await dialog(page, 'Confirm that node2 is off');
  const typed = box.getByLabel("To confirm, type the server's name, node2");
  await typed.fill('node3');
  await press(box, 'It is off');
  await faulty(typed, 'Type node2, exactly.');
  await typed.fill('node2');
  await press(box, 'It is off');
  await counts(page.getByRole('dialog'), 0);
  await stands(row(page, 'Servers', 'node2'), 'Down, proven off');
});

test('a server that is not proven off is not removed; one that is leaves with its GPUs, and may come back', async (scene) => {
  const { stage } = scene;
  const page = await scene.open('/servers');
  await stage.must('PATCH', '/v1/nodes/node3', { fencing: 'manual' });
  await stage.order('off node3');
  await shows(row(page, 'Servers', 'node3'), /Silent/);
  await order(page, 'node3', 'Remove server…');
  const early = await dialog(page, 'Remove node3?');
  await press(early, 'Remove server');
  await shows(early.getByRole('alert'), /confirm that it is/);
  await press(early, 'Cancel');
  await stage.order('on node3');

  await order(page, 'node2', 'Remove server…');
  await press(await dialog(page, 'Remove node2?'), 'Remove server');
  await told(page, /node2 was removed from the cluster, and \d+ of its GPUs from their pools/);
  await counts(row(page, 'Servers', 'node2'), 0);
  const { members } = await stage.get('/v1/pools/GpuChildPool');
  must(members.every(({ node }) => node !== 'node2'), 'its GPUs are still in the pool');
  await stage.order('on node2');
  await stands(row(page, 'Servers', 'node2'), 'Up');
});

const scene = await Scene.begin('--bare');
for (const node of ['node1', 'node2', 'node3']) {
  await scene.stage.order(`berth gpu dismount ${node} 0000:41:00.0 0000:a1:00.0`);
}
const members = ['node1', 'node2'].flatMap((node) => ['0000:41:00.0', '0000:a1:00.0'].map((address) => ({ node, address })));
await scene.stage.must('POST', '/v1/pools', { name: 'GpuChildPool', members });
await scene.stage.addVm('cad1', 'GpuChildPool');
await scene.stage.must('POST', '/v1/vms/cad1/start');
await scene.stage.untilVm('cad1', 'running');
await scene.stage.addVm('spare1');
await scene.stage.addVm('spare2');
await main(scene);
