// SPDX-License-Identifier: LGPL-2.1-or-later
/** Cockpit on loopback with the page of data/cockpit, its session that of whoever runs the test. */

import { spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const pages = fileURLToPath(new URL('../../../data/cockpit', import.meta.url));
const places = ['/usr/lib/cockpit/cockpit-ws', '/usr/libexec/cockpit-ws'];

function freePort() {
  return new Promise((resolve) => {
    const server = net.createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

export class Cockpit {
  /** In front of the cluster of 'stage', whose socket the command of this host speaks to. */
  static async begin(stage) {
    const cockpit = new Cockpit();
    cockpit.folder = mkdtempSync(join(tmpdir(), 'berth-cockpit-'));
    mkdirSync(join(cockpit.folder, 'data/cockpit'), { recursive: true });
    symlinkSync(pages, join(cockpit.folder, 'data/cockpit/berth'));
    const command = join(cockpit.folder, 'berth');
    writeFileSync(command, `#!/bin/sh\nexec '${process.env.BERTH}' --socket '${stage.socket}' "$@"\n`);
    chmodSync(command, 0o755);
    const port = await freePort();
    cockpit.process = spawn(places.find((path) => existsSync(path)) ?? places[0],
      ['--address', '127.0.0.1', '--port', String(port), '--local-session', 'cockpit-bridge'],
      {
        stdio: 'ignore',
        env: { ...process.env, XDG_DATA_HOME: join(cockpit.folder, 'data'), PATH: `${cockpit.folder}:${process.env.PATH}` },
      });
    cockpit.page = `http://127.0.0.1:${port}/cockpit/@localhost/berth/index.html`;
    await stage.until('Cockpit answers', () => fetch(cockpit.page).then((reply) => reply.ok, () => false));
    return cockpit;
  }

  /** From now on the command fails, and says so. */
  breakCommand() {
    writeFileSync(join(this.folder, 'berth'), '#!/bin/sh\necho "no answer today" >&2\nexit 4\n');
  }

  end() {
    this.process.kill();
    rmSync(this.folder, { recursive: true });
  }
}
