import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { serviceNameOf } from '#mesh';
import { discoveryNameOf } from '../../scripts/split/plan.ts';
import { send } from '../edge/support/http.ts';
import { type AuthenticatedMesh, allMethods, nameOf, startAuthenticatedMesh, users } from './authenticated-mesh.ts';
import { everyone, mayCall, type Who } from './expectations.ts';
import { decisionOf, expectedOf, placeOrder, restDecisionOf, routedMethods } from './matrix.ts';
import { restRequests } from './rest-request.ts';
import { sampleRequests } from './samples.ts';

const names = allMethods.map(nameOf);

let shop: AuthenticatedMesh;
let samples: ReturnType<typeof sampleRequests>;

beforeAll(async () => {
  shop = await startAuthenticatedMesh();
  samples = sampleRequests(await placeOrder(shop.call));
}, 60_000);

afterAll(() => shop?.stop());

it('has a row for each method of the contracts, and no other', () => {
  const missing = names.filter((name) => !Object.hasOwn(mayCall, name));
  expect(missing, `add to test/authorization/expectations.ts who may call ${missing.join(', ')}`).toEqual([]);
  const left = Object.keys(mayCall).filter((name) => !names.includes(name));
  expect(left, `remove from test/authorization/expectations.ts ${left.join(', ')}: no contract has it`).toEqual([]);
});

it('has services whose contracts are in the package that their rules and certificates name', () => {
  for (const { name, serves } of shop.mesh.services) {
    const packages = new Set(serves.map(({ contract }) => serviceNameOf(contract.definition.fullName)));
    expect([...packages]).toEqual(serves.length === 0 ? [] : [discoveryNameOf(name)]);
  }
});

describe('over gRPC', () => {
  it.each(names)('%s is for whom it should be', async (name) => {
    const statuses = await Promise.all(everyone.map(async (who) => [who, await statusOf(name, who)] as const));
    const decided = Object.fromEntries(statuses.map(([who, status]) => [who, decisionOf(status)]));
    expect(decided).toEqual(Object.fromEntries(everyone.map((who) => [who, expectedOf(name, who)])));
  });
});

describe('over REST', () => {
  const callers: readonly Who[] = everyone.filter((who) => who === 'anonymous' || users[who] !== undefined);

  it.each(routedMethods.map((method) => [nameOf(method), method] as const))(
    '%s is for whom it should be',
    async (name, method) => {
      for (const who of callers) {
        for (const { verb, path, body, headers } of restRequests(method, samples[name] ?? {})) {
          const sent = { headers: { ...headers, ...(await shop.headers(who)) }, ...(body !== undefined && { body }) };
          const { status, text } = await send(shop.mesh.httpAddress ?? '', verb, path, sent);
          expect(`${who} ${verb} ${path}: ${restDecisionOf(status, text)}`).toBe(
            `${who} ${verb} ${path}: ${expectedOf(name, who)}`,
          );
        }
      }
    },
  );
});

async function statusOf(name: string, who: Who): Promise<number> {
  const request = samples[name] ?? {};
  if (who === 'anonymous' || users[who] !== undefined) return (await shop.call(name, request, who)).status;
  return await shop.callAs(who, name, request);
}
