import { execFileSync } from 'node:child_process';
import { closeSync, constants, openSync, readSync, writeSync } from 'node:fs';
import { Status } from 'nice-grpc-common';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { UserServiceContract } from '../../gen/ts/user/v1/user.contract.ts';
import { endpointsByAddress } from '../balancing/endpoint-source.ts';
import { createClientFactory } from '../client/client-factory.ts';
import { createLogger } from '../telemetry/logger.ts';
import { engineOfRun } from '../testing/engine-of-run.ts';
import { eventually } from '../testing/eventually.ts';
import type { SpawnedProcess } from '../testing/servers/spawn-command.ts';
import { spawnProcess } from '../testing/servers/start-process.ts';
import { type TempFolder, tempFolder } from '../testing/temp-folder.ts';
import { systemClock } from '../time/clock.ts';

/** Time limit for an idle process to exit. */
const endsWithinMs = 4_000;

describe('a process that writes to a pipe', () => {
  let folder: TempFolder;
  let pipe: string;
  let reader: number;
  let started: SpawnedProcess;
  let clients: ReturnType<typeof createClientFactory>;
  let text: string;

  beforeEach(async () => {
    folder = await tempFolder();
    pipe = `${folder.path}/pipe`;
    execFileSync('mkfifo', [pipe]);
    reader = openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK);
    const output = openSync(pipe, 'w');
    started = spawnProcess({
      dataDir: `${folder.path}/data`,
      args: ['user'],
      environment: { LOG_LEVEL: 'debug' },
      output,
    });
    closeSync(output);
    text = '';
    const address = await eventually(
      () => {
        text += readNow(reader);
        return /^ready grpc=(\S+)/m.exec(text)?.[1] ?? expect.fail('not ready');
      },
      { timeoutMs: 50_000 },
    );
    clients = createClientFactory({
      endpoints: endpointsByAddress(engineOfRun, () => address),
      clock: systemClock,
      logger: createLogger('fatal'),
    });
  });

  afterEach(async () => {
    clients.close();
    await started[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  });

  /** Each is a line of the log. */
  async function makeCalls(): Promise<void> {
    const users = clients.client(UserServiceContract);
    for (let count = 0; count < 20; count += 1) {
      await expect(users.getUser({ id: 'nobody' })).rejects.toMatchObject({ code: expect.any(Number) });
      await expect(users.getUser({ id: 'nobody' })).rejects.not.toMatchObject({ code: Status.UNAVAILABLE });
    }
  }

  async function endInTime(): Promise<void> {
    const startMs = performance.now();
    started.child.kill('SIGTERM');
    expect(await started.ended).toEqual({ code: 0, signal: null });
    expect(performance.now() - startMs).toBeLessThan(endsWithinMs);
  }

  it('continues to serve and exits with 0 if its reader is gone before it logs again', async () => {
    closeSync(reader);
    await makeCalls();
    await endInTime();
  });

  it('exits with 0 if nobody reads its last lines', async () => {
    closeSync(reader);
    await endInTime();
  });

  it('continues to serve and exits with 0 if its reader stops and the pipe is full', async () => {
    fill(pipe);
    await makeCalls();
    await endInTime();
    closeSync(reader);
  });

  it('writes what it held when its reader continues', async () => {
    fill(pipe);
    await makeCalls();
    await eventually(() => {
      text += readNow(reader);
      expect(text).toContain('/user.v1.UserService/GetUser');
    });
    await endInTime();
    text += readNow(reader);
    closeSync(reader);
    expect(text).toContain('"msg":"stopped"');
  });
});

/** What the pipe has now. */
function readNow(fd: number): string {
  const bytes = Buffer.alloc(200_000);
  try {
    return bytes.toString('utf8', 0, readSync(fd, bytes));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return '';
    throw error;
  }
}

function fill(pipe: string): void {
  const fd = openSync(pipe, constants.O_WRONLY | constants.O_NONBLOCK);
  try {
    for (const size of [4_096, 1]) writeUntilFull(fd, Buffer.alloc(size, '\n'));
  } finally {
    closeSync(fd);
  }
}

function writeUntilFull(fd: number, bytes: Buffer): void {
  try {
    for (;;) writeSync(fd, bytes);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
  }
}
