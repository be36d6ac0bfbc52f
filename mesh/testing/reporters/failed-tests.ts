import { inspect } from 'node:util';
import type { TestModule, TestProject } from 'vitest/node';

/** Vitest's global setup: names what failed as the last lines of a run, so that the end of a log is enough to see it. */
export default function setup({ vitest }: TestProject): () => void {
  return () => {
    const report = describeFailures(vitest.state.getTestModules(), vitest.state.getUnhandledErrors());
    if (report !== '') console.log(report);
  };
}

/** Formats the report: one line per failed test, per file that failed outside its tests, and per error that no test caught. */
export function describeFailures(modules: readonly TestModule[], unhandled: readonly unknown[]): string {
  const failed = modules.flatMap((module) => [
    ...module.errors().map(({ message }) => `  ${module.relativeModuleId}: ${firstLine(message)}`),
    ...[...module.children.allSuites()].flatMap((suite) =>
      suite.errors().map(({ message }) => `  ${module.relativeModuleId} > ${suite.fullName}: ${firstLine(message)}`),
    ),
    ...[...module.children.allTests('failed')].map(
      (test) =>
        `  ${module.relativeModuleId} > ${test.fullName}: ${firstLine(test.result().errors?.[0]?.message ?? 'failed')}`,
    ),
  ]);
  const outside = unhandled.map((error) => `  outside of tests: ${firstLine(messageOf(error))}`);
  const lines = [...failed, ...outside];
  return lines.length > 0 ? ['FAILED:', ...lines].join('\n') : '';
}

/** Vitest passes errors on as objects without a prototype. */
function messageOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'message' in error ? String(error.message) : inspect(error);
}

export function firstLine(message: string): string {
  return message.split('\n', 1)[0] ?? message;
}
