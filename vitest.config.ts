import { fileURLToPath } from 'node:url';
import { configDefaults, defineConfig } from 'vitest/config';

// Workers and the programs that tests start load many modules; compiled ones load in half the time.
process.env.NODE_COMPILE_CACHE ??= fileURLToPath(new URL('.cache/compile', import.meta.url));

export default defineConfig({
  test: {
    include: ['mesh', 'services', 'test', 'scripts', 'examples', 'packages'].map((folder) => `${folder}/**/*.test.ts`),
    // Its code is generated where it is copied to: test/recipes does that, and runs its tests there.
    exclude: [...configDefaults.exclude, 'examples/gift/**', 'scripts/new-service/template/**'],
    reporters: ['default', './mesh/testing/reporters/hung-files.ts', './mesh/testing/reporters/retried-tests.ts'],
    // What passes only then is named at the end.
    retry: process.env.CI ? 1 : 0,
    // Teardowns run from the last to the first: the end of a log names what failed.
    globalSetup: ['mesh/testing/reporters/failed-tests.ts', 'mesh/testing/reporters/servers-report.ts'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // More than the two cores that it must run on: for half of their time, files wait for servers and for timeouts.
    maxWorkers: 3,
  },
});
