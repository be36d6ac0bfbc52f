import type { ServiceDefinition } from '../app/service/service.ts';
import { type App, startApp } from '../app/start-app.ts';
import { readConfig } from '../config/config.ts';
import { createLogger, type Logger } from '../telemetry/logger.ts';
import { engineNameOfRun } from './engine-of-run.ts';
import { tempFolder } from './temp-folder.ts';

/** A mesh in this process, on a free port, with a temporary data folder. */
export interface TestMesh extends Omit<App, 'stop'> {
  readonly dataDir: string;
  stop(): Promise<void>;
}

/** Starts services with the same wiring as in production. `environment` overrides settings. Uses the engine of the test run. Default of `logger`: fatal errors. */
export async function startMesh(
  definitions: readonly ServiceDefinition[],
  environment: Record<string, string> = {},
  logger?: Logger,
): Promise<TestMesh> {
  const folder = environment.DATA_DIR ?? (await tempFolder());
  const dataDir = typeof folder === 'string' ? folder : folder.path;
  const config = readConfig(
    {
      GRPC_LISTEN: '127.0.0.1:0',
      HTTP_LISTEN: 'off',
      // Requests that tests write by hand are for any host.
      HTTP_HOSTS: '*',
      LOG_LEVEL: 'fatal',
      DRAIN_TIMEOUT_MS: '2000',
      GRPC_ENGINE: engineNameOfRun,
      ...environment,
      DATA_DIR: dataDir,
    },
    { settings: definitions.flatMap(({ settings }) => settings) },
  );
  const app = await startApp(config, definitions, logger ?? createLogger(config.logLevel));
  return {
    ...app,
    dataDir,
    stop: async () => {
      await app.stop();
      if (typeof folder !== 'string') await folder[Symbol.asyncDispose]();
    },
  };
}
