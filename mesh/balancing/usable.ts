import type { InstanceState } from './balancer.ts';
import type { Instance } from './instance.ts';

/**
 * Returns the instances that get calls: those that can be reached and serve. If more than half of them are ejected, the fault
 * is hardly theirs, and all of them get calls (panic, as in Finagle and Envoy). If none serves, those that can be reached get
 * calls; if none can, all do. `contract`: whose health counts. `undefined`: that of all contracts that were called.
 */
export function usable(instances: readonly Instance[], contract: string | undefined): readonly Instance[] {
  const inState = (...states: readonly InstanceState[]) => inStates(instances, states, contract);
  const ready = inState('ready');
  const serving = inState('ready', 'ejected');
  if (serving.length > 0) return ready.length * 2 >= serving.length ? ready : serving;
  const reachable = inState('draining', 'not-serving', 'not-served');
  return reachable.length > 0 ? reachable : instances;
}

// An instance that drains or does not serve may still answer. A silent one would keep the call until its deadline.
const untriedStates: readonly (readonly InstanceState[])[] = [['ready'], ['ejected'], ['draining', 'not-serving']];

/**
 * Returns the best of the instances that a call has not tried: none if what is left is silent, or cannot be reached. With
 * `orAway`, those that cannot be reached come last: they may be back.
 */
export function bestUntried(
  untried: readonly Instance[],
  contract: string | undefined,
  orAway: boolean,
): readonly Instance[] {
  const order: typeof untriedStates = orAway ? [...untriedStates, ['away']] : untriedStates;
  for (const states of order) {
    const found = inStates(untried, states, contract);
    if (found.length > 0) return found;
  }
  return [];
}

function inStates(
  instances: readonly Instance[],
  states: readonly InstanceState[],
  contract: string | undefined,
): readonly Instance[] {
  return instances.filter((instance) => states.includes(instance.stateFor(contract)));
}
