// SPDX-License-Identifier: LGPL-2.1-or-later
/** Wrong input in the dialogs of VMs: what is wrong is said where it is, and nothing that was typed is lost. */

import { dialog, faulty, fold, holdsKeyboard, must, order, press, shows } from './lib/gestures.mjs';
import { Scene } from './lib/scene.mjs';
import { domainXml } from './lib/stage.mjs';
import { main, test } from './lib/tap.mjs';

async function addDialog(scene) {
  const page = await scene.open('/vms');
  await press(page, 'Add virtual machine');
  const box = await dialog(page, 'Add virtual machine');
  await box.getByLabel('Describe it').selectOption('By domain XML of libvirt');
  return { page, box, xml: box.getByLabel('Domain XML'), name: box.getByLabel('Name', { exact: true }) };
}

const kept = async (field, text) => must((await field.inputValue()) === text, `"${text.slice(0, 40)}" was lost`);

test('what is no domain XML is refused at its field', async (scene) => {
  const { box, xml } = await addDialog(scene);
  const wrong = [
    ['', 'Paste the domain XML'], ['train1', 'no domain XML'], ['<domain>', 'no domain XML'], ['<network/>', 'no domain XML'],
    [`<domain>${' '.repeat(256 * 1024)}</domain>`, 'more than 256 KiB'], ['<domain type="kvm"/>', 'no domain XML that Berth can start'],
    [domainXml('gpu1').replace('<os>', '<devices><hostdev mode="subsystem" type="pci"><source><address bus="0x41"/></source></hostdev></devices><os>'), 'hostdev'],
  ];
  for (const [text, why] of wrong) {
    await xml.fill(text);
    await press(box, 'Add');
    await faulty(xml, why);
    await holdsKeyboard(xml);
    await kept(xml, text);
  }
});

test('a file that is no domain XML for its size is not read', async (scene) => {
  const { box, xml } = await addDialog(scene);
  await xml.fill(domainXml('typed1'));
  await box.getByLabel('Or choose a file').setInputFiles({ name: 'disk.img', mimeType: 'text/xml', buffer: Buffer.alloc(300 * 1024, 'x') });
  await faulty(xml, 'disk.img: That is more than 256 KiB');
  await kept(xml, domainXml('typed1'));
});

test('a name that is bad or taken is refused at its field', async (scene) => {
  const { box, xml, name } = await addDialog(scene);
  await xml.fill(domainXml('spare1'));
  await press(box, 'Add');
  await faulty(name, 'there is a VM "spare1" already; give this one another name');
  await holdsKeyboard(name);
  for (const [bad, why] of [['-a', 'begins with a letter'], ['a/b', 'no blanks'], ['a'.repeat(64), 'up to 63'], ['cad1', '"cad1" already']]) {
    await name.fill(bad);
    await press(box, 'Add');
    await faulty(name, why);
    await kept(name, bad);
  }
  await kept(xml, domainXml('spare1'));
  const { items } = await scene.stage.get('/v1/vms');
  must(items.length === 2, `there are now ${items.length} VMs`);
});

test('a pool that is gone meanwhile, and too many GPUs, are refused at their fields', async (scene) => {
  await scene.stage.must('POST', '/v1/pools', { name: 'ShortLived' });
  const { box, xml } = await addDialog(scene);
  const pool = box.getByLabel('GPU pool');
  await xml.fill(domainXml('new1'));
  await pool.selectOption('ShortLived');
  const count = box.getByLabel('Number of GPUs');
  for (const bad of ['0', '17', 'two', '']) {
    await count.fill(bad);
    await press(box, 'Add');
    await faulty(count, 'Give a number from 1 to 16.');
    await kept(count, bad);
  }
  await count.fill('1');
  await scene.stage.must('DELETE', '/v1/pools/ShortLived');
  await press(box, 'Add');
  await faulty(pool, 'there is no GPU pool "ShortLived"');
  await kept(xml, domainXml('new1'));
  must((await scene.stage.request('GET', '/v1/vms/new1')).status === 404, 'new1 was added');
});

async function settingsDialog(scene, vm) {
  const page = await scene.open('/vms');
  await order(page, vm, 'Settings…');
  const box = await dialog(page, `Settings of ${vm}`);
  await fold(box);
  return box;
}

test('a setting that is no number, or none that can be, is refused at its field', async (scene) => {
  const before = (await scene.stage.get('/v1/vms/cad1')).spec;
  const box = await settingsDialog(scene, 'cad1');
  await box.getByLabel('Priority').selectOption('other');
  const fields = [
    ['Priority as a number', '1000001', '1000000'], ['Time limit of the offline action (seconds)', '0', 'from 1 to 86400'],
    ['Restarts on its server before it fails over', '-1', 'from 0 to 1000'], ['Failovers before it is failed', 'many', 'from 0 to 1000'],
    ['Memory-mapped IO space (MiB)', '64 GiB', 'Give a number'],
  ];
  for (const [label, bad] of fields) {
    await box.getByLabel(label).fill(bad);
  }
  await press(box, 'Save');
  for (const [label, bad, why] of fields) {
    await faulty(box.getByLabel(label), why);
    await kept(box.getByLabel(label), bad);
  }
  await holdsKeyboard(box.getByLabel('Priority as a number'));
  const after = (await scene.stage.get('/v1/vms/cad1')).spec;
  must(JSON.stringify(before) === JSON.stringify(after), 'something was saved');
});

test('servers and VMs that do not exist are refused at the field that names them', async (scene) => {
  const box = await settingsDialog(scene, 'cad1');
  const wrong = [
    ['Preferred owners', 'node2, node9', 'there is no node "node9"'], ['Preferred owners', 'node/2', 'node/2'],
    ['Together with', 'nobody1', 'there is no VM "nobody1"'], ['Apart from', 'spare1, nobody2', 'there is no VM "nobody2"'],
    ['Apart from', 'cad1', 'cad1 cannot be related to itself'],
  ];
  for (const [label, bad, why] of wrong) {
    const field = box.getByLabel(label);
    await field.fill(bad);
    await press(box, 'Save');
    await faulty(field, why);
    await holdsKeyboard(field);
    await kept(field, bad);
    await field.fill('');
  }
});

test('an offline action that is not possible with GPUs is refused at its field', async (scene) => {
  const box = await settingsDialog(scene, 'cad1');
  const action = box.getByLabel('Offline action', { exact: true });
  await action.selectOption('save');
  await press(box, 'Save');
  await faulty(action, 'the state of a GPU cannot be saved');
  must((await action.inputValue()) === 'save', 'the choice was lost');
});

test('a fault in what is folded away is unfolded', async (scene) => {
  const box = await settingsDialog(scene, 'cad1');
  const restarts = box.getByLabel('Restarts on its server before it fails over');
  await restarts.fill('often');
  await fold(box);
  await restarts.waitFor({ state: 'hidden' });
  await press(box, 'Save');
  await restarts.waitFor();
  await faulty(restarts, 'Give a number');
  await holdsKeyboard(restarts);
});

test('a server that takes no VMs is refused as the place to move to', async (scene) => {
  const { stage } = scene;
  const { node } = await stage.get('/v1/vms/cad1');
  const other = ['node1', 'node2', 'node3'].find((each) => each !== node);
  const page = await scene.open('/vms');
  await order(page, 'cad1', 'Move…');
  const box = await dialog(page, 'Move cad1');
  const to = box.getByLabel('To server');
  await to.selectOption(other);
  await stage.must('POST', `/v1/nodes/${other}/pause`);
  await press(box, 'Move');
  await faulty(to, `${other} takes no VMs: it is paused`);
  await holdsKeyboard(to);
  must((await to.inputValue()) === other, 'the choice was lost');
  must((await stage.get('/v1/vms/cad1')).node === node, 'cad1 was moved');
  await stage.must('POST', `/v1/nodes/${other}/resume`);
});

test('a VM that runs is not removed, and the refusal says what to do first', async (scene) => {
  const page = await scene.open('/vms');
  await order(page, 'cad1', 'Remove…');
  const box = await dialog(page, 'Remove cad1?');
  await press(box, 'Remove');
  await shows(box.getByRole('alert'), /cad1.*stop it first/i);
  must((await scene.stage.get('/v1/vms/cad1')).state === 'running', 'cad1 does not run any more');
});

const scene = await Scene.begin('--bare');
await scene.stage.makePool();
await scene.stage.addVm('cad1', 'GpuChildPool');
await scene.stage.must('POST', '/v1/vms/cad1/start');
await scene.stage.untilVm('cad1', 'running');
await scene.stage.addVm('spare1');
await main(scene);
