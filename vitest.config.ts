import { fileURLToPath } from 'node:url';
import { configDefaults, defineConfig } from 'vitest/config';

// Workers and the programs that tests start load many modules; compiled ones load in half the time.
process.env.NODE_COMPILE_CACHE ??= fileURLToPath(new URL('.cache/compile', import.meta.url));

const folders = ['mesh', 'services', 'test', 'scripts', 'examples', 'packages'];

/** Test files here share a process: loading modules takes longer than most of them run. */
const sharing = [
  'mesh/{audit,balancing,client,config,contract,edge,errors,event-store,idempotency,identity,iterables}',
  'mesh/{metrics,rest-client,saga,security,server,telemetry,time,values}',
  'services',
  'test/edge',
];

const filesIn = (folder: string) => `${folder}/**/*.test.ts`;

const isShared = Boolean(process.env.CI);
const ofEachFile = {
  // What passes only then is named at the end.
  retry: isShared ? 1 : 0,
  // Others may use the machine of a CI as well.
  testTimeout: isShared ? 60_000 : 30_000,
  hookTimeout: isShared ? 120_000 : 60_000,
};

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          ...ofEachFile,
          name: 'own process',
          include: folders.map(filesIn),
          // Its code is generated where it is copied to: test/recipes does that, and runs its tests there.
          exclude: [
            ...configDefaults.exclude,
            ...sharing.map(filesIn),
            'examples/gift/**',
            'scripts/new-service/template/**',
          ],
        },
      },
      {
        test: {
          ...ofEachFile,
          name: 'shared process',
          include: sharing.map(filesIn),
          isolate: false,
          setupFiles: ['mesh/testing/reporters/leftovers.ts'],
        },
      },
    ],
    reporters: ['default', './mesh/testing/reporters/hung-files.ts', './mesh/testing/reporters/retried-tests.ts'],
    // Teardowns run from the last to the first: the end of a log names what failed.
    globalSetup: ['mesh/testing/reporters/failed-tests.ts', 'mesh/testing/reporters/servers-report.ts'],
    // More than the two cores that it must run on: for half of their time, files wait for servers and for timeouts.
    maxWorkers: 3,
  },
});
