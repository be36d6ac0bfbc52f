import { readFileSync } from 'node:fs';
import type { Reporter, TestCase, TestModule } from 'vitest/node';

/** Longer than any test file takes on the slowest machine. */
const maxFileMs = 10 * 60_000;

/**
 * A Vitest reporter that ends the run if a test file hangs, and names the file and its test. Vitest's own timeouts are timers
 * in the test's process, which cannot fire while a test blocks it.
 */
export default class HungFiles implements Reporter {
  readonly #timers = new Map<string, NodeJS.Timeout>();
  readonly #running = new Map<string, string>();

  onTestModuleStart({ moduleId }: TestModule): void {
    const timer = setTimeout(() => this.#end(moduleId), maxFileMs);
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
    const test = this.#running.get(moduleId) ?? 'unknown';
    console.error(`HUNG: ${moduleId} has run for ${maxFileMs / 60_000} minutes. Its last test: ${test}`);
    // A blocked worker reacts only to SIGKILL.
    for (const worker of children()) process.kill(worker, 'SIGKILL');
    process.exit(1);
  }
}

/** Returns the child processes of this process (Linux only). */
function children(): number[] {
  const list = `/proc/${process.pid}/task/${process.pid}/children`;
  return readFileSync(list, 'utf8').split(' ').filter(Boolean).map(Number);
}
