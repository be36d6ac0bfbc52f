import { type Logger, type MeshCallContext, take } from '#mesh';
import type { OpsPart } from '../ops-part.ts';
import { isOfProcess, nameMissing } from '../process-scope.ts';
import type { FoundParts, PartGroup } from '../remote/find-parts.ts';
import { type Answered, askAll, findInGroups, listGroups, type Unanswered } from './ask.ts';

/** What one call of an operator sees: this process and, unless it is about this process only, the others. */
export interface MeshView {
  readonly local: OpsPart;
  /** Whether no other process is found. */
  readonly isAlone: boolean;
  /** The other processes, sorted by name and address. */
  readonly others: readonly OpsPart[];
  /** The services of which no process is found. */
  readonly unfound: readonly PartGroup[];
  /** Which processes did not answer what was asked until now. */
  missing(): readonly string[];
  /** Asks one process of each service. Names in the trailer which did not answer. */
  all<T>(ask: (part: OpsPart) => Promise<T>): Promise<Answered<T>[]>;
  /** The same, but returns the groups that did not answer. */
  allKnown<T>(ask: (part: OpsPart) => Promise<T>): Promise<{ answers: Answered<T>[]; unanswered: Unanswered[] }>;
  /** Finds what one process has; see `findInGroups`. */
  find<T>(ask: (part: OpsPart) => Promise<T>): Promise<Answered<T>>;
  /** Lists what all have in id order; 0: no limit. Names in the trailer which did not answer. */
  list<T extends { readonly id: string }>(
    page: { readonly afterId: string; readonly limit: number },
    list: (part: OpsPart, afterId: string) => AsyncIterable<T>,
  ): AsyncGenerator<{ readonly part: OpsPart; readonly element: T }>;
}

/** Returns the view of each call. */
export type ViewOf = (call: MeshCallContext) => MeshView;

/** Creates the views of an operator's calls. Which process does not answer is also logged. */
export function createViews(find: () => FoundParts, logger: Logger): ViewOf {
  return (call) => {
    const { signal } = call;
    const { local, others, groups } = isOfProcess(call) ? { local: find().local, others: [], groups: [] } : find();
    const own: PartGroup = { name: 'ops', parts: [local], isOnly: groups.length === 0 };
    const all = [own, ...groups];
    const missing: string[] = [];
    const log = ({ label, why }: Unanswered) =>
      logger.warn({ process: label, why }, 'process did not answer an operator');
    const note = (unanswered: Unanswered) => {
      missing.push(unanswered.label);
      nameMissing(call, missing);
      log(unanswered);
    };
    return {
      local,
      isAlone: groups.length === 0,
      others,
      unfound: groups.filter(({ parts }) => parts.length === 0),
      missing: () => missing,
      all: (ask) => askAll(all, signal, ask, note),
      async allKnown(ask) {
        const unanswered: Unanswered[] = [];
        const answers = await askAll(all, signal, ask, (one) => {
          unanswered.push(one);
          log(one);
        });
        return { answers, unanswered };
      },
      find: (ask) => findInGroups(all, signal, ask),
      list: ({ afterId, limit }, list) => take(listGroups(all, afterId, signal, list, note), limit, signal),
    };
  };
}
