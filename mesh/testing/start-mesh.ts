import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ServiceDefinition } from '../app/service.ts';
import { type App, startApp } from '../app/start-app.ts';
import { readConfig } from '../config/config.ts';
import { createLogger } from '../telemetry/logger.ts';
import { engineNameOfRun } from './engine-of-run.ts';

/** A mesh in this process, on a free port, with a temporary data folder. */
export interface TestMesh extends Omit<App, 'stop'> {
  readonly dataDir: string;
  stop(): Promise<void>;
}

/** Starts services with the same wiring as in production. `environment` overrides settings. Uses the engine of the test run. */
export async function startMesh(
  definitions: readonly ServiceDefinition[],
  environment: Record<string, string> = {},
): Promise<TestMesh> {
  const dataDir = environment.DATA_DIR ?? (await mkdtemp(join(tmpdir(), 'ordermesh-')));
  const config = readConfig(
    {
      GRPC_LISTEN: '127.0.0.1:0',
      LOG_LEVEL: 'fatal',
      DRAIN_TIMEOUT_MS: '2000',
      GRPC_ENGINE: engineNameOfRun,
      ...environment,
      DATA_DIR: dataDir,
    },
    { settings: definitions.flatMap(({ settings }) => settings) },
  );
  const app = await startApp(config, definitions, createLogger(config.logLevel));
  return {
    ...app,
    dataDir,
    stop: async () => {
      await app.stop();
      if (environment.DATA_DIR === undefined) await rm(dataDir, { recursive: true, force: true });
    },
  };
}
