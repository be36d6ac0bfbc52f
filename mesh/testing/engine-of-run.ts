import { defaultEngine, type EngineName, engineByName, engineNames } from '../engines/engines.ts';

/** The engine of this test run: `GRPC_ENGINE`, or the default. */
export const engineNameOfRun: EngineName =
  engineNames.find((name) => name === process.env.GRPC_ENGINE) ?? defaultEngine;

export const engineOfRun = await engineByName(engineNameOfRun);
