import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { allMethods, nameOf, users } from './authenticated-mesh.ts';
import { everyone, type Who } from './expectations.ts';
import { decisionOf, expectedOf, placeOrder, restDecisionOf, routedMethods } from './matrix.ts';
import { type ProcessCaller, type ProcessMesh, startProcessMesh } from './process-mesh.ts';
import { restRequests } from './rest-request.ts';
import { sampleRequests } from './samples.ts';

/** A caller, and what the table says of a method. */
interface Row extends ProcessCaller {
  readonly expected: (name: string) => string;
}

const isUser = (who: Who) => who === 'anonymous' || users[who] !== undefined;
const rowOf = (who: Who): Row => ({
  ...(isUser(who) ? { user: who } : { certificate: who }),
  expected: (name) => expectedOf(name, who),
});
const asNobody = (name: string) => expectedOf(name, 'anonymous');
const asOwner = (name: string) => expectedOf(name, 'owner');
const asOther = (name: string) => expectedOf(name, 'other');

/** All of the table, and those who are none of them: they have the rights of one, or of nobody. */
const rows: Readonly<Record<string, Row>> = {
  ...Object.fromEntries(everyone.map((who) => [who, rowOf(who)])),
  'the gateway for nobody': { certificate: 'gateway', expected: asNobody },
  'the edge for nobody': { certificate: 'edge', expected: asNobody },
  'the gateway for ada': { certificate: 'gateway', headers: { 'mesh-subject': 'ada' }, expected: asOwner },
  'order, passing on a call of bob': {
    certificate: 'order',
    headers: { 'mesh-subject': 'bob', 'mesh-origin': 'outside' },
    expected: asOther,
  },
  'a program with a certificate': { certificate: 'program/reports', expected: asNobody },
  'bob, who says he is ada and admin': {
    user: 'other',
    headers: { 'mesh-subject': 'ada', 'mesh-roles': 'admin', 'mesh-service': 'order' },
    expected: asOther,
  },
};

let mesh: ProcessMesh;
let samples: ReturnType<typeof sampleRequests>;

beforeAll(async () => {
  mesh = await startProcessMesh();
  samples = sampleRequests(await placeOrder((name, request, who) => mesh.call(name, request, { user: who })));
}, 60_000);

afterAll(() => mesh?.[Symbol.asyncDispose]());

const expectedOfAll = (name: string, callers: Readonly<Record<string, Row>>) =>
  Object.fromEntries(Object.entries(callers).map(([who, { expected }]) => [who, expected(name)]));

describe('a process with certificates and tokens, over gRPC', () => {
  it.each(allMethods.map(nameOf))('%s is for whom it should be', async (name) => {
    const decisions = Object.entries(rows).map(async ([who, caller]) => {
      const { status } = await mesh.call(name, samples[name] ?? {}, caller);
      return [who, decisionOf(status)] as const;
    });
    expect(Object.fromEntries(await Promise.all(decisions))).toEqual(expectedOfAll(name, rows));
  });
});

describe('a process with certificates and tokens, over REST', () => {
  // A certificate says nothing there: browsers have none.
  const callers = Object.fromEntries(Object.entries(rows).filter(([, { certificate }]) => certificate === undefined));

  it.each(routedMethods.map((method) => [nameOf(method), method] as const))(
    '%s is for whom it should be',
    async (name, method) => {
      const decided: Record<string, string> = {};
      for (const [who, caller] of Object.entries(callers)) {
        // One after the other: what one of them changes may be what the next one would have to read again.
        for (const request of restRequests(method, samples[name] ?? {})) {
          const { status, body } = await mesh.send(request, caller);
          decided[who] = restDecisionOf(status, body);
          if (decided[who] !== caller.expected(name)) break;
        }
      }
      expect(decided).toEqual(expectedOfAll(name, callers));
    },
  );
});
