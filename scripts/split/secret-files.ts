import { fileVariableOf } from '../../mesh/config/setting-files.ts';
import type { PlannedProcess } from './plan.ts';

/**
 * Returns a planned process that reads a secret from the same file as the supervisor, whose environment `given` it
 * inherits: the value, as it is in `resolved`, does not get into its environment. Where the plan has another value,
 * that counts, and not the file.
 */
export function readSecretFiles(
  process: PlannedProcess,
  given: NodeJS.ProcessEnv,
  resolved: NodeJS.ProcessEnv,
): PlannedProcess {
  const settings = Object.entries(process.environment).flatMap(([variable, value]) => {
    const file = fileVariableOf({ variable });
    if (!given[file]) return [[variable, value]];
    // An empty variable counts as not set.
    return value === resolved[variable]
      ? []
      : [
          [variable, value],
          [file, ''],
        ];
  });
  return { ...process, environment: Object.fromEntries(settings) };
}
