import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startMesh, type TestMesh } from '../../mesh/testing/start-mesh.ts';
import { allServices } from '../../services/all.ts';
import type { Attack } from './attacks/attack.ts';
import { chunks, lines, smuggling } from './attacks/framing.ts';
import { echoes, expectations, methods } from './attacks/methods.ts';
import { sendAttack } from './attacks/send-attack.ts';
import { sizes } from './attacks/sizes.ts';
import { hosts, parameters, targets } from './attacks/targets.ts';
import { keys, numbers, texts } from './attacks/values.ts';
import { send as sendHttp } from './support/http.ts';
import type { RawAnswer } from './support/read-answers.ts';

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

function said({ json }: RawAnswer): unknown[] {
  const { reason, violations = [], details = [] } = json ?? {};
  const fields = [...violations, ...details].map(({ field }: { readonly field?: string }) => field);
  return [reason, ...fields];
}

describe.each(Object.entries(attacks))('the edge, attacked by %s,', (_, rows) => {
  it.each(rows.map((row): [string, Attack] => [row.name, row]))('%s', async (_name, row) => {
    const { answers, says } = row;
    const [host = '', port] = (mesh.httpAddress ?? '').split(':');
    const received = await sendAttack(() => connect(Number(port), host), row);
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
