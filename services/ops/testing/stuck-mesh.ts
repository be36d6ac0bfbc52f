import { randomUUID } from 'node:crypto';
import type { Client } from 'nice-grpc';
import { expect } from 'vitest';
import { DeadLetterServiceContract, SagaServiceContract } from '#gen/ops/v1/ops.contract.ts';
import { type DeadLetterServiceDefinition, type SagaServiceDefinition, SagaState } from '#gen/ops/v1/ops.ts';
import { uuidv7 } from '#mesh';
import { eventually, startMesh, type TestMesh } from '#mesh/testing';
import { opsService } from '../service.ts';
import { createStuckService, type StuckService } from './stuck-service.ts';

/** A mesh of the ops service and a service in which sagas, events and tasks get stuck. */
export interface StuckMesh {
  readonly mesh: TestMesh;
  readonly stuck: StuckService;
  readonly sagas: Client<SagaServiceDefinition>;
  readonly deadLetters: Client<DeadLetterServiceDefinition>;
  /** Begins a saga and resolves with its id when it needs attention. */
  parkedSaga(): Promise<string>;
}

/** Starts the mesh, with databases of its own, because a list shows everything in them. */
export async function startStuckMesh(settings: Record<string, string>): Promise<StuckMesh> {
  const stuck = createStuckService();
  const mesh = await startMesh([stuck.definition, opsService], newDatabases(settings));
  const sagas = mesh.runtime.client(SagaServiceContract);
  return {
    mesh,
    stuck,
    sagas,
    deadLetters: mesh.runtime.client(DeadLetterServiceContract),
    async parkedSaga() {
      const id = uuidv7();
      await stuck.beginSaga(id);
      await eventually(async () => {
        const { state } = await sagas.getSaga({ name: { $case: 'id', value: id } });
        expect(state).toBe(SagaState.SAGA_STATE_NEEDS_ATTENTION);
      });
      return id;
    },
  };
}

/** PostgreSQL truncates names after 63 characters. */
function newDatabases({ DATABASE_URL: url }: Record<string, string>): Record<string, string> {
  return url === undefined ? {} : { DATABASE_URL: url.replace(/[^/]*<service>/, `${randomUUID()}-<service>`) };
}
