import { execFile, spawnSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { eventually } from '../eventually.ts';
import { tempFolder } from '../temp-folder.ts';
import { freePort } from './free-port.ts';
import { type GuardedProcess, spawnGuarded } from './guarded-process.ts';
import type { TestServer } from './servers.ts';

/** Knot, a DNS server. It stops when it goes out of scope or the test process exits. */
export interface KnotServer extends AsyncDisposable {
  /** `127.0.0.1:<port>`, over UDP and TCP. */
  readonly address: string;
  /** Replaces all records: `user.mesh.test. 1 A 127.0.0.1`. All other names do not exist. */
  serve(records: readonly string[]): Promise<void>;
  /** Kills it. */
  kill(): Promise<void>;
  /** Starts it again at the same address, with the last records. */
  start(): Promise<void>;
}

// Debian installs it where only root finds it.
const [daemon, control] = ['knotd', 'knotc'].map((name) =>
  [`/usr/sbin/${name}`, name].find((file) => spawnSync(file, ['-V']).status === 0),
);

/** The installed Knot, for `describeWithServer`. */
export const knot: TestServer = { name: 'Knot DNS', version: installedVersion() };

const run = promisify(execFile);

/** Starts Knot without records, as the server of all names. */
export async function startKnot(): Promise<KnotServer> {
  const folder = await tempFolder();
  const [config, zone, log] = ['knot.conf', 'root.zone', 'knot.log'].map((name) => join(folder.path, name)) as [
    string,
    string,
    string,
  ];
  const port = await freePort();
  const address = `127.0.0.1:${port}`;
  let serial = 0;
  let child: GuardedProcess | undefined;
  const write = async (records: readonly string[]) => {
    serial += 1;
    const head = ['. 1 SOA ns.invalid. admin.invalid. ', `${serial} 60 60 3600 1`].join('');
    await writeFile(zone, [head, '. 1 NS ns.invalid.', ...records, ''].join('\n'));
  };
  const command = (name: string) => run(control ?? 'knotc', ['-c', config, '-b', name]);
  const start = async () => {
    const started = spawnGuarded({ command: [daemon ?? 'knotd', '-c', config], log, removeFolder: folder.path });
    child = started;
    await eventually(async () => {
      if (started.exitCode === null) await command('status');
    });
    if (started.exitCode !== null) throw new Error(`Knot did not start:\n${await readFile(log, 'utf8')}`);
  };
  await writeFile(
    config,
    `server:
    rundir: ${folder.path}
    listen: 127.0.0.1@${port}
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
log:
  - target: stdout
    any: info
database:
    storage: ${folder.path}
zone:
  - domain: .
    file: ${zone}
    zonefile-sync: -1
    zonefile-load: whole
    journal-content: none
`,
  );
  await write([]);
  await start();
  return {
    address,
    async serve(records) {
      await write(records);
      await command('zone-reload');
    },
    kill: async () => void (await child?.end('KILL')),
    start,
    async [Symbol.asyncDispose]() {
      await child?.end('KILL');
      await folder[Symbol.asyncDispose]();
    },
  };
}

function installedVersion(): string | undefined {
  if (daemon === undefined || control === undefined) return undefined;
  return /\d[.\d]*/.exec(spawnSync(daemon, ['-V'], { encoding: 'utf8' }).stdout)?.[0];
}
