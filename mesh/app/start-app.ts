import type { Config } from '../config/config.ts';
import { gatewayName, type Registration } from '../discovery/discovery.ts';
import { openProcessTls } from '../security/tls/process-tls.ts';
import { serverDraining } from '../server/errors.ts';
import { createHealth } from '../server/health/health.ts';
import { warnOfOpenFolder } from '../storage/open-folders.ts';
import type { Logger } from '../telemetry/logger.ts';
import { systemClock } from '../time/clock.ts';
import { keepAlive } from '../time/keep-alive.ts';
import { sleep } from '../time/sleep.ts';
import { claimDataFolder } from './data/data-folder.ts';
import { warnOfDroppedTokens } from './data/dropped-tokens.ts';
import { hasManifest } from './data/manifest.ts';
import { checkExposure, checkNodeTls } from './exposure.ts';
import { type OpenApp, openApp } from './open-app.ts';
import { warnOfPlainPasswords } from './plain-passwords.ts';
import type { ServiceDefinition } from './service/service.ts';
import { createShutdown, type Unended } from './shutdown.ts';
import { checkDatabases, checkDistinctListeners, checkListen } from './start-checks.ts';

/** A running process. */
export interface App extends OpenApp {
  /**
   * Drains and ends it: reports NOT_SERVING, then ends background work, calls in progress, and everything it opened.
   * Resolves with what did not end, after at most `DRAIN_TIMEOUT_MS` + 3 s. Later calls wait for the first.
   */
  stop(): Promise<readonly Unended[]>;
}

/** A process that is starting. */
export interface StartingApp extends Pick<App, 'stop'> {
  /** Resolves once it serves. If it cannot, rejects with the reason after closing everything it had opened. */
  readonly ready: Promise<App>;
}

/** How long a drain waits for the registry, at most a tenth of the grace. */
const maxLeaveMs = 1_000;

/** How long a stop waits for a start in progress to notice it. */
const maxStartEndMs = 500;

/** Starts services in this process and resolves once they serve. In a new data folder it first checks that it can listen. */
export function startApp(config: Config, definitions: readonly ServiceDefinition[], logger: Logger): Promise<App> {
  return beginApp(config, definitions, logger).ready;
}

/** The same, for a process that can be stopped before it is ready: calls that it has accepted by then are finished. */
export function beginApp(config: Config, definitions: readonly ServiceDefinition[], logger: Logger): StartingApp {
  const clock = systemClock;
  const health = createHealth(clock);
  const draining = new AbortController();
  const shutdown = createShutdown({ graceMs: config.drainTimeoutMs, clock, logger });
  let releaseFolder: (() => void) | undefined;
  let registration: Registration | undefined;
  let starting = true;
  const startEnded = new AbortController();
  const endStart = () => {
    starting = false;
    startEnded.abort();
  };
  // What a start opens is ended only if it is added before its stage.
  shutdown.add('work', 'start', () => sleep(clock, maxStartEndMs, startEnded.signal));
  const drain = async () => {
    const startMs = clock.elapsedMs();
    // Callers that find this process by the registry go elsewhere before it refuses anything.
    await registration?.leave(Math.min(maxLeaveMs, config.drainTimeoutMs / 10));
    health.drain();
    draining.abort(serverDraining());
    const failed = await shutdown.run(startMs);
    // What was cut off may still write, so the next start treats this run as not cleanly ended.
    if (failed.length === 0 && !starting) releaseFolder?.();
    return failed;
  };
  let stopped: Promise<readonly Unended[]> | undefined;
  const stop = () => {
    stopped ??= keepAlive(drain());
    return stopped;
  };
  const start = async (): Promise<App> => {
    try {
      const hasEdge = definitions.some((definition) => definition.hasEdge);
      checkDistinctListeners(config, hasEdge);
      checkNodeTls(process.env);
      checkExposure(config, hasEdge, logger);
      warnOfPlainPasswords(config, logger);
      const tls = openProcessTls(config, { clock, logger, gateway: gatewayName });
      if (tls) shutdown.add('resources', 'TLS files', async () => tls.close());
      checkDatabases(config, definitions.filter(({ isLocal }) => !isLocal).length);
      // Do not create a new mesh next to a running one that lost its folder. An existing mesh listens only once it serves:
      // whoever connects earlier would be cut off.
      if (!hasManifest(config.dataDir)) {
        await checkListen(config, hasEdge);
      }
      draining.signal.throwIfAborted();
      const dataFolder = claimDataFolder(config.dataDir);
      releaseFolder = dataFolder.release;
      warnOfOpenFolder(config.dataDir, logger);
      const parts = {
        config,
        definitions,
        dataFolder,
        health,
        draining: draining.signal,
        shutdown,
        tls,
        clock,
        logger,
      };
      const app = await openApp(parts);
      // Operator commands have no callers.
      if (definitions.length > 0) warnOfDroppedTokens(config, dataFolder.manifest, logger);
      dataFolder.opened();
      if (!draining.signal.aborted) registration = app.register();
      return { ...app, stop };
    } catch (error) {
      endStart();
      await stop();
      throw error;
    } finally {
      endStart();
    }
  };
  return { ready: keepAlive(start()), stop };
}
