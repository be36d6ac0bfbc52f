import type { Probe, ProbeAnswer } from '../../../mesh/edge/testing/probes/probe.ts';
import { probes } from '../../../mesh/edge/testing/probes/probes.ts';
import type { Differing } from './differences/difference.ts';
import { differences } from './differences/differences.ts';
import { type HttpProbe, httpProbes } from './http-probes.ts';

/** A request that both are sent. */
export type Compared = Probe | HttpProbe;

/** A probe under its name: `routes: refuses a slash at the end`. */
export interface NamedProbe {
  readonly name: string;
  readonly probe: Compared;
  /** Why Envoy answers otherwise, and how; `undefined`: it answers the same. */
  readonly differing: Differing | undefined;
}

/** Returns all probes. Throws if a difference names none of them. */
export function comparedProbes(): readonly NamedProbe[] {
  const byName = new Map(
    differences.flatMap(({ because, probes }) =>
      Object.entries(probes).map(([name, envoy]): [string, Differing] => [name, { because, envoy }]),
    ),
  );
  const named = Object.entries({ ...probes, ...httpProbes }).flatMap(([table, list]) =>
    list.filter(isCompared).map((probe) => {
      const name = `${table}: ${probe.name}`;
      return { name, probe, differing: byName.get(name) };
    }),
  );
  const names = new Set(named.map(({ name }) => name));
  const unknown = [...byName.keys()].filter((name) => !names.has(name));
  if (unknown.length > 0) throw new Error(`differences without a probe: ${unknown.join(', ')}`);
  return named;
}

/** A text with half of a character cannot be sent as UTF-8. The path of a method is for Connect, which Envoy does not speak. */
function isCompared({ target, body }: Compared): boolean {
  return (body === undefined || body.isWellFormed()) && !target.startsWith('/shapes.v1.');
}

/** Says in short what ordermesh answers: `GetShape {"id":"s1"}`, or `400 id`. */
export function describeAnswer(answer: ProbeAnswer | HttpProbe['answer']): string {
  if ('calls' in answer) return `${answer.calls} ${JSON.stringify(answer.request)}`;
  if ('refuses' in answer) return `400 ${answer.refuses.join(', ')}`;
  if ('allows' in answer) return `405, allowed: ${answer.allows.join(', ')}`;
  return 'notFound' in answer ? '404' : String(answer.status);
}
