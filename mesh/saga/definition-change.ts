import type { MeshError } from '../errors/mesh-error.ts';
import type { Storage } from '../storage/storage.ts';
import type { Catalog } from './definitions.ts';
import { sagaDefinitionChanged } from './errors.ts';
import type { AnyDefinition } from './saga.ts';
import { selectUnfinishedSteps } from './store/saga-table.ts';

/** The steps of a saga or a definition, as far as they are compared. */
interface Steps {
  readonly steps: readonly { readonly name: string }[];
}

/**
 * The refusal to drive a saga with a definition whose steps have other names, or another order, than when it began: by
 * their places each outcome would be taken for that of another step. Undefined when they are the same.
 */
export function definitionChange(definition: AnyDefinition, stored: Steps): MeshError | undefined {
  if (namesOf(definition) === namesOf(stored)) return undefined;
  const { name, version } = definition;
  return sagaDefinitionChanged({ saga: name, version, stored: namesOf(stored), defined: namesOf(definition) });
}

const pageSize = 500;

/** Compares all unfinished sagas with the definitions of their name and version; throws `SAGA_DEFINITION_CHANGED`. */
export async function requireUnchanged(storage: Storage, catalog: Catalog): Promise<void> {
  for (const state of ['running', 'compensating', 'needs-attention'] as const) {
    let afterId: string | undefined = '';
    while (afterId !== undefined) {
      const page = await selectUnfinishedSteps(storage, state, afterId, pageSize);
      for (const saga of page) {
        const definition = catalog.find(saga.name, saga.definitionVersion);
        const change = definition && definitionChange(definition, saga);
        if (change) throw change;
      }
      afterId = page.length === pageSize ? page.at(-1)?.id : undefined;
    }
  }
}

function namesOf({ steps }: Steps): string {
  return steps.map(({ name }) => name).join(', ');
}
