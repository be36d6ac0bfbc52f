import type { MeshCallContext } from '#mesh';

/** The metadata that says whether a call is about the whole mesh (default) or about the process that answers it. */
export const scopeKey = 'x-ordermesh-scope';
export const processScope = 'process';

/** The trailer that names the processes that did not answer: what they have is missing in the response. */
const missingKey = 'x-ordermesh-missing';

/** Whether a call is about the process that answers it. */
export function isOfProcess({ metadata }: Pick<MeshCallContext, 'metadata'>): boolean {
  return metadata.get(scopeKey) === processScope;
}

/** Names in the trailer of a call what is missing in its response. */
export function nameMissing({ trailer }: Pick<MeshCallContext, 'trailer'>, missing: readonly string[]): void {
  if (missing.length > 0) trailer.set(missingKey, missing.toSorted().join(', '));
}
