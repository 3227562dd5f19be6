// SPDX-License-Identifier: LGPL-2.1-or-later
/** Work on servers and VMs: the cluster is disarmed and armed, a server reboots, a VM is let alone or starts after another. */

import { violations } from './lib/axe.mjs';
import { Cockpit } from './lib/cockpit.mjs';
import { counts, dialog, faulty, fold, must, order, press, row, shows, stands, told } from './lib/gestures.mjs';
import { Scene } from './lib/scene.mjs';
import { main, test } from './lib/tap.mjs';

test('the cluster is disarmed for half an hour and armed again', async (scene) => {
  const page = await scene.open('/servers');
  await press(page, 'Disarm cluster');
  const box = await dialog(page, 'Disarm the cluster?');
  await box.getByLabel('For how long').selectOption('30 minutes');
  await press(box, 'Disarm');
  await page.getByRole('button', { name: 'Arm cluster', exact: true }).waitFor(); // 'Disarm cluster' has it in its name
  const { disarmed, disarm_left_ms: left } = await scene.stage.get('/v1/status');
  must(disarmed && left > 0 && left <= 1_800_000, `disarmed: ${disarmed}, ${left} ms left`);
  await press(page, 'Arm cluster');
  await press(await dialog(page, 'Arm the cluster?'), 'Arm');
  await page.getByRole('button', { name: 'Disarm cluster' }).waitFor();
  must(!(await scene.stage.get('/v1/status')).disarmed, 'the cluster is disarmed still');
});

test('a VM starts after another, and is left alone, as its settings say', async (scene) => {
  const { stage } = scene;
  const page = await scene.open('/vms');
  await order(page, 'web1', 'Settings…');
  const box = await dialog(page, 'Settings of web1');
  await box.getByLabel('Unmanaged: Berth only watches it').check();
  await fold(box);
  await box.getByLabel('Restart it when its guest stands still').check();
  await box.getByLabel('Silence of the guest agent (seconds)').fill('10');
  await box.getByLabel('Starts after').fill('db1');
  await box.getByLabel("Mirror the server's NUMA nodes").check();
  await press(box, 'Save');
  await faulty(box.getByLabel('Silence of the guest agent (seconds)'), 'from 30 to');
  await box.getByLabel('Silence of the guest agent (seconds)').fill('60');
  await press(box, 'Save');
  await told(page, /VM web1: changed/);
  const { spec, unmanaged } = await stage.get('/v1/vms/web1');
  must(unmanaged && spec.start_after.join() === 'db1' && spec.topology === 'mirror' && spec.guest_watch === 'restart' && spec.guest_silence_ms === 60000, `web1: ${JSON.stringify(spec)}`);
  await order(page, 'web1', 'Settings…');
  const again = await dialog(page, 'Settings of web1');
  must(await again.getByLabel('Unmanaged: Berth only watches it').isChecked(), 'the form forgot it');
  must(await again.getByLabel("Mirror the server's NUMA nodes").isChecked(), 'the form forgot the topology');
  must(await again.getByLabel('Starts after').inputValue() === 'db1', 'the form forgot db1');
});

test('Cockpit shows the cluster of its server, says why it cannot, and leads to the console', async (scene) => {
  const { stage } = scene;
  const cockpit = await Cockpit.begin(stage);
  try {
    const page = await scene.open('/', { role: null });
    // The configuration of this host is not where that of a server is.
    await page.route('**/berth.js', async (route) => {
      const reply = await route.fetch();
      await route.fulfill({ response: reply, body: (await reply.text()).replace('/etc/berth/berth.conf', `${stage.directory}/berth.conf`) });
    });
    await page.goto(cockpit.page);
    await stands(row(page, 'Servers', 'node1'), 'up');
    await shows(page.locator('#vms'), 'running');
    must((await page.getByRole('heading', { level: 1 }).textContent()) === 'Berth: cluster berth', 'the cluster is not named');
    const href = await page.getByRole('link', { name: 'Open the console' }).getAttribute('href');
    must(/^https:\/\/127\.0\.0\.1:\d+\/$/.test(href), `the console is at ${href}`);
    const found = await violations(page);
    must(found.length === 0, found.join('\n'));
    await stage.must('POST', '/v1/cluster/disarm');
    await page.getByText('Warning: the cluster is disarmed').waitFor();
    await stage.must('POST', '/v1/cluster/arm');
    await page.getByText('Nothing needs attention.').waitFor();
    cockpit.breakCommand();
    await page.getByRole('alert').filter({ hasText: 'no answer today' }).waitFor();
    must(!(await page.getByRole('table', { name: 'Servers' }).isVisible()), 'what may not be so any more is shown still');
  } finally {
    cockpit.end();
  }
});

test('a server is rebooted: what moves is shown, and its VM runs elsewhere', async (scene) => {
  const { stage } = scene;
  const { node } = await stage.untilVm('db1', 'running');
  const page = await scene.open('/servers');
  await order(page, node, 'Reboot…');
  const box = await dialog(page, `Reboot ${node}?`);
  await row(page, 'What moves where', 'db1').waitFor();
  await press(box, 'Reboot');
  await told(page, `${node} is to be rebooted once its VMs have left it`);
  await stage.until('db1 runs elsewhere', async () => {
    const vm = await stage.get('/v1/vms/db1');
    return vm.state === 'running' && vm.node !== node;
  });
  const operator = await scene.open('/servers', { role: 'operator' });
  await press(operator, `Actions for ${node === 'node1' ? 'node2' : 'node1'}`);
  await counts(operator.getByRole('menuitem', { name: 'Reboot…' }), 0);
  await counts(operator.getByRole('button', { name: 'Disarm cluster' }), 0);
});

const scene = await Scene.begin('--bare');
await scene.stage.addVm('db1');
await scene.stage.addVm('web1');
await scene.stage.must('POST', '/v1/vms/db1/start');
await scene.stage.untilVm('db1', 'running');
await main(scene);
