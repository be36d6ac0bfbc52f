import { onTestFinished } from 'vitest';
import { defineService, type Storage, saga } from '#mesh';
import { startMesh, type TestMesh } from '../../mesh/testing/start-mesh.ts';
import { tempFolder } from '../../mesh/testing/temp-folder.ts';

/** A service with a saga, a consumer, an outbox and dead letters. `fill` runs after its tables were created. */
export function createKeeper(fill: (storage: Storage) => Promise<void> = async () => undefined) {
  let opened: Storage | undefined;
  const definition = defineService({
    name: 'keeper',
    migrations: [],
    topics: [{ name: 'notes' }],
    async setup({ storage, run }) {
      opened = storage;
      await run.sagas([saga('ship-it', 1).step('ship', { run: async () => undefined })]);
      await run.consumer({ group: 'readers', topics: ['notes'], handle: async () => undefined });
      await fill(storage);
      return { serves: [] };
    },
  });
  return {
    definition,
    storage: (): Storage => {
      if (opened === undefined) throw new Error('the mesh has not started');
      return opened;
    },
  };
}

/** Starts a mesh for the rest of the test. */
export async function startForTest(
  definitions: Parameters<typeof startMesh>[0],
  environment: Record<string, string>,
): Promise<TestMesh> {
  const mesh = await startMesh(definitions, environment);
  onTestFinished(() => mesh.stop());
  return mesh;
}

/** Returns a folder that is removed after the test. */
export async function folderForTest(): Promise<string> {
  const folder = await tempFolder();
  onTestFinished(() => folder[Symbol.asyncDispose]());
  return folder.path;
}
