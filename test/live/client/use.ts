// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Uses a client that a stock generator made of the API's document, against a live API. Prints one line a step; any
 * fault ends it. The generated code is below generated/, and knows nothing of Berth but the document.
 *
 *     node use.mjs SOCKET
 */
import { request } from 'node:http';
import { client } from './generated/client.gen';
import * as api from './generated';

const socketPath = process.argv[2]!;

/* The API's own socket, to which fetch() has no way. */
async function overSocket(input: Request): Promise<Response> {
    const { pathname, search } = new URL(input.url);
    const body = await input.text();
    return new Promise((resolve, reject) => {
        const asked = request({ socketPath, path: pathname + search, method: input.method, headers: Object.fromEntries(input.headers) }, (answer) => {
            const parts: Buffer[] = [];
            answer.on('data', (part: Buffer) => parts.push(part));
            answer.on('end', () => resolve(new Response(Buffer.concat(parts), {
                status: answer.statusCode!, headers: { 'Content-Type': answer.headers['content-type'] ?? '' },
            })));
        });
        asked.on('error', reject);
        asked.end(body);
    });
}

client.setConfig({ baseUrl: 'http://berth', fetch: overSocket as typeof fetch });

function must<T>(what: string, answer: { data?: T; error?: unknown }): T {
    if (answer.data === undefined) {
        throw new Error(`${what}: ${JSON.stringify(answer.error)}`);
    }
    console.log(what);
    return answer.data;
}

function same(what: string, have: unknown, want: unknown): void {
    if (JSON.stringify(have) !== JSON.stringify(want)) {
        throw new Error(`${what}: ${JSON.stringify(have)}, not ${JSON.stringify(want)}`);
    }
}

const status = must('reads the status', await api.status());
same('hosts', status.nodes.map((node) => node.name), ['node1', 'node2']);
same('all are up', status.nodes.map((node) => node.state), ['up', 'up']);
must('creates a pool', await api.poolCreate({ body: { name: 'P' } }));
const xml = '<domain type="kvm"><name>t</name><memory unit="MiB">64</memory><vcpu>1</vcpu><os><type>hvm</type></os></domain>';
const added = must('adds a VM', await api.vmAdd({ body: { xml, name: 't', priority: 3000 } }));
same('its name', added.name, 't');
must('changes it', await api.vmPatch({ path: { vm: 't' }, body: { offline_timeout_ms: 30000 } }));
const vm = must('reads it', await api.vmGet({ path: { vm: 't' } }));
same('what was set', [vm.priority, vm.spec.offline_timeout_ms, vm.state], [3000, 30000, 'stopped']);
const started = must('starts it', await api.vmStart({ path: { vm: 't' }, body: {} }));
const operation = must('reads the operation', await api.operationGet({ path: { operation: started.operation!.id } }));
same('its kind', operation.kind, 'start');
const refused = await api.vmDelete({ path: { vm: 'none' } });
same('a refusal', [refused.error?.code, refused.error?.parameters['name']], ['no-such-vm', 'none']);
const bad = await api.vmPatch({ path: { vm: 't' }, body: { priority: -1 } });
same('a bad field', [bad.error?.code, bad.error?.parameters['field']], ['bad-request', 'priority']);
const events = must('reads the log', await api.eventsGet({ query: { code: 'vm-added' } }));
same('its event', events.items.map((event) => event.subject), ['t']);
console.log('done');
