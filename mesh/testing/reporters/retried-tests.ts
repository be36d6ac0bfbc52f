import type { Reporter, TestModule } from 'vitest/node';
import { firstLine } from './failed-tests.ts';

/**
 * Lists tests that passed only on a retry, with what failed before: they depend on time or on other tests and must be fixed. Continuous integration
 * retries failed tests once, so one flaky test does not hide the result of all others.
 */
export default class RetriedTests implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const retried = modules.flatMap((module) =>
      [...module.children.allTests('passed')]
        .filter((test) => (test.diagnostic()?.retryCount ?? 0) > 0)
        .map((test) => {
          const [failure] = test.result().errors ?? [];
          return `  ${module.relativeModuleId} > ${test.fullName}: ${firstLine(failure?.message ?? 'failed')}`;
        }),
    );
    if (retried.length > 0) process.stdout.write(`\nPassed only on a retry, fix them:\n${retried.join('\n')}\n`);
  }
}
