import { tempFolder } from '../mesh/testing/temp-folder.ts';
import { atMost, type Benchmark } from './figure.ts';
import { startServer } from './support/server.ts';
import { importUsers } from './support/users.ts';

/** ImportUsers through the front door: every user is on the disk, and so is its event, when it answers. */
export const benchImportUsers: Benchmark = async () => {
  await using folder = await tempFolder();
  await using mesh = await startServer({ dataDir: folder.path });
  const begunMs = performance.now();
  await importUsers(mesh, 100_000);
  return [atMost('ImportUsers of 100,000', (performance.now() - begunMs) / 1_000, 15, 's')];
};
