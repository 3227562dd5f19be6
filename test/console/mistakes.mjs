// SPDX-License-Identifier: LGPL-2.1-or-later
/** Wrong input in each dialog: what is wrong is said where it is, and nothing that was typed is lost. */

import { counts, dialog, must, order, press, row, shows, stands, told } from './lib/gestures.mjs';
import { Scene } from './lib/scene.mjs';
import { main, test } from './lib/tap.mjs';

/** The field must be marked, described by 'text', and hold the keyboard. */
async function faulty(field, text) {
  await shows(field.page().getByText(text), text);
  must((await field.getAttribute('aria-invalid')) === 'true', `${field} is not marked as wrong`);
  const described = await field.getAttribute('aria-describedby');
  const said = described && (await field.page().locator(`[id="${described}"]`).textContent());
  must(said?.includes(text), `${field} is described by "${said}", not "${text}"`);
}

async function holdsKeyboard(field) {
  await field.page().waitForFunction((element) => document.activeElement === element, await field.elementHandle());
}

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

test('a name that is taken is refused in the dialog', async (scene) => {
  const page = await scene.open('/pools');
  await scene.stage.must('DELETE', '/v1/pools/OddPool');
  await press(page, 'Create GPU pool');
  const box = await dialog(page, 'Create GPU pool');
  await box.getByLabel('GPU pool name').fill('GpuChildPool');
  await box.getByRole('checkbox', { name: 'node3 a1:00.0' }).check();
  await press(box, 'Save');
  await shows(box.getByRole('alert'), 'GpuChildPool');
  must((await box.getByLabel('GPU pool name').inputValue()) === 'GpuChildPool', 'the name was lost');
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
  await faulty(box.getByLabel('GPU pool', { exact: false }).first(), 'Choose a GPU pool.');
  await faulty(box.getByLabel('Memory-mapped IO space (MiB)'), 'Give a number of MiB');
  await holdsKeyboard(box.getByLabel('Virtual machine'));
  must((await box.getByLabel('Memory-mapped IO space (MiB)').inputValue()) === 'much', 'what was typed was lost');
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

test('a VM without a pool does not start, and it is said what is missing', async (scene) => {
  const page = await scene.open('/vms');
  await order(page, 'spare1', 'Start');
  await page.getByText(/assign it to a GPU pool first/).waitFor();
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
await main(scene);
