import { bodyProbes } from './bodies.ts';
import { bodyValueProbes } from './body-values.ts';
import type { Probe } from './probe.ts';
import { queryProbes } from './queries.ts';
import { queryValueProbes } from './query-values.ts';
import { routeProbes } from './routes.ts';
import { updateProbes } from './updates.ts';
import { variableProbes } from './variables.ts';

/** All probes, by what they are about. */
export const probes: Readonly<Record<string, readonly Probe[]>> = {
  routes: routeProbes,
  variables: variableProbes,
  queries: queryProbes,
  'values in queries': queryValueProbes,
  bodies: bodyProbes,
  'values in bodies': bodyValueProbes,
  updates: updateProbes,
};
