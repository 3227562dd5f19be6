// SPDX-License-Identifier: LGPL-2.1-or-later
/** A stage and a browser before it. Whatever the browser complains of fails the test. */

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

import { patience_ms, Stage } from './stage.mjs';

const folder = process.env.SCREENSHOTS ?? 'build/test/console/screenshots';
const quiet = [
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync', '--disable-dev-shm-usage',
];

export const desktop = { width: 1280, height: 900 };
export const phone = { width: 360, height: 740 };

/** In the page: two elements of one name have their labels mixed up. */
function watchNames() {
  const told = new Set();
  new MutationObserver(() => {
    const names = Array.from(document.querySelectorAll('[id]'), (each) => each.id);
    const twice = names.find((name, i) => names.indexOf(name) !== i);
    if (twice && !told.has(twice)) {
      told.add(twice);
      console.error(`two elements have the id ${twice}`);
    }
  }).observe(document, { childList: true, subtree: true, attributes: true, attributeFilter: ['id'] });
}

export class Scene {
  static async begin(...options) {
    return Scene.before(await Stage.begin(...options));
  }

  /** A browser before a 'stage' that is there: its url, logins and end() are enough. */
  static async before(stage) {
    const scene = new Scene();
    scene.stage = stage;
    scene.browser = await chromium.launch({
      executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: quiet, timeout: patience_ms,
    });
    scene.contexts = [];
    scene.cookies = {};
    scene.complaints = [];
    mkdirSync(folder, { recursive: true });
    return scene;
  }

  /** A page at 'path' in a browser of its own, with somebody logged in. */
  async open(path = '/', { role = 'administrator', dark = false, size = desktop } = {}) {
    const context = await this.browser.newContext({
      viewport: size, ignoreHTTPSErrors: true, colorScheme: dark ? 'dark' : 'light', reducedMotion: 'reduce',
    });
    this.contexts.push(context);
    context.setDefaultTimeout(patience_ms);
    await context.addInitScript(watchNames);
    const page = await context.newPage();
    page.on('pageerror', (error) => this.complaints.push(`${page.url()}: ${error.stack}`));
    page.on('console', (message) => this.hear(page, message));
    if (role) {
      await this.logIn(context, role);
    }
    await page.goto(this.stage.url + path);
    return page;
  }

  /** A refused request is not the page's fault, nor is a network that a test has cut. */
  hear(page, message) {
    const isRequest = message.text().startsWith('Failed to load resource');
    if (message.type() === 'error' && !isRequest) {
      this.complaints.push(`${page.url()}: ${message.text()}`);
    }
  }

  /** A session of each role serves all pages, as long as it lasts. */
  async logIn(context, role) {
    const address = `${this.stage.url}/v1/session`;
    await context.addCookies(this.cookies[role] ?? []);
    if ((await context.request.get(address)).ok()) {
      return;
    }
    const { user, password } = this.login(role);
    const reply = await context.request.post(address, { data: { user, password } });
    if (!reply.ok()) {
      throw new Error(`login of ${user}: ${reply.status()} ${await reply.text()}`);
    }
    this.cookies[role] = await context.cookies();
  }

  login(role) {
    return this.stage.logins.find((each) => each.role === role);
  }

  async photograph(page, name) {
    await page.screenshot({ path: join(folder, `${name}.png`) });
  }

  check() {
    if (this.complaints.length) {
      throw new Error(`the browser complained:\n${this.complaints.join('\n')}`);
    }
  }

  /** Pictures of where a failing test left its pages; says where they are. */
  async failed(sentence) {
    const told = this.complaints.map((each) => `complaint: ${each}`);
    for (const page of this.contexts.flatMap((context) => context.pages())) {
      const name = `failed-${sentence.replace(/[^a-z0-9]+/gi, '-').slice(0, 80)}`;
      await this.photograph(page, name).then(
        () => told.push(`seen last: ${name}.png at ${page.url()}`),
        (problem) => told.push(`no picture: ${problem}`),
      );
    }
    return told.join('\n');
  }

  async reset() {
    for (const context of this.contexts.splice(0)) {
      await context.close();
    }
    this.complaints = [];
  }

  async end() {
    await this.browser.close();
    await this.stage.end();
  }
}
