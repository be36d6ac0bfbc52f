import type { Reporter, TestModule } from 'vitest/node';

/**
 * Names at the end of a run each test that passed only when it was run again: it depends on time or on its neighbours, and
 * has to be fixed. Continuous integration runs what fails once more, so that one of them does not hide the outcome of all.
 */
export default class RetriedTests implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const retried = modules.flatMap((module) =>
      [...module.children.allTests('passed')]
        .filter((test) => (test.diagnostic()?.retryCount ?? 0) > 0)
        .map((test) => `  ${module.relativeModuleId} > ${test.fullName}`),
    );
    if (retried.length > 0) process.stdout.write(`\nPassed only when run again, fix them:\n${retried.join('\n')}\n`);
  }
}
