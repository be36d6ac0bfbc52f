import { tempFolder } from '../mesh/testing/temp-folder.ts';
import { atMost, type Benchmark } from './figure.ts';
import { startServer } from './support/server.ts';
import { importUsers } from './support/users.ts';

/** ImportUsers over gRPC. Users and their events are durable when it returns. */
export const benchImportUsers: Benchmark = async () => {
  await using folder = await tempFolder();
  await using mesh = await startServer({ dataDir: folder.path });
  const startMs = performance.now();
  await importUsers(mesh, 100_000);
  return [atMost('ImportUsers of 100,000', (performance.now() - startMs) / 1_000, 15, 's')];
};
