import type { Config } from '../config/config.ts';
import { serverDraining } from '../server/errors.ts';
import { createHealth } from '../server/health/health.ts';
import type { Logger } from '../telemetry/logger.ts';
import { systemClock } from '../time/clock.ts';
import { checkDatabases } from './check-databases.ts';
import { checkListen } from './check-listen.ts';
import { claimDataFolder } from './data-folder.ts';
import { hasManifest } from './manifest.ts';
import { type OpenApp, openApp } from './open-app.ts';
import type { ServiceDefinition } from './service.ts';
import { createShutdown, type Unended } from './shutdown.ts';

/** A running process, as its owner sees it. */
export interface App extends OpenApp {
  /**
   * Drains and ends it: NOT_SERVING, background work, calls under way, then everything it opened. It resolves within
   * `DRAIN_TIMEOUT_MS` and 3 s, whatever hangs, with what did not end. Once; later calls wait.
   */
  stop(): Promise<readonly Unended[]>;
}

/** A process that starts. */
export interface StartingApp extends Pick<App, 'stop'> {
  /** Resolves when it serves. Rejects, when all that was opened is closed, with what keeps it from that. */
  readonly ready: Promise<App>;
}

/** Starts services in this process and resolves when they serve. In a folder without a mesh it first checks that it can listen. */
export function startApp(config: Config, definitions: readonly ServiceDefinition[], logger: Logger): Promise<App> {
  return beginApp(config, definitions, logger).ready;
}

/** The same, of a process that can be ended before it is ready: calls that it has taken by then are finished. */
export function beginApp(config: Config, definitions: readonly ServiceDefinition[], logger: Logger): StartingApp {
  const clock = systemClock;
  const health = createHealth(clock);
  const draining = new AbortController();
  const shutdown = createShutdown({ graceMs: config.drainTimeoutMs, clock, logger });
  let releaseFolder: (() => void) | undefined;
  let starting = true;
  const drain = async () => {
    health.drain();
    draining.abort(serverDraining());
    const failed = await shutdown.run();
    // What was cut off may still write: to the next start this run is one that did not end.
    if (failed.length === 0 && !starting) releaseFolder?.();
    return failed;
  };
  let stopped: Promise<readonly Unended[]> | undefined;
  const stop = () => {
    stopped ??= drain();
    return stopped;
  };
  const start = async (): Promise<App> => {
    try {
      checkDatabases(config, definitions.length);
      // A new mesh must not be made beside one that lost its folder and still runs. An old one listens when it serves, and
      // not before: whoever connects meanwhile would be cut off.
      if (!hasManifest(config.dataDir)) await checkListen(config);
      draining.signal.throwIfAborted();
      const dataFolder = claimDataFolder(config.dataDir);
      releaseFolder = dataFolder.release;
      const parts = { config, definitions, dataFolder, health, draining: draining.signal, shutdown, clock, logger };
      const app = await openApp(parts);
      dataFolder.opened();
      return { ...app, stop };
    } catch (error) {
      starting = false;
      await stop();
      throw error;
    } finally {
      starting = false;
    }
  };
  return { ready: start(), stop };
}
