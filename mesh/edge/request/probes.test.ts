import { toJson } from '@bufbuild/protobuf';
import { beforeAll, describe, expect, it } from 'vitest';
import { MeshError } from '../../errors/mesh-error.ts';
import { readHttpRoutes } from '../rules/http-routes.ts';
import { createRouteTable } from '../rules/route-table.ts';
import type { Probe, ProbeAnswer } from '../testing/probes/probe.ts';
import { probes } from '../testing/probes/probes.ts';
import { shapesRegistry } from '../testing/shapes.ts';
import { compileRequestReader } from './read-request.ts';

let answer: (probe: Probe) => ProbeAnswer;

beforeAll(async () => {
  const registry = await shapesRegistry();
  const routes = readHttpRoutes(registry);
  const table = createRouteTable(routes);
  const readers = new Map(routes.map((route) => [route, compileRequestReader(route, registry)]));
  answer = ({ verb, target, body }) => {
    const [path = '', ...query] = target.split('?');
    const match = table.match(verb, path);
    if (match.kind === 'not-found') return { notFound: true };
    if (match.kind === 'wrong-method') return { allows: match.allow };
    const { route, variables } = match;
    try {
      const request = readers.get(route)?.({ variables, query: query.join('?'), body });
      if (request === undefined) throw new Error('the route has no reader');
      return { calls: route.method.name, request: toJson(route.method.input, request, { registry }) };
    } catch (error) {
      if (!(error instanceof MeshError)) throw error;
      return { refuses: error.violations.map(({ field }) => field) };
    }
  };
});

describe.each(Object.entries(probes))('the edge, asked about %s,', (_, table) => {
  it.each(table.map((probe) => [probe.name, probe] as const))('%s', (_name, probe) => {
    expect(answer(probe)).toEqual(probe.answer);
  });
});
