import { readFileSync } from 'node:fs';
import type { Reporter, TestCase, TestModule } from 'vitest/node';

/** No file takes longer, on the slowest machine. */
const longestMs = 10 * 60_000;

/**
 * Vitest's reporter that ends a run in which a test file hangs, and names the file and its test. Vitest's own limits are
 * timers in the process of the test, which cannot fire there when a test keeps that process busy.
 */
export default class HungFiles implements Reporter {
  readonly #timers = new Map<string, NodeJS.Timeout>();
  readonly #running = new Map<string, string>();

  onTestModuleStart({ moduleId }: TestModule): void {
    const timer = setTimeout(() => this.#end(moduleId), longestMs);
    timer.unref();
    this.#timers.set(moduleId, timer);
  }

  onTestCaseReady({ module, fullName }: TestCase): void {
    this.#running.set(module.moduleId, fullName);
  }

  onTestModuleEnd({ moduleId }: TestModule): void {
    clearTimeout(this.#timers.get(moduleId));
    this.#timers.delete(moduleId);
    this.#running.delete(moduleId);
  }

  #end(moduleId: string): void {
    const test = this.#running.get(moduleId) ?? 'not known';
    console.error(`HUNG: ${moduleId} has run for ${longestMs / 60_000} minutes. Its last test: ${test}`);
    // A worker that is busy takes no notice of anything else.
    for (const worker of children()) process.kill(worker, 'SIGKILL');
    process.exit(1);
  }
}

/** The processes that this one has started; Linux says so. */
function children(): number[] {
  const list = `/proc/${process.pid}/task/${process.pid}/children`;
  return readFileSync(list, 'utf8').split(' ').filter(Boolean).map(Number);
}
