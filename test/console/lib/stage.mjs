// SPDX-License-Identifier: LGPL-2.1-or-later
/** The cluster behind the console: test/console/stage, and the API at its Unix socket. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import http from 'node:http';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const program = fileURLToPath(new URL('../stage', import.meta.url));
export const patience_ms = Number(process.env.PATIENCE_MS ?? 60000); // for a machine that is busy with other things
const look_ms = 100;

export class Stage {
  /** 'options' as the stage's own: ['--bare', '--nodes', '5'] */
  static async begin(...options) {
    const stage = new Stage();
    stage.process = spawn(program, ['--program', ...options], { stdio: ['pipe', 'pipe', 'inherit'] });
    stage.lines = createInterface({ input: stage.process.stdout })[Symbol.asyncIterator]();
    Object.assign(stage, JSON.parse(await stage.line()));
    return stage;
  }

  async line() {
    const { value, done } = await this.lines.next();
    if (done) {
      throw new Error('the stage has ended');
    }
    return value;
  }

  /** Orders 'command' (test/console/stage has the list); the lines before its 'ok'. */
  async order(command) {
    this.process.stdin.write(`${command}\n`);
    const answer = [];
    for (;;) {
      const line = await this.line();
      if (line === 'ok') {
        return answer;
      }
      if (line.startsWith('error: ')) {
        throw new Error(`${command}: ${[...answer, line].join('\n')}`);
      }
      answer.push(line);
    }
  }

  /** {status, body} of a request as root. */
  request(method, path, body) {
    return new Promise((resolve, reject) => {
      const request = http.request({ socketPath: this.socket, method, path }, (reply) => {
        let text = '';
        reply.on('data', (piece) => (text += piece));
        reply.on('end', () => resolve({ status: reply.statusCode, body: text ? JSON.parse(text) : null }));
      });
      request.on('error', reject);
      request.end(body === undefined ? '' : JSON.stringify(body));
    });
  }

  async get(path) {
    const { status, body } = await this.request('GET', path);
    if (status !== 200) {
      throw new Error(`GET ${path}: ${status} ${JSON.stringify(body)}`);
    }
    return body;
  }

  async must(method, path, body) {
    const reply = await this.request(method, path, body);
    if (reply.status >= 300) {
      throw new Error(`${method} ${path}: ${reply.status} ${JSON.stringify(reply.body)}`);
    }
    return reply.body;
  }

  /** What 'condition' returns as soon as it is true; 'what' is what the failure says. */
  async until(what, condition) {
    const end = Date.now() + patience_ms;
    for (;;) {
      const value = await condition();
      if (value) {
        return value;
      }
      if (Date.now() > end) {
        throw new Error(`not within ${patience_ms} ms: ${what}`);
      }
      await new Promise((resolve) => setTimeout(resolve, look_ms));
    }
  }

  untilVm(vm, state, node) {
    return this.until(`${vm} is ${state}${node ? ` on ${node}` : ''}`, async () => {
      const shown = await this.get(`/v1/vms/${vm}`);
      return shown.state === state && (!node || shown.node === node) && shown;
    });
  }

  /** Takes the pair of equal cards of each host from it, and makes them a pool. */
  async makePool(name = 'GpuChildPool') {
    await this.order('berth gpu dismount --all --model 10de:2235');
    await this.must('POST', '/v1/pools', { name, all: true, model: '10de:2235' });
  }

  async addVm(name, pool, count = 1) {
    await this.must('POST', '/v1/vms', { xml: domainXml(name), needs: pool ? [{ pool, count }] : [] });
  }

  async end() {
    this.process.stdin.end();
    this.process.kill('SIGTERM');
    if (this.process.exitCode === null) {
      await once(this.process, 'exit');
    }
  }
}

export function domainXml(name) {
  return (
    `<domain type='kvm'><name>${name}</name><memory unit='GiB'>16</memory><vcpu>8</vcpu>` +
    "<os><type machine='q35'>hvm</type></os></domain>"
  );
}
