import type { MeshError } from '../errors/mesh-error.ts';
import type { Storage } from '../storage/storage.ts';
import { sagaDefinitionChanged, sagaRequestIdsChanged } from './errors.ts';
import type { AnyDefinition, RequestIds } from './saga.ts';
import { selectUnfinished } from './store/unfinished-sagas.ts';

/** The kinds of saga that an engine knows, by name and version. */
export interface Definitions {
  readonly all: readonly AnyDefinition[];
  find(name: string, version: number): AnyDefinition | undefined;
}

/** Indexes definitions. Throws if two have the same name and version, or one has no steps. */
export function createDefinitions(all: readonly AnyDefinition[]): Definitions {
  const byKey = new Map<string, AnyDefinition>();
  for (const definition of all) {
    const key = keyOf(definition.name, definition.version);
    if (byKey.has(key)) throw new Error(`the saga ${key} is defined twice; give one of them another version`);
    checkSteps(key, definition.steps);
    byKey.set(key, definition);
  }
  return { all, find: (name, version) => byKey.get(keyOf(name, version)) };
}

function checkSteps(key: string, steps: AnyDefinition['steps']): void {
  if (steps.length === 0) throw new Error(`the saga ${key} has no steps`);
  const names = new Set(steps.map((step) => step.name));
  if (names.size !== steps.length)
    throw new Error(`the saga ${key} has two steps with the same name: request ids are made from names`);
  if (steps.filter(({ pivot }) => pivot).length > 1) throw new Error(`the saga ${key} has two pivots: keep the first`);
}

function keyOf(name: string, version: number): string {
  return `${name} v${version}`;
}

/** What is compared of a saga and its definition. */
interface Comparable {
  readonly steps: readonly { readonly name: string }[];
  readonly requestIds?: RequestIds;
}

/**
 * Returns the refusal to drive a saga whose steps had other names, or another order, when it began: outcomes are stored by
 * position, so each would be treated as that of another step. Likewise if the request ids of its steps were made in another
 * way: a call that is repeated with another id has its effect twice. Undefined if both are the same.
 */
export function definitionChange(definition: AnyDefinition, stored: Comparable): MeshError | undefined {
  const { name: saga, version } = definition;
  const names = { stored: namesOf(stored), defined: namesOf(definition) };
  if (names.stored !== names.defined) return sagaDefinitionChanged({ saga, version, ...names });
  const ids = { stored: requestIdsOf(stored), defined: requestIdsOf(definition) };
  return ids.stored === ids.defined ? undefined : sagaRequestIdsChanged({ saga, version, ...ids });
}

const pageSize = 500;

/** Compares all unfinished sagas with their definitions. Throws FAILED_PRECONDITION `SAGA_DEFINITION_CHANGED`. */
export async function requireUnchanged(storage: Storage, definitions: Definitions): Promise<void> {
  for (const state of ['running', 'compensating', 'needs-attention'] as const) {
    let afterId: string | undefined = '';
    while (afterId !== undefined) {
      const page = await selectUnfinished(storage, state, afterId, pageSize);
      for (const saga of page) {
        const definition = definitions.find(saga.name, saga.definitionVersion);
        const change = definition && definitionChange(definition, saga.record);
        if (change) throw change;
      }
      afterId = page.length === pageSize ? page.at(-1)?.id : undefined;
    }
  }
}

function namesOf({ steps }: Comparable): string {
  return steps.map(({ name }) => name).join(', ');
}

function requestIdsOf({ requestIds = 'hashed' }: Comparable): RequestIds {
  return requestIds;
}
