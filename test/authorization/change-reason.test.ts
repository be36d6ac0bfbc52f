import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { AccountServiceContract } from '#gen/payment/v1/payment.contract.ts';
import { createClients } from '../../mesh/app/program-clients.ts';
import { engineOfRun } from '../../mesh/testing/engine-of-run.ts';
import { spawnProcess } from '../../mesh/testing/servers/start-process.ts';
import { send } from '../edge/support/http.ts';
import { type AuthenticatedMesh, startAuthenticatedMesh } from './authenticated-mesh.ts';

const amount = { currencyCode: 'EUR', minorUnits: '500' };
let shop: AuthenticatedMesh;
let token: string;

beforeAll(async () => {
  shop = await startAuthenticatedMesh({ HTTP_CORS_ORIGINS: 'https://shop.example' });
  token = ((await shop.headers('operator')).authorization ?? '').replace('Bearer ', '');
  await shop.call('payment.v1.AccountService/OpenAccount', { accountId: 'ada', currencyCode: 'EUR' }, 'operator');
}, 60_000);

afterAll(() => shop?.stop());

/** Deposits over HTTP. Returns what failed. */
async function deposit(path: string, headers: Record<string, string>): Promise<string> {
  const sent = { 'content-type': 'application/json', authorization: `Bearer ${token}`, ...headers };
  const id = path.startsWith('/api') ? {} : { accountId: 'ada' };
  const body = JSON.stringify({ ...id, amount, requestId: randomUUID() });
  const answer = await send(shop.mesh.httpAddress ?? '', 'POST', path, { headers: sent, body });
  return answer.status === 200 ? 'OK' : `${answer.status} ${answer.text.includes('REASON_MISSING')}`;
}

/** The reasons of deposits, in the record. */
async function recorded(): Promise<string[]> {
  const answer = await send(shop.mesh.httpAddress ?? '', 'GET', '/api/ops/actions', {
    headers: { authorization: `Bearer ${token}` },
  });
  const actions = answer.json as readonly { readonly method: string; readonly reason: string }[];
  return actions.filter(({ method }) => method.endsWith('/Deposit')).map(({ reason }) => reason);
}

it.each(['/api/accounts/ada:deposit', '/payment.v1.AccountService/Deposit'])('%s has a header for it', async (path) => {
  expect(await deposit(path, {})).toBe('400 true');
  for (const reason of ['ticket 7', 'für Ada'].map(encodeURIComponent))
    expect(await deposit(path, { 'request-reason': reason })).toBe('OK');
  expect((await recorded()).slice(-2)).toEqual(['ticket 7', 'für Ada']);
});

it('is in the request where that has a field for it', async () => {
  const authorization = `Bearer ${token}`;
  const adjust = async (reason: string) => {
    const body = { sku: 'none', delta: '1', reason };
    const headers = { authorization, 'idempotency-key': randomUUID() };
    return await send(shop.mesh.httpAddress ?? '', 'POST', '/api/items/none:adjustStock', { headers, body });
  };
  const refused = await adjust(' ');
  expect(refused.json).toMatchObject({ status: 400, reason: 'REASON_MISSING' });
  expect(refused.text).toContain('set `reason`, or the metadata `request-reason`');
  expect((await adjust('counted')).json).toMatchObject({ status: 404, reason: 'ITEM_NOT_FOUND' });
});

it('programs say it once for all their calls', async () => {
  const request = { requestId: randomUUID(), accountId: 'ada', amount: { currencyCode: 'EUR', minorUnits: 1n } };
  for (const [reason, outcome] of [[undefined, 'REASON_MISSING'] as const, ['monthly bonus', 'OK'] as const]) {
    const clients = await createClients(shop.mesh.address, { engine: engineOfRun, logLevel: 'fatal', token, reason });
    const deposited = clients.client(AccountServiceContract).deposit(request);
    expect(
      await deposited.then(
        () => 'OK',
        (error) => error.reason,
      ),
    ).toBe(outcome);
    clients.close();
  }
  expect((await recorded()).at(-1)).toBe('monthly bonus');
});

it('the command call has an option for it', async () => {
  const run = async (...options: string[]) => {
    const request = JSON.stringify({ requestId: randomUUID(), accountId: 'ada', amount });
    const args = ['call', 'payment.v1.AccountService/Deposit', request, ...options];
    const environment = { ADDRESS: shop.mesh.address, ORDERMESH_TOKEN: token };
    await using tool = spawnProcess({ main: 'scripts/ordermesh.ts', args, dataDir: 'none', environment });
    return { code: (await tool.ended).code, text: tool.stderr() };
  };
  expect(await run()).toMatchObject({ code: 4, text: expect.stringContaining('REASON_MISSING') });
  expect(await run('--reason', 'für Ada')).toMatchObject({ code: 0 });
  expect((await recorded()).at(-1)).toBe('für Ada');
});

it('pages of other origins may send the header', async () => {
  const headers = { origin: 'https://shop.example', 'access-control-request-method': 'POST' };
  const answer = await send(shop.mesh.httpAddress ?? '', 'OPTIONS', '/api/accounts/ada:deposit', { headers });
  expect(answer.headers['access-control-allow-headers']).toContain('request-reason');
});
