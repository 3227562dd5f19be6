// SPDX-License-Identifier: LGPL-2.1-or-later
/** Dialogs that are open while somebody else changes the same thing, or while the store falls silent: it is said,
 *  what was typed stays, and nothing is changed. */

import { counts, dialog, must, order, press, row, shows, stands, told } from './lib/gestures.mjs';
import { Scene } from './lib/scene.mjs';
import { domainXml } from './lib/stage.mjs';
import { main, test } from './lib/tap.mjs';

test('settings that somebody else has saved meanwhile are not overwritten, and saving again keeps both', async (scene) => {
  const { stage } = scene;
  const page = await scene.open('/vms');
  await order(page, 'spare1', 'Settings…');
  const box = await dialog(page, 'Settings of spare1');
  await box.getByLabel('Preferred owners').fill('node2');
  await stage.must('PATCH', '/v1/vms/spare1', { priority: 2500, preferred_owners: ['node3'] });
  await press(box, 'Save');
  await shows(box.getByRole('alert'), 'Nothing was saved: someone else has changed spare1');
  const { spec } = await stage.get('/v1/vms/spare1');
  must(spec.preferred_owners.join() === 'node3', `preferred are now ${spec.preferred_owners}`);
  must((await box.getByLabel('Preferred owners').inputValue()) === 'node2', 'what was typed was lost');
  must((await box.getByLabel('Priority as a number').inputValue()) === '2500', 'their priority is not shown');
  await press(box, 'Save');
  await counts(page.getByRole('dialog'), 0);
  const now = await stage.get('/v1/vms/spare1');
  must(now.spec.preferred_owners.join() === 'node2' && now.priority === 2500, JSON.stringify(now.spec));
});

test('a VM or pool that someone else has changed meanwhile is not removed', async (scene) => {
  const { stage } = scene;
  await stage.must('POST', '/v1/pools', { name: 'Other', members: [{ node: 'node3', address: '0000:41:00.0' }] });
  const cases = [
    ['/vms', 'Remove spare1?', 'Remove', (page) => order(page, 'spare1', 'Remove…'), '/v1/vms/spare1',
      () => stage.must('PATCH', '/v1/vms/spare1', { priority: 1000 })],
    ['/pools', 'Remove GPU pool Other?', 'Remove pool', (page) => press(page, 'Remove pool Other'), '/v1/pools/Other',
      () => stage.must('POST', '/v1/pools/Other/members', { members: [{ node: 'node3', address: '0000:a1:00.0' }] })],
  ];
  for (const [place, title, button, open, path, change] of cases) {
    const page = await scene.open(place);
    await open(page);
    const box = await dialog(page, title);
    await change();
    await press(box, button);
    await shows(box.getByRole('alert'), 'Nothing was done: someone else has changed it since you opened this.');
    await stage.get(path);
    await press(box, 'Cancel');
    await counts(page.getByRole('dialog'), 0);
  }
  await stage.must('DELETE', '/v1/pools/Other');
});

test('two people who assign the same VM do not assign it twice', async (scene) => {
  const { stage } = scene;
  const page = await scene.open('/vms');
  await order(page, 'spare1', 'Assign to GPU pool…');
  const box = await dialog(page, 'Assign spare1 to a GPU pool');
  const pool = box.getByLabel('GPU pool', { exact: true });
  await pool.selectOption('GpuChildPool');
  await page.route('**/v1/vms/spare1', (route) => route.abort()); // the page does not learn of it in time
  await stage.must('POST', '/v1/vms/spare1/assign', { pool: 'GpuChildPool', count: 1 });
  await press(box, 'Assign');
  await shows(box.getByRole('alert'), 'Nothing was done: someone else has changed it');
  must((await pool.inputValue()) === 'GpuChildPool', 'the choice was lost');
  const [need] = (await stage.get('/v1/vms/spare1')).needs;
  must(need.count === 1, `spare1 needs ${need.count} GPUs`);
  await page.unroute('**/v1/vms/spare1');
  await box.getByText('It has now: GpuChildPool').waitFor();
});

test('what somebody else has unassigned already cannot be unassigned', async (scene) => {
  const { stage } = scene;
  const page = await scene.open('/pools');
  await press(page, 'Unassign VM spare1 from GpuChildPool');
  const box = await dialog(page, 'Unassign spare1 from GpuChildPool?');
  await stage.must('POST', '/v1/vms/spare1/unassign', { pool: 'GpuChildPool' });
  await press(box, 'Unassign VM');
  await shows(box.getByRole('alert'), 'VM spare1 is assigned 0 GPUs of pool GpuChildPool');
});

test('a GPU that somebody else has taken into a pool is marked where it was chosen', async (scene) => {
  const { stage } = scene;
  const page = await scene.open('/pools');
  await press(page, 'Create GPU pool');
  const box = await dialog(page, 'Create GPU pool');
  await box.getByLabel('GPU pool name').fill('LatePool');
  const [lost, left] = ['41', 'a1'].map((bus) => box.getByRole('checkbox', { name: `node3 ${bus}:00.0` }));
  await lost.check();
  await left.check();
  await stage.must('POST', '/v1/pools', { name: 'QuickPool', members: [{ node: 'node3', address: '0000:41:00.0' }] });
  await box.getByText('now in GPU pool QuickPool').waitFor();
  await press(box, 'Save');
  await shows(box.getByRole('alert'), /node3.*41:00\.0.*QuickPool/);
  must((await lost.isChecked()) && (await left.isChecked()), 'the choice was lost');
  await lost.click(); // it leaves the list
  await press(box, 'Save');
  await told(page, 'GPU pool LatePool was created with 1 GPU on node3 (1 GPU)');
  await stage.must('DELETE', '/v1/pools/LatePool');
});

test('a GPU that joined a pool meanwhile is not given back to its host', async (scene) => {
  const { stage } = scene;
  const page = await scene.open('/gpus');
  await order(page, 'node3 0000:a1:00.0', 'Mount…');
  const box = await dialog(page, 'Mount 1 GPU?');
  await stage.must('POST', '/v1/pools/QuickPool/members', { members: [{ node: 'node3', address: '0000:a1:00.0' }] });
  await press(box, 'Mount');
  await shows(box.getByRole('alert'), /Nothing was changed.*node3 0000:a1:00\.0.*QuickPool/);
  await stage.must('DELETE', '/v1/pools/QuickPool');
});

test('what somebody else has done already is said, and is no fault', async (scene) => {
  const { stage } = scene;
  const page = await scene.open('/servers');
  await order(page, 'node3', 'Pause…');
  const box = await dialog(page, 'Pause node3?');
  await stage.must('POST', '/v1/nodes/node3/pause');
  await press(box, 'Pause');
  await told(page, /node3 is paused already/);
  await counts(page.getByRole('dialog'), 0);
  await order(page, 'node3', 'Resume…');
  const again = await dialog(page, 'Resume node3?');
  await stage.must('POST', '/v1/nodes/node3/resume');
  await press(again, 'Resume');
  await told(page, /node3 .*already/);
});

test('a VM that was stopped or removed meanwhile is not moved, and not stopped', async (scene) => {
  const { stage } = scene;
  await stage.addVm('brief1', 'GpuChildPool');
  await stage.must('POST', '/v1/vms/brief1/start');
  await stage.untilVm('brief1', 'running');
  const [moving, stopping] = [await scene.open('/vms'), await scene.open('/vms')];
  await order(moving, 'brief1', 'Move…');
  await order(stopping, 'brief1', 'Stop…');
  await stage.must('POST', '/v1/vms/brief1/stop');
  await stage.untilVm('brief1', 'stopped');
  const move = await dialog(moving, 'Move brief1');
  await press(move, 'Move');
  await shows(move.getByRole('alert'), 'VM brief1 is stopped: only a running VM is moved');
  await stage.must('DELETE', '/v1/vms/brief1');
  const stop = await dialog(stopping, 'Stop brief1?');
  await press(stop, 'Stop');
  await shows(stop.getByRole('alert'), 'there is no VM "brief1"');
});

test('a server that lives again cannot be confirmed to be off', async (scene) => {
  const { stage } = scene;
  await stage.must('PATCH', '/v1/nodes/node3', { fencing: 'manual' });
  await stage.order('off node3');
  const page = await scene.open('/servers');
  await shows(row(page, 'Servers', 'node3'), /Silent/);
  await order(page, 'node3', 'Confirm that it is off…');
  const box = await dialog(page, 'Confirm that node3 is off');
  await box.getByLabel("To confirm, type the server's name, node3").fill('node3');
  await stage.order('on node3');
  await stands(row(page, 'Servers', 'node3'), 'Up');
  await press(box, 'It is off');
  await shows(box.getByRole('alert'), /node3 (is alive|has been started anew)/);
});

const silent = /the store (has not answered for|could not be asked|did not answer)/;

async function addByXml(page) {
  await press(page, 'Add virtual machine');
  await page.getByLabel('Describe it').selectOption('By domain XML of libvirt');
}

/** Page, title, what opens it, what is filled in (label, value), and the button. */
const dialogs = [
  ['/servers', 'Pause node2?', (page) => order(page, 'node2', 'Pause…'), [], 'Pause'],
  ['/servers', 'Drain node2?', (page) => order(page, 'node2', 'Drain…'), [], 'Drain'],
  ['/servers', 'Resume node1?', (page) => order(page, 'node1', 'Resume…'), [], 'Resume'],
  ['/gpus', 'Dismount 1 GPU?', (page) => order(page, 'node1 0000:c1:00.0', 'Dismount…'), [], 'Dismount'],
  ['/gpus', 'Mount 1 GPU?', (page) => order(page, 'node3 0000:a1:00.0', 'Mount…'), [], 'Mount'],
  ['/gpus', 'Release node2 0000:a1:00.0 from quarantine?', (page) => order(page, 'node2 0000:a1:00.0', 'Release from quarantine…'), [], 'Release'],
  ['/pools', 'Create GPU pool', (page) => press(page, 'Create GPU pool'), [['GPU pool name', 'NewPool'], ['node3 a1:00.0', true]], 'Save'],
  ['/pools', 'Add GPUs to GpuChildPool', (page) => press(page, 'Add GPUs to GpuChildPool'), [['node3 a1:00.0', true]], 'Add'],
  ['/pools', 'Remove node1 0000:41:00.0 from GpuChildPool?', (page) => press(page, 'Remove node1 0000:41:00.0 from GpuChildPool'), [], 'Remove'],
  ['/pools', 'Remove GPU pool GpuChildPool?', (page) => press(page, 'Remove pool GpuChildPool'), [], 'Remove pool'],
  ['/pools', 'Unassign cad1 from GpuChildPool?', (page) => press(page, 'Unassign VM cad1 from GpuChildPool'), [], 'Unassign VM'],
  ['/pools', 'Assign VM to GPU pool', (page) => press(page, 'Assign VM to GPU pool'),
    [['Virtual machine', 'spare1'], ['GPU pool', 'GpuChildPool'], ['Number of GPUs', '2']], 'Assign'],
  ['/vms', 'Add virtual machine', addByXml, [['Domain XML', domainXml('new1')], ['Name', 'new2']], 'Add'],
  ['/vms', 'Settings of spare1', (page) => order(page, 'spare1', 'Settings…'), [['Preferred owners', 'node1']], 'Save'],
  ['/vms', 'Stop cad1?', (page) => order(page, 'cad1', 'Stop…'), [], 'Stop'],
  ['/vms', 'Remove spare1?', (page) => order(page, 'spare1', 'Remove…'), [], 'Remove'],
];

async function fill(box, label, value) {
  const field = box.getByLabel(label, { exact: typeof value === 'string' });
  if (value === true) {
    await field.check();
  } else if ((await field.evaluate((element) => element.tagName)) === 'SELECT') {
    await field.selectOption(value);
  } else {
    await field.fill(value);
  }
}

async function holds(box, label, value) {
  const field = box.getByLabel(label, { exact: typeof value === 'string' });
  return (value === true ? field.isChecked() : (await field.inputValue()) === value);
}

test('while the store is silent each dialog says so, keeps what was typed and changes nothing', async (scene) => {
  const { stage } = scene;
  await stage.until('node3 has let its GPUs go', async () =>
    (await stage.get('/v1/gpus?node=node3&state=dismounted')).items.length === 2);
  await stage.must('POST', '/v1/nodes/node1/pause');
  const revision = async (path) => JSON.stringify((await stage.get(path)).items.map((each) => [each.name, each.revision]));
  const paths = ['/v1/nodes', '/v1/pools', '/v1/vms'];
  const before = await Promise.all(paths.map(revision));
  const early = await scene.open('/vms'); // what is not known to run is not offered to be moved
  await order(early, 'cad1', 'Move…');
  await stage.order('store off');
  await early.getByText(/store has been silent since/).waitFor();
  const move = await dialog(early, 'Move cad1');
  await press(move, 'Move');
  await shows(move.getByRole('alert'), silent);
  const faults = [];
  for (const [path, title, open, fields, button] of dialogs) {
    const page = await scene.open(path);
    await page.getByText(/store has been silent since/).waitFor();
    await open(page);
    const box = await dialog(page, title);
    for (const [label, value] of fields) {
      await fill(box, label, value);
    }
    await press(box, button);
    await shows(box.getByRole('alert'), silent);
    for (const [label, value] of fields) {
      if (!(await holds(box, label, value))) {
        faults.push(`${title}: ${label} was lost`);
      }
    }
    await page.context().close();
  }
  must(faults.length === 0, faults.join('\n'));
  await stage.order('store on');
  await stage.until('the store answers', async () => (await stage.get('/v1/status')).stale_since_ms === undefined);
  const after = await Promise.all(paths.map(revision));
  must(JSON.stringify(before) === JSON.stringify(after), `from ${before}\nto ${after}`);
});

const scene = await Scene.begin('--bare');
const { stage } = scene;
await stage.order('berth gpu dismount --all --model 10de:2235');
const members = ['node1', 'node2'].flatMap((node) => ['0000:41:00.0', '0000:a1:00.0'].map((address) => ({ node, address })));
await stage.must('POST', '/v1/pools', { name: 'GpuChildPool', members });
await stage.order('spoil gpu node2 0000:a1:00.0');
const victim = { xml: domainXml('victim1'), needs: [{ pool: 'GpuChildPool', count: 2 }], possible_owners: ['node2'] };
await stage.must('POST', '/v1/vms', victim);
await stage.must('POST', '/v1/vms/victim1/start');
await stage.until('the spoilt GPU is in quarantine', async () =>
  (await stage.get('/v1/nodes/node2/gpus/0000:a1:00.0')).health === 'quarantined');
await stage.must('POST', '/v1/vms/victim1/stop', { force: true });
await stage.untilVm('victim1', 'stopped');
await stage.must('DELETE', '/v1/vms/victim1');
await stage.addVm('cad1', 'GpuChildPool');
await stage.addVm('spare1');
await stage.must('POST', '/v1/vms/cad1/start');
await stage.untilVm('cad1', 'running');
await main(scene);
