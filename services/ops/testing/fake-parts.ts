import type { RedriveDeadLettersResponse } from '#gen/ops/v1/ops.ts';
import type { MeshCallContext, Once } from '#mesh';
import { captureLog } from '#mesh/testing';
import { createViews, type ViewOf } from '../combine/mesh-view.ts';
import type { OpsPart } from '../ops-part.ts';
import type { PartGroup } from '../remote/find-parts.ts';

/** A part that answers with `answers`, and fails what they leave out. `address`: of another process. */
export function fakePart(address: string | undefined, answers: Partial<OpsPart>): OpsPart {
  const remote = address === undefined ? undefined : { name: address.replace(/-?\d*:.*/, ''), address };
  return { remote, servesOps: async () => true, ...answers } as OpsPart;
}

/** The call of an operator, with the trailer that it gets, and how many responses were stored. */
export function fakeCall() {
  let stored = 0;
  const trailer = new Map<string, string>();
  const once = Object.assign(() => Promise.reject(new TypeError('no transaction here')), {
    replay: async () => undefined,
    withoutTransaction: <Response>(effect: () => Promise<Response>) => {
      stored += 1;
      return effect();
    },
  });
  const call = {
    signal: new AbortController().signal,
    peer: 'test',
    remainingMs: () => 5_000,
    metadata: new Map<string, string>(),
    trailer,
    once,
  } as unknown as MeshCallContext & { readonly once: Once<RedriveDeadLettersResponse> };
  return { call, missing: () => trailer.get('x-ordermesh-missing'), stored: () => stored };
}

/** The views of a mesh in which `local` finds these groups. */
export function viewsOf(local: OpsPart, ...groups: readonly PartGroup[]): ViewOf {
  const others = groups.flatMap(({ parts }) => parts);
  return createViews(() => ({ local, others, groups, possible: [] }), captureLog().logger);
}
