import type { Difference } from './difference.ts';
import { differencesOfRequests } from './of-requests.ts';
import { differencesOfValues } from './of-values.ts';

/** All intended differences. */
export const differences: readonly Difference[] = [...differencesOfRequests, ...differencesOfValues];
