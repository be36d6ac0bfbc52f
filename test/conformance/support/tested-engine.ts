import type { Engine } from '../../../mesh/engines/engine.ts';
import { type EngineName, engineByName } from '../../../mesh/engines/engines.ts';
import { packageEngine } from '../package/package-engine.ts';

/** Returns the engine of this name, or the installed `@ordermesh/grpc` whose module is at this path. */
export async function testedEngine(name: string): Promise<Engine> {
  return name.startsWith('/') ? await packageEngine(name) : await engineByName(name as EngineName);
}
