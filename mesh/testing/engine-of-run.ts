import { defaultEngine, type EngineName, engineByName, engineNames } from '../engines/engines.ts';

/** The engine that the tests of this run stand on: `GRPC_ENGINE`, or else the default. */
export const engineNameOfRun: EngineName =
  engineNames.find((name) => name === process.env.GRPC_ENGINE) ?? defaultEngine;

export const engineOfRun = await engineByName(engineNameOfRun);
