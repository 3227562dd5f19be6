// SPDX-License-Identifier: LGPL-2.1-or-later
/** As many VMs as a cluster of Windows may have. */

import { counts, must, press, row, stands } from './lib/gestures.mjs';
import { Scene } from './lib/scene.mjs';
import { main, test } from './lib/tap.mjs';

const vms = 8000;
const atOnce = 100; // etcd takes 128 operations in a transaction
const elementsMax = 4000;

const encode = (text) => Buffer.from(text).toString('base64');

async function ask(stage, path, body) {
  const reply = await fetch(`${stage.etcd}/v3/kv/${path}`, { method: 'POST', body: JSON.stringify(body) });
  must(reply.ok, `etcd: ${path}: ${reply.status}`);
  return reply.json();
}

/** Copies of one VM that the API has made, straight into the store. */
async function addMany(stage) {
  await stage.addVm('vm-0000');
  const { kvs } = await ask(stage, 'range', { key: encode('/berth/want/vms/vm-0000') });
  const spec = JSON.parse(Buffer.from(kvs[0].value, 'base64').toString());
  const put = (number) => {
    const name = `vm-${String(number).padStart(4, '0')}`;
    const uuid = `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`;
    const value = JSON.stringify({ ...spec, uuid });
    return { requestPut: { key: encode(`/berth/want/vms/${name}`), value: encode(value) } };
  };
  for (let first = 1; first < vms; first += atOnce) {
    const numbers = Array.from({ length: Math.min(atOnce, vms - first) }, (_, i) => first + i);
    await ask(stage, 'txn', { success: numbers.map(put) });
  }
  await stage.until('the API shows all of them', async () => (await stage.get('/v1/vms')).items.length === vms);
}

test('a list of 8,000 VMs draws few elements, and each VM is found by typing', async (scene) => {
  await addMany(scene.stage);
  const page = await scene.open('/vms');
  await row(page, 'Virtual machines', 'vm-0000').waitFor();
  const drawn = await page.evaluate(() => document.querySelectorAll('*').length);
  must(drawn < elementsMax, `${drawn} elements are drawn`);
  await page.getByText(/of 8,000/).first().waitFor();
  await page.getByRole('searchbox').first().fill('vm-7654');
  await row(page, 'Virtual machines', 'vm-7654').waitFor();
  await counts(page.getByRole('table', { name: 'Virtual machines' }).getByRole('rowheader'), 1);
});

test('the last of 8,000 VMs are a click away, and a change of one shows while they are looked at', async (scene) => {
  const page = await scene.open('/vms');
  await row(page, 'Virtual machines', 'vm-0000').waitFor();
  await press(page.getByRole('table', { name: 'Virtual machines' }), 'Virtual machine');
  await row(page, 'Virtual machines', 'vm-7999').waitFor();
  await scene.stage.makePool();
  await scene.stage.must('POST', '/v1/vms/vm-7999/assign', { pool: 'GpuChildPool' });
  await scene.stage.must('POST', '/v1/vms/vm-7999/start');
  await stands(row(page, 'Virtual machines', 'vm-7999'), 'Running');
});

test('of many servers those that are well are folded away, and one that is not stands above them', async (scene) => {
  const page = await scene.open('/what-if');
  const more = 17;
  const grown = async (route, copies) => {
    const reply = await route.fetch();
    const json = await reply.json();
    await route.fulfill({ response: reply, json: copies(json) });
  };
  const names = Array.from({ length: more }, (_, i) => `more${i + 1}`);
  await page.route('**/v1/status', (route) => grown(route, (status) => ({
    ...status, nodes: [...status.nodes, ...names.map((name) => ({ ...status.nodes[0], name, coordinator: false, state: name === 'more2' ? 'silent' : 'up' }))],
  })));
  await page.goto(scene.stage.url);
  const bad = page.getByRole('list', { name: 'Servers that are not well' }).getByRole('listitem', { name: /^Server / });
  await counts(bad, 1);
  await stands(bad, 'Silent');
  const well = page.getByRole('list', { name: 'Servers that are well' });
  must(!(await well.isVisible()), 'the servers that are well are not folded away');
  await page.getByText(`${3 + more - 1} servers up, with all GPUs well`).click();
  await well.getByRole('listitem', { name: 'Server more10' }).waitFor();
});

await main(await Scene.begin('--bare'));
