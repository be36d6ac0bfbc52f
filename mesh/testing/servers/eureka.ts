import { existsSync, readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { eventually } from '../eventually.ts';
import { tempFolder } from '../temp-folder.ts';
import { freePort } from './free-port.ts';
import { type GuardedProcess, spawnGuarded } from './guarded-process.ts';
import type { TestServer } from './servers.ts';

/** A Eureka server without peers. It stops when it goes out of scope or the test process exits. */
export interface EurekaServer extends AsyncDisposable {
  /** `127.0.0.1:<port>`. */
  readonly address: string;
  /** Kills it: it forgets everything. */
  kill(): Promise<void>;
  /** Starts it again at the same address and waits until it answers. */
  start(): Promise<void>;
  /** Suspends it with its connections open, or resumes it. */
  signal: GuardedProcess['signal'];
}

const folder = fileURLToPath(new URL('../../../.tools/eureka', import.meta.url));

/** The Eureka server of Spring Cloud, installed by `make deps`, for `describeWithServer`. */
export const eureka: TestServer = { name: 'Eureka', version: installedVersion() };

const startTimeoutMs = 120_000;

// By default its answers are up to 30 s old, and expired instances are removed once a minute or not at all.
const settings = [
  '--server.address=127.0.0.1',
  '--eureka.client.register-with-eureka=false',
  '--eureka.client.fetch-registry=false',
  '--eureka.server.enable-self-preservation=false',
  '--eureka.server.response-cache-update-interval-ms=500',
  '--eureka.server.eviction-interval-timer-in-ms=1000',
];

/** Starts a server whose answers are at most half a second old. */
export async function startEureka(): Promise<EurekaServer> {
  const temp = await tempFolder();
  const log = join(temp.path, 'eureka.log');
  const port = await freePort();
  const address = `127.0.0.1:${port}`;
  const quickStart = ['-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', '-Xmx160m'];
  // `make deps` creates a class archive. Java ignores it if the versions do not match.
  const archive = [`-XX:SharedArchiveFile=${folder}/classes.jsa`, '-Xshare:auto', '-Xlog:disable'];
  const main = ['-cp', `${folder}/libs/*`, 'EurekaServer', `--server.port=${port}`, ...settings];
  let child: GuardedProcess | undefined;
  const start = async () => {
    const started = spawnGuarded({
      command: ['java', ...quickStart, ...archive, ...main],
      log,
      removeFolder: temp.path,
    });
    child = started;
    await eventually(
      async () => {
        if (started.exitCode === null) await fetch(`http://${address}/eureka/apps`).then((answer) => answer.text());
      },
      { timeoutMs: startTimeoutMs, intervalMs: 100 },
    );
    if (started.exitCode !== null) throw new Error(`Eureka did not start:\n${await readFile(log, 'utf8')}`);
  };
  await start();
  return {
    address,
    start,
    kill: async () => void (await child?.end('KILL')),
    signal: (signal) => child?.signal(signal),
    async [Symbol.asyncDispose]() {
      await child?.end('KILL');
      await temp[Symbol.asyncDispose]();
    },
  };
}

// `make deps` copies the pom last, so it shows a complete installation.
function installedVersion(): string | undefined {
  if (!existsSync(join(folder, 'pom.xml'))) return undefined;
  const versions = readdirSync(join(folder, 'libs')).map(
    (file) => /^spring-cloud-netflix-eureka-server-([\d.]+)\.jar$/.exec(file)?.[1],
  );
  return versions.find((version) => version !== undefined);
}
