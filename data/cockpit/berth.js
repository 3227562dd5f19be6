// SPDX-License-Identifier: LGPL-2.1-or-later
/* The cluster at a glance, as the command line of this host tells it. The console itself is another page: it lets no
 * page lay itself around it (frame-ancestors), and its login is its own. */
'use strict';

const look_ms = 5000;
const config = '/etc/berth/berth.conf';
const at = (id) => document.getElementById(id);

/* ---- what is shown ---- */

function element(tag, text, kind) {
  const made = document.createElement(tag);
  made.textContent = text;
  made.className = kind ?? '';
  return made;
}

function fill(id, rows) {
  at(id).replaceChildren(...rows);
}

function row(head, ...cells) {
  const made = document.createElement('tr');
  const first = element('th', head);
  first.scope = 'row';
  made.append(first, ...cells.map((text) => element('td', String(text))));
  return made;
}

function problem({ severity, text, advice }) {
  const made = document.createElement('li');
  made.append(element('strong', `${severity === 'error' ? 'Error' : 'Warning'}: ${text}`, severity), ` ${advice}`);
  return made;
}

/* "3 running, 1 waiting" */
function counted(vms) {
  const some = Object.entries(vms).filter(([, count]) => count > 0);
  return some.length > 0 ? some.map(([state, count]) => `${count} ${state}`).join(', ') : 'There are none yet.';
}

function show(status) {
  const problems = status.problems.length;
  const more = status.problem_counts.error + status.problem_counts.warning - problems;
  at('title').textContent = `Berth: cluster ${status.name}`;
  fill('problems', [...status.problems.map(problem), ...(more > 0 ? [element('li', `and ${more} more`)] : [])]);
  at('calm').hidden = problems > 0;
  fill('nodes', status.nodes.map((node) => row(node.name, node.state, node.vm_count, node.gpu_count)));
  fill('pools', status.pools.map((pool) => row(pool.name, pool.used, pool.free, pool.total)));
  at('vms').textContent = counted(status.vms);
  at('summary').hidden = false;
}

/* What stood there may not be so any more. The same again is not announced again. */
function fail(text) {
  if (at('fault').textContent === text) {
    return;
  }
  at('fault').textContent = text;
  at('fault').hidden = text === '';
  at('summary').hidden = at('summary').hidden || text !== '';
}

/* ---- what is asked ---- */

function explain(error, output) {
  if (error.problem === 'not-found') {
    return 'The command berth is not installed on this server.';
  }
  if (error.problem === 'access-denied' || error.problem === 'authentication-failed') {
    return 'Turn on administrative access: only root and the group berth may ask.';
  }
  return (output || error.message || String(error)).trim();
}

let isAsking = false;

async function look() {
  if (cockpit.hidden || isAsking) {
    return;
  }
  isAsking = true;
  let output = '';
  try {
    const asked = cockpit.spawn(['berth', 'status', '-o', 'json'], { superuser: 'try', err: 'out' });
    asked.stream((data) => { output += data; });
    await asked;
    show(JSON.parse(output));
    fail('');
  } catch (error) {
    fail(explain(error, output));
  } finally {
    isAsking = false;
  }
}

/* Where berth-api listens: "[::]:8643" is every address, so also the one by which the browser came here. */
function consoleOf(text) {
  const listen = /^\s*https_listen\s*=\s*(.*):(\d+)\s*$/m.exec(text ?? '');
  const host = cockpit.transport.host && cockpit.transport.host !== 'localhost' ? cockpit.transport.host.replace(/^.*@/, '') : window.location.hostname;
  return listen ? `https://${/^(\[::\]|0\.0\.0\.0)$/.test(listen[1]) ? host : listen[1]}:${listen[2]}/` : null;
}

async function findConsole() {
  const text = await cockpit.file(config, { superuser: 'try' }).read().catch(() => null);
  const url = consoleOf(text);
  at('console').hidden = url === null;
  at('hint').hidden = url !== null;
  at('hint').textContent = 'The console of Berth is not reachable from here: set https_listen in /etc/berth/berth.conf on this server.';
  if (url !== null) {
    at('console').href = url;
  }
}

cockpit.addEventListener('visibilitychange', () => void look());
setInterval(() => void look(), look_ms);
void findConsole();
void look();
