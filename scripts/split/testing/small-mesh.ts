import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from '../../../mesh/testing/servers/free-port.ts';
import { tempFolder } from '../../../mesh/testing/temp-folder.ts';
import { createLaunches } from '../launch.ts';
import { createOutput } from '../output.ts';
import { createSupervisor, type Supervisor, type SupervisorOptions } from '../supervisor.ts';

/** Runs as every process of a small mesh. */
export const smallMain = fileURLToPath(new URL('./small-main.ts', import.meta.url));

export interface SmallMeshOptions extends Partial<SupervisorOptions> {
  /** What processes do wrong, by name: see `small-main.ts`. */
  readonly faults?: Readonly<Record<string, string>>;
  /** See `PlannedProcess`. */
  readonly successor?: Readonly<Record<string, string>>;
}

/** What the tests of a supervisor have in common: the history of its processes, and its log. */
export async function openSmallMesh() {
  const folder = await tempFolder();
  const historyFile = join(folder.path, 'history');
  const stopFile = join(folder.path, 'stop');
  const log: string[] = [];
  const created: Supervisor[] = [];

  /** Supervises processes with these names, such as `order-1`. */
  async function supervise(names: readonly string[], options: SmallMeshOptions = {}) {
    const { faults = {}, successor, ...rest } = options;
    const gatewayAddress = `127.0.0.1:${await freePort()}`;
    const plan = names.map((name) => {
      const service = name.replace(/-\d$/, '');
      const address = service === 'gateway' ? gatewayAddress : '127.0.0.1:0';
      const files = { HISTORY: historyFile, STOP_BY: stopFile, FAULT: faults[name] ?? '', DATA_DIR: folder.path };
      return {
        name,
        service,
        address,
        environment: { GRPC_LISTEN: address, NAME: name, ...files },
        ...(successor && { successor }),
      };
    });
    const supervisor = createSupervisor({
      plan,
      gateway: 'gateway',
      launches: createLaunches(smallMain),
      output: createOutput({ write: (line) => log.push(line) }),
      drainTimeoutMs: 0,
      settleMs: 0,
      ...rest,
    });
    created.push(supervisor);
    const pidsOf = (name: string) => supervisor.processes.find(({ plan }) => plan.name === name)?.pids() ?? [];
    const kill9 = (name: string) => {
      const [pid] = pidsOf(name);
      if (pid === undefined) throw new Error(`${name} does not run`);
      process.kill(pid, 'SIGKILL');
    };
    return { ...supervisor, pidsOf, kill9, gatewayAddress };
  }

  return {
    folder: folder.path,
    historyFile,
    stopFile,
    log: () => log.join(''),
    history: () => (existsSync(historyFile) ? readFileSync(historyFile, 'utf8').trim().split('\n') : []),
    /** Processes with a fault misbehave from now on. */
    hold: () => writeFileSync(stopFile, ''),
    release: () => rmSync(stopFile),
    supervise,
    async [Symbol.asyncDispose]() {
      for (const supervisor of created) {
        supervisor.kill();
        await supervisor.stop();
      }
      await folder[Symbol.asyncDispose]();
    },
  };
}
