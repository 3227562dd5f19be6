// SPDX-License-Identifier: LGPL-2.1-or-later
/** The screen and the serial console of a real VM, called "t", whose guest answers each letter with the other case; and the
 * import of a VM that libvirt has defined, called "old vm". Run by test/live/screen.py, which says in SCENE where the console
 * is and who logs in. */

import { violations } from './lib/axe.mjs';
import { dialog, faulty, must, press, row, shows } from './lib/gestures.mjs';
import { Scene } from './lib/scene.mjs';

async function accessible(page) {
  const wrong = await violations(page, '.screen');
  must(wrong.length === 0, wrong.join('\n'));
}

const scene = await Scene.before({ ...JSON.parse(process.env.SCENE), end: async () => {} });
try {
  const page = await scene.open('/vms/t', { role: 'operator' });
  await page.getByRole('link', { name: 'Screen', exact: true }).click();
  const screen = page.getByRole('group', { name: 'Screen of t' });
  await page.getByRole('button', { name: 'Send Ctrl-Alt-Del' }).waitFor();
  const size = await screen.locator('canvas').evaluate((canvas) => [canvas.width, canvas.height]);
  must(size[0] >= 640 && size[1] >= 350, `the screen is ${size}`);
  await scene.photograph(page, 'screen');
  await accessible(page);

  await page.getByRole('link', { name: 'Serial console', exact: true }).click();
  const console = page.getByRole('group', { name: 'Serial console of t' });
  await page.getByText('Opening…').waitFor({ state: 'detached' });
  await page.keyboard.type('hello');
  await console.getByText('HELLO').first().waitFor();
  const height = await console.locator('.xterm-rows > div').first().evaluate((each) => getComputedStyle(each).height);
  must(parseFloat(height) > 5, `a row of the terminal is ${height} high: its style sheets are not there`);
  await scene.photograph(page, 'serial-console');
  await accessible(page);

  // A second one is told why it cannot, and the first goes on.
  const second = await scene.open('/vms/t?tab=console', { role: 'operator' });
  await second.getByRole('alert').or(second.getByText('The serial console is closed')).first().waitFor();
  await page.keyboard.type('again');
  await console.getByText('AGAIN').first().waitFor();

  const viewer = await scene.open('/vms/t', { role: 'viewer' });
  await viewer.getByRole('link', { name: 'Placement', exact: true }).waitFor();
  must(await viewer.getByRole('link', { name: 'Screen', exact: true }).count() === 0, 'a viewer is offered the screen');
  // What libvirt on a server has defined is taken over, with what is lost and what cannot be named before.
  const admin = await scene.open('/vms', { role: 'administrator' });
  await press(admin, 'Import');
  const form = await dialog(admin, 'Import virtual machine');
  await form.getByLabel('Virtual machine', { exact: true }).selectOption('old vm');
  must(await form.getByLabel('Name', { exact: true }).inputValue() === 'old-vm', 'the name is not made safe');
  await form.getByText('1 other cannot be imported').click();
  await shows(form.getByRole('list', { name: 'What cannot be imported' }), 'nic: it is given 0000:0b:00.0 of this host');
  const wrong = await violations(admin, '.dialog');
  must(wrong.length === 0, wrong.join('\n'));
  for (const [name, size, dark] of [['import', { width: 1366, height: 900 }, false], ['import-phone-dark', { width: 390, height: 844 }, true]]) {
    await admin.setViewportSize(size);
    await admin.emulateMedia({ colorScheme: dark ? 'dark' : 'light' });
    await scene.photograph(admin, name);
  }
  await form.getByLabel('Name', { exact: true }).fill('t');
  await press(form, 'Import');
  await faulty(form.getByLabel('Name', { exact: true }), 'in the cluster already');
  await form.getByLabel('Name', { exact: true }).fill('old-vm');
  await press(form, 'Import');
  const done = await dialog(admin, 'old-vm was imported');
  await shows(done, "virsh undefine --keep-nvram 'old vm'");
  await press(done.locator('footer'), 'Close');
  await row(admin, 'Virtual machines', 'old-vm').waitFor();
  scene.check();
} catch (problem) {
  process.stderr.write(`${problem.stack}\n${await scene.failed('screen')}\n`);
  process.exitCode = 1;
} finally {
  await scene.end();
}
