// SPDX-License-Identifier: LGPL-2.1-or-later
/** Cards that are divided: their count, a pool of partitions, a VM that gets one; each test goes on where the one
 *  before has ended. */

import { counts, dialog, faulty, goTo, must, order, press, row, shows, stands, told } from './lib/gestures.mjs';
import { Scene } from './lib/scene.mjs';
import { main, test } from './lib/tap.mjs';

const cards = ['node1 0000:41:00.0', 'node2 0000:41:00.0'];

async function divide(page, card, count) {
  await order(page, card, 'Configure partition count…');
  const box = await dialog(page, `Configure partition count of ${card}`);
  const field = box.getByLabel('Partition count');
  await field.selectOption(count);
  await press(box, 'Save');
  return { box, field };
}

test('only the counts are offered that the card can have', async (scene) => {
  const page = await scene.open('/gpus');
  await order(page, cards[0], 'Configure partition count…');
  const options = (await dialog(page, `Configure partition count of ${cards[0]}`)).getByLabel('Partition count').getByRole('option');
  await counts(options, 33);
  must((await options.first().textContent()) === '0 (whole)' && (await options.last().textContent()) === '32', 'not from 0 to 32');
});

test('a card of vGPU profiles is divided into those of the chosen one', async (scene) => {
  const page = await scene.open('/');
  const path = '/v1/nodes/node1/gpus/0000:41:00.0';
  const card = await scene.stage.get(path);
  const profiles = [{ id: 'nvidia-557', name: 'A40-8Q', available: 6 }, { id: 'nvidia-558', name: 'A40-12Q', available: 4 }];
  let asked;
  await page.route((url) => decodeURIComponent(url.pathname) === path, (route) => route.fulfill({ json: { ...card, mdev_types: profiles } }));
  await page.route('**/partition', (route) => { // played cards have no vGPU driver
    asked = route.request().postDataJSON();
    return route.fulfill({ json: { message: 'to be divided', subject: 'node1' } });
  });
  await page.goto(`${scene.stage.url}/gpus/node1/0000:41:00.0`);
  await press(page, 'Configure partition count…');
  const box = await dialog(page, `Configure partition count of ${cards[0]}`);
  await box.getByLabel('Partition count').fill('4');
  await press(box, 'Save');
  await faulty(box.getByLabel('vGPU profile'), 'Choose a profile.');
  await box.getByLabel('vGPU profile').selectOption('A40-12Q (4 more possible)');
  await press(box, 'Save');
  await told(page, 'to be divided');
  must(asked.count === 4 && asked.profile === 'nvidia-558', `asked: ${JSON.stringify(asked)}`);
});

test('a card is divided, which warns of others of its model, and its partitions are listed', async (scene) => {
  const page = await scene.open('/gpus');
  await divide(page, cards[0], '4');
  await told(page, /is to be divided into 4 partitions/);
  await told(page, /Of the same model, but not divided alike: .*node2\/0000:41:00\.0/);
  await stands(row(page, 'GPUs', 'node1 41:00.0').first(), 'Partitioned');
  await shows(page.getByRole('heading', { level: 2 }), '10 GPUs, 4 partitions');
  await divide(page, cards[1], '4');
  await shows(page.getByRole('heading', { level: 2 }), '10 GPUs, 8 partitions');
  await scene.photograph(page, 'gpus-divided');
});

test('a pool of partitions says how many there are, and on which servers', async (scene) => {
  const page = await scene.open('/pools');
  await press(page, 'Create GPU pool');
  const box = await dialog(page, 'Create GPU pool');
  await box.getByLabel('GPU pool name').fill('SharedPool');
  await box.getByLabel('Type').selectOption('GpuPartition');
  await box.getByRole('checkbox', { name: 'node1 41:00.0' }).check();
  await press(box, 'Save');
  await told(page, 'GPU pool SharedPool was created with 4 partitions of 1 GPU on node1 (4 partitions)');
  await press(page, 'Add GPUs to SharedPool');
  const more = await dialog(page, 'Add GPUs to SharedPool');
  await more.getByRole('checkbox', { name: 'node2 41:00.0' }).check();
  await press(more, 'Add');
  await told(page, '4 partitions of 1 GPU joined GPU pool SharedPool: node2 (4 partitions)');
  await page.getByText('8 partitions: 8 available').waitFor();
});

test('a VM gets partitions and a card that it has a part of stays divided', async (scene) => {
  await scene.stage.addVm('desk1');
  const page = await scene.open('/pools');
  await press(page, 'Assign VM to GPU pool');
  const box = await dialog(page, 'Assign VM to GPU pool');
  await box.getByLabel('Virtual machine').selectOption('desk1');
  await box.getByLabel('GPU pool', { exact: true }).selectOption('SharedPool');
  await box.getByLabel('Number of partitions').fill('2');
  await press(box, 'Assign');
  await told(page, 'VM desk1 was assigned 2 partitions of pool SharedPool; it needs 2 in all');
  await row(page, 'VMs assigned to SharedPool', 'desk1').waitFor();
  await goTo(page, 'Virtual machines');
  await order(page, 'desk1', 'Start');
  await stands(row(page, 'Virtual machines', 'desk1'), 'Running');
  await goTo(page, 'GPU pools');
  await page.getByText('8 partitions: 2 assigned, 6 available').waitFor();
  await row(page, 'VMs assigned to SharedPool', 'desk1').waitFor();
  await scene.photograph(page, 'pools-divided');
  const { node } = await scene.stage.get('/v1/vms/desk1');
  await goTo(page, 'GPUs');
  const { box: refused } = await divide(page, `${node} 0000:41:00.0`, '8');
  await shows(refused.getByRole('alert'), /SharedPool|desk1/);
});

test('without its pool a card is whole again', async (scene) => {
  const { stage } = scene;
  await stage.must('POST', '/v1/vms/desk1/stop', { force: true });
  await stage.untilVm('desk1', 'stopped');
  await stage.must('DELETE', '/v1/vms/desk1');
  const page = await scene.open('/pools');
  await press(page, 'Remove pool SharedPool');
  const box = await dialog(page, 'Remove GPU pool SharedPool?');
  await box.getByText('Its 8 partitions stay as they are.').waitFor();
  await press(box, 'Remove pool');
  await counts(page.getByRole('dialog'), 0);
  await goTo(page, 'GPUs');
  for (const card of cards) {
    await divide(page, card, '0');
    await counts(page.getByRole('dialog'), 0);
  }
  await shows(page.getByRole('heading', { level: 2 }), /^10 GPUs$/);
});

await main(await Scene.begin('--bare'));
