import { afterAll, vi } from 'vitest';

// A setup file for tests whose files share a process: fails each file that leaves changed variables of the environment, or
// a clock that stands still, to the files after it. Those get what this file got.

const before = { ...process.env };

// Hooks at the end run from the last to the first, so this one comes after those of the file.
afterAll(() => {
  const leftovers = [...restoreEnvironment(), ...restoreTimers()];
  if (leftovers.length > 0)
    throw new Error(
      `left behind for other test files, which share the process: ${leftovers.join(', ')}. Restore it in afterEach or ` +
        'onTestFinished, with vi.unstubAllEnvs() after vi.stubEnv(…), and with vi.useRealTimers()',
    );
});

/** Returns which variables had changed. Their values may be secret. */
function restoreEnvironment(): string[] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(process.env)])];
  const changed = names.filter((name) => process.env[name] !== before[name]);
  for (const name of changed) {
    const value = before[name];
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  }
  return changed.map((name) => `process.env.${name}`);
}

function restoreTimers(): string[] {
  if (!vi.isFakeTimers()) return [];
  vi.useRealTimers();
  return ['fake timers'];
}
