import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Status } from 'nice-grpc-common';
import { MeshError } from '../../errors/mesh-error.ts';
import type { SagaDefinition, StepContext } from '../saga.ts';
import type { TestData } from './test-saga.ts';

/** Where the process that drives a saga is killed. */
export type KillPoint = `${'before' | 'after'} ${'run' | 'undo'} ${string}` | `reporting ${string}`;

const log = 'effects.log';

/**
 * Creates a saga whose participants store their effects in files of `folder`, once per request id, so they outlive the
 * process. The process is killed with SIGKILL at `killAt`.
 */
export function createFileSaga(
  folder: string,
  ending: 'completes' | 'compensates',
  killAt: KillPoint | undefined,
): SagaDefinition<TestData> {
  const pass = (point: KillPoint) => {
    if (point === killAt) process.kill(process.pid, 'SIGKILL');
  };
  const call = (call: `${'run' | 'undo'} ${string}`, requestId: string) => {
    pass(`before ${call}`);
    const receipt = join(folder, requestId);
    if (!existsSync(receipt)) {
      appendFileSync(join(folder, log), `${call}\n`);
      writeFileSync(receipt, call);
    }
    pass(`after ${call}`);
  };
  return {
    name: 'kill',
    version: 1,
    steps: ['reserve', 'charge', 'ship', 'commit'].map((name) => ({
      name,
      async run(_data, { requestId }) {
        if (name === 'commit' && ending === 'compensates') {
          throw new MeshError(Status.FAILED_PRECONDITION, 'SOLD_OUT', 'there is none left');
        }
        call(`run ${name}`, requestId);
        return undefined;
      },
      ...(name === 'commit'
        ? { pivot: true }
        : { undo: async (_data: TestData, { requestId }: StepContext) => call(`undo ${name}`, requestId) }),
    })),
    async report(_tx, progress) {
      pass(progress.at === 'step-done' ? `reporting step-done ${progress.step}` : `reporting ${progress.at}`);
    },
  };
}

/** Returns the effects of the participants, in order. */
export function readEffects(folder: string): string[] {
  return readFileSync(join(folder, log), 'utf8').trimEnd().split('\n');
}
