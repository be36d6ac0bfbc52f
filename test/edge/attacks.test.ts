import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startMesh, type TestMesh } from '../../mesh/testing/start-mesh.ts';
import { allServices } from '../../services/all.ts';
import type { Attack } from './attacks/attack.ts';
import { chunks, lines, smuggling } from './attacks/framing.ts';
import { echoes, expectations, methods } from './attacks/methods.ts';
import { sizes } from './attacks/sizes.ts';
import { hosts, parameters, targets } from './attacks/targets.ts';
import { keys, numbers, texts } from './attacks/values.ts';
import { send as sendHttp } from './support/http.ts';
import { type RawAnswer, readAnswers } from './support/read-answers.ts';

const attacks = {
  smuggling,
  chunks,
  lines,
  sizes,
  targets,
  parameters,
  hosts,
  keys,
  numbers,
  texts,
  methods,
  expectations,
  echoes,
};

let mesh: TestMesh;

beforeAll(async () => {
  mesh = await startMesh(allServices, { HTTP_LISTEN: '127.0.0.1:0' });
  const body = { id: 'good', name: 'Good', email: 'good@example.com' };
  expect(await sendHttp(mesh.httpAddress ?? '', 'POST', '/api/users', { body })).toMatchObject({ status: 200 });
});

afterAll(() => mesh.stop());

/** How long nothing must come after the expected answers: the answer of a smuggled request would. */
const quietMs = 30;

/** Sends a whole connection, and returns its answers: `count`, and what follows. */
async function send({ bytes, answers, ends = false }: Attack): Promise<readonly RawAnswer[]> {
  const [host = '', port] = (mesh.httpAddress ?? '').split(':');
  const socket = connect(Number(port), host);
  const chunks: Buffer[] = [];
  let quiet: NodeJS.Timeout | undefined;
  socket.on('data', (chunk) => {
    chunks.push(chunk);
    clearTimeout(quiet);
    if (readAnswers(Buffer.concat(chunks)).length < answers.length) return;
    quiet = setTimeout(() => socket.destroy(), quietMs);
  });
  // One that still sends when it is closed may be reset after its answer.
  socket.on('error', () => undefined);
  const closed = new Promise((resolve) => socket.once('close', resolve));
  socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
  if (ends) socket.end();
  await Promise.race([closed, delay(10_000, undefined, { ref: false })]);
  socket.destroy();
  return readAnswers(Buffer.concat(chunks));
}

function said({ json }: RawAnswer): unknown[] {
  const { reason, violations = [], details = [] } = json ?? {};
  const fields = [...violations, ...details].map(({ field }: { readonly field?: string }) => field);
  return [reason, ...fields];
}

describe.each(Object.entries(attacks))('the edge, attacked by %s,', (_, rows) => {
  it.each(rows.map((row): [string, Attack] => [row.name, row]))('%s', async (_name, row) => {
    const { answers, says } = row;
    const received = await send(row);
    expect(received.map(({ status }) => status)).toEqual(answers);
    for (const { status, head, json } of received) {
      expect(status).toBeLessThan(500);
      expect(head).not.toMatch(/^(?:set-cookie|x-injected|ghost)/im);
      if (status >= 400) expect(head).toMatch(/^content-type: application\/(?:problem\+)?json\r?$/im);
      if (status >= 400)
        expect(json).toMatchObject(json.status === undefined ? { code: expect.any(String) } : { status });
    }
    const last = received.at(-1);
    if (says !== undefined && last !== undefined) expect(said(last)).toContain(says);
    expect(await sendHttp(mesh.httpAddress ?? '', 'GET', '/api/users/good')).toMatchObject({
      status: 200,
      json: { id: 'good', etag: '1' },
    });
  });
});
